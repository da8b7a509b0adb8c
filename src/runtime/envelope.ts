/**
 * One message from its sending to its end. It is also the context of the call while it is in hand. Invariant: it ends
 * exactly once, in one of six ways, and its ending is what answers the caller and what is counted.
 */
import type { Handling } from "./context.ts";
import { IrisError } from "./errors.ts";
import type { Mail } from "./mailbox.ts";
import type { Clock, TimerHandle } from "./ports/clock.ts";
import type { MessageStream } from "./stream.ts";

/** The six ends of an accepted message. */
export const OUTCOMES = ["handled", "failed", "expired", "cancelled", "rejected", "undeliverable"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The actor that a message is for, as the message sees it. */
export interface Receiver {
  readonly path: string;
  readonly clock: Clock;
  /** Counts the end. `value` is the answer, or the error. */
  settled(envelope: Envelope, outcome: Outcome, value: unknown): void;
}

export class Envelope implements Mail, Handling {
  readonly receiver: Receiver;
  readonly method: string;
  readonly args: readonly unknown[];
  /** The message in whose handling this call was made, as long as both last: how a call that waits for itself is found. */
  caller: Handling | undefined;
  deadlineAt: number | undefined;
  trace: string | undefined;
  /** A lifecycle hook that runs, not a message. */
  isHook = false;
  isSettled = false;
  /** It stands in the mailbox. */
  isQueued = false;
  isInHand = false;
  isTell = false;
  /** Set for a call to an async generator. */
  stream: MessageStream<Envelope> | undefined;
  resolve: ((value: unknown) => void) | undefined;
  reject: ((error: unknown) => void) | undefined;
  #controller: AbortController | undefined;
  #aborted: unknown;
  #timer: TimerHandle | undefined;
  #callerSignal: AbortSignal | undefined;
  #onCallerAbort: (() => void) | undefined;

  constructor(receiver: Receiver, method: string, args: readonly unknown[]) {
    this.receiver = receiver;
    this.method = method;
    this.args = args;
  }

  /** Made when first asked for: most methods never look at it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** True for what a method throws because it was told to give up. */
  isAbortedBy(error: unknown): boolean {
    return (
      this.#aborted !== undefined &&
      (error === this.#aborted || (error instanceof Error && error.name === "AbortError"))
    );
  }

  abort(reason: unknown): void {
    this.#aborted ??= reason;
    this.#controller?.abort(reason);
  }

  /** Ends the message by itself at its deadline, or when `signal` aborts, whichever is first. */
  watch(signal: AbortSignal | undefined): void {
    if (this.deadlineAt !== undefined && this.deadlineAt !== Number.POSITIVE_INFINITY) {
      const { clock } = this.receiver;
      this.#timer = clock.setTimeout(() => this.expire(), Math.max(0, this.deadlineAt - clock.now()));
    }
    if (signal !== undefined) {
      this.#callerSignal = signal;
      this.#onCallerAbort = () => this.cancel(signal.reason);
      signal.addEventListener("abort", this.#onCallerAbort, { once: true });
    }
  }

  expire(): void {
    this.#giveUp(
      "expired",
      new IrisError("DEADLINE_EXCEEDED", `${this.#name} passed its deadline ${this.#place}`, {
        where: this.receiver.path,
        maybeExecuted: this.isInHand,
      }),
    );
  }

  /** The caller does not want it any more. */
  cancel(cause: unknown): void {
    this.#giveUp(
      "cancelled",
      new IrisError("CANCELLED", `${this.#name} was cancelled by its caller ${this.#place}`, {
        where: this.receiver.path,
        maybeExecuted: this.isInHand,
        cause,
      }),
    );
  }

  /** Its receiver is gone while it was in hand: nobody will know what became of it. */
  lose(why: string): void {
    const error = new IrisError("LOST", `${this.receiver.path} ended (${why}) while it handled ${this.method}`, {
      where: this.receiver.path,
      maybeExecuted: true,
    });
    this.abort(error);
    this.settle("failed", error);
  }

  /** Ends the message; every later try is ignored. For `handled`, `value` is the answer, else the error. */
  settle(outcome: Outcome, value: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.caller = undefined;
    if (this.#timer !== undefined) this.receiver.clock.clearTimeout(this.#timer);
    if (this.#onCallerAbort !== undefined) this.#callerSignal?.removeEventListener("abort", this.#onCallerAbort);
    this.receiver.settled(this, outcome, value);
    if (outcome === "handled") this.resolve?.(value);
    else this.reject?.(value);
  }

  #giveUp(outcome: "expired" | "cancelled", error: IrisError): void {
    this.abort(error);
    this.settle(outcome, error);
  }

  get #name(): string {
    return `${this.receiver.path}.${this.method}()`;
  }

  get #place(): string {
    return this.isInHand ? "while it ran" : "before it was started";
  }
}
