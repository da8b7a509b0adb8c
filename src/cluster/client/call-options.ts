/** What every asynchronous call of a client takes, and the life of one that waits. */
import { IrisError } from "../../runtime/errors.ts";
import type { Clock, TimerHandle } from "../../runtime/ports/clock.ts";

export interface CallOptions {
  /** Fails with `DEADLINE_EXCEEDED` after so many ms. Control calls have 30 000 unless told otherwise. */
  timeoutMs?: number | undefined;
  /** Aborting fails the call with `CANCELLED`. */
  signal?: AbortSignal | undefined;
}

/** An aborted signal as an error: its reason if that is Iris's own (a deadline of ours), else `CANCELLED`. */
export function cancelled(signal: AbortSignal): IrisError {
  if (IrisError.is(signal.reason)) return signal.reason;
  return new IrisError("CANCELLED", "cancelled by its caller", { cause: signal.reason });
}

/** The time that something may take: a signal that aborts at the caller's deadline, or with the caller's own signal. */
export class Span implements Disposable {
  readonly signal: AbortSignal;
  readonly #clock: Clock;
  readonly #timer: TimerHandle | undefined;
  readonly #ended = new AbortController();

  /** `what` completes "… took longer than 500 ms". Throws `INVALID_ARGUMENT` for a time-out that is none. */
  constructor(clock: Clock, options: CallOptions, what: string) {
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw new IrisError("INVALID_ARGUMENT", `timeoutMs ${String(timeoutMs)} is not allowed: use 0 or more ms`);
    }
    this.#clock = clock;
    this.signal = signal === undefined ? this.#ended.signal : AbortSignal.any([signal, this.#ended.signal]);
    if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#timer = clock.setTimeout(() => {
        this.#ended.abort(new IrisError("DEADLINE_EXCEEDED", `${what} took longer than ${timeoutMs} ms`));
      }, timeoutMs);
    }
  }

  /** Ends what still goes on under the signal, and forgets the deadline. */
  [Symbol.dispose](): void {
    this.#clock.clearTimeout(this.#timer);
    this.#ended.abort();
  }
}
