/**
 * One message from its sending to its end. It is also the context of the call while it is in hand. Invariant: it ends
 * exactly once, in one of six ways, and its ending is what answers the caller and what is counted.
 */
import type { Handling } from "./context.ts";
import { IrisError } from "./errors.ts";
import type { Mail } from "./mailbox.ts";
import type { Method } from "./methods.ts";
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

/** What only some messages need: those whose method asks for its signal, with a deadline, or that a signal may cancel. */
interface Watch {
  controller: AbortController | undefined;
  aborted: unknown;
  timer: TimerHandle | undefined;
  callerSignal: AbortSignal | undefined;
  onCallerAbort: (() => void) | undefined;
}

/** A lifecycle hook is in hand like a message, and is none. */
export class Envelope implements Mail, Handling {
  readonly receiver: Receiver;
  readonly method: Method;
  readonly args: readonly unknown[];
  /** The message in whose handling this call was made, as long as both last: how a call that waits for itself is found. */
  caller: Handling | undefined;
  deadlineAt: number | undefined;
  trace: string | undefined;
  isSettled = false;
  place: "on its way" | "queued" | "in hand" = "on its way";
  /** Set for a call to an async generator. */
  stream: MessageStream<Envelope> | undefined;
  /** Both set for a call that wants an answer; only `reject` for a stream, neither for a tell. */
  resolve: ((value: unknown) => void) | undefined;
  reject: ((error: unknown) => void) | undefined;
  #watch: Watch | undefined;

  constructor(
    receiver: Receiver,
    method: Method,
    args: readonly unknown[],
    resolve: ((value: unknown) => void) | undefined,
    reject: ((error: unknown) => void) | undefined,
  ) {
    this.receiver = receiver;
    this.method = method;
    this.args = args;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** A lifecycle hook that runs, not a message. */
  get isHook(): boolean {
    return this.method.kind === "hook";
  }

  get isTell(): boolean {
    return this.reject === undefined;
  }

  /** Made when first asked for: most methods never look at it. */
  get signal(): AbortSignal {
    const watch = this.#watched();
    if (watch.controller === undefined) {
      watch.controller = new AbortController();
      if (watch.aborted !== undefined) watch.controller.abort(watch.aborted);
    }
    return watch.controller.signal;
  }

  /** True for what a method throws because it was told to give up. */
  isAbortedBy(error: unknown): boolean {
    const aborted = this.#watch?.aborted;
    return aborted !== undefined && (error === aborted || (error instanceof Error && error.name === "AbortError"));
  }

  abort(reason: unknown): void {
    const watch = this.#watched();
    watch.aborted ??= reason;
    watch.controller?.abort(reason);
  }

  /** Ends the message by itself at its deadline, or when `signal` aborts, whichever is first. */
  watch(signal: AbortSignal | undefined): void {
    const watch = this.#watched();
    if (this.deadlineAt !== undefined && this.deadlineAt !== Number.POSITIVE_INFINITY) {
      const { clock } = this.receiver;
      watch.timer = clock.setTimeout(() => this.expire(), Math.max(0, this.deadlineAt - clock.now()));
    }
    if (signal !== undefined) {
      watch.callerSignal = signal;
      watch.onCallerAbort = () => this.cancel(signal.reason);
      signal.addEventListener("abort", watch.onCallerAbort, { once: true });
    }
  }

  /** Gives the error that it ends with. */
  expire(): IrisError {
    return this.#giveUp(
      "expired",
      new IrisError("DEADLINE_EXCEEDED", `${this.#name} passed its deadline ${this.#when}`, {
        where: this.receiver.path,
        maybeExecuted: this.place === "in hand",
      }),
    );
  }

  /** The caller does not want it any more. Gives the error that it ends with. */
  cancel(cause: unknown): IrisError {
    return this.#giveUp(
      "cancelled",
      new IrisError("CANCELLED", `${this.#name} was cancelled by its caller ${this.#when}`, {
        where: this.receiver.path,
        maybeExecuted: this.place === "in hand",
        cause,
      }),
    );
  }

  /** Its receiver is gone while it was in hand: nobody will know what became of it. */
  lose(why: string): void {
    const error = new IrisError("LOST", `${this.receiver.path} ended (${why}) while it handled ${this.method.name}`, {
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
    if (this.#watch !== undefined) this.#unwatch(this.#watch);
    this.receiver.settled(this, outcome, value);
    if (outcome === "handled") this.resolve?.(value);
    else this.reject?.(value);
  }

  #watched(): Watch {
    this.#watch ??= {
      controller: undefined,
      aborted: undefined,
      timer: undefined,
      callerSignal: undefined,
      onCallerAbort: undefined,
    };
    return this.#watch;
  }

  #unwatch({ timer, callerSignal, onCallerAbort }: Watch): void {
    if (timer !== undefined) this.receiver.clock.clearTimeout(timer);
    if (onCallerAbort !== undefined) callerSignal?.removeEventListener("abort", onCallerAbort);
  }

  #giveUp(outcome: "expired" | "cancelled", error: IrisError): IrisError {
    this.abort(error);
    this.settle(outcome, error);
    return error;
  }

  get #name(): string {
    return `${this.receiver.path}.${this.method.name}()`;
  }

  get #when(): string {
    return this.place === "in hand" ? "while it ran" : "before it was started";
  }
}
