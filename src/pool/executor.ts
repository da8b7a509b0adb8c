/**
 * What every pool of functions looks like, whether it runs them on threads of this machine or on workers of a cluster.
 * Only the interface: `dispatcher.ts` holds the rules that both share.
 */

import type { Shared } from "./shared.ts";

/** One submitted call: await it for the function's result. */
export interface TaskFuture<R> extends PromiseLike<R>, Pick<Promise<R>, "catch" | "finally"> {
  /** The function's result; rejects with the function's own error, unchanged, or with an `IrisError` of the pool's. */
  result(): Promise<R>;
  /**
   * Gives the call up: the future rejects with `CANCELLED` at once. One still queued never runs. One that runs sees
   * `poolContext().signal` abort; if it has not ended within the pool's `cancelGraceMs`, the thread or process under it is
   * replaced, and the calls that waited behind it there go to others. False when the future had settled already.
   */
  cancel(): boolean;
}

export interface MapOptions {
  /** Results in the order of the items (default), or as they come. */
  ordered?: boolean;
  /** Calls pending at once, at most, and results unread; by default the pool's own bound. */
  inFlightMax?: number;
  /** Aborting ends the loop with `CANCELLED` and cancels what is on the way. */
  signal?: AbortSignal;
}

/** How far a pool has come. */
export interface PoolProgress extends PoolStatus {
  /** Calls that ended, of late, in a second. */
  readonly ratePerSecond: number;
  /** When what is pending will have ended at that rate: 0 with nothing pending, undefined while nothing ends. Unit: ms. */
  readonly etaMs: number | undefined;
}

/** What one call may have of its own; what is not given is the pool's. */
export interface TaskOptions {
  /**
   * Time that a call may run, from when its worker has nothing before it; time in the queue does not count. Past it the
   * future rejects with `DEADLINE_EXCEEDED`, and the call is ended as a cancelled one is. Unit: ms. Range: 1 to 2^31 - 1.
   * Default: as long as it likes.
   */
  timeoutMs?: number;
  /** Times that it is sent again after the worker that ran it died. */
  maxRetries?: number;
}

/** Sends calls to a pool. */
export interface TaskSender {
  /**
   * Runs `fn(...args)` elsewhere; function and arguments are read before this returns. Never throws: the future rejects
   * with the function's own error, unchanged, or with `NOT_SHIPPABLE` when it or an argument cannot travel, `LOST` when
   * its workers died more often than it may be sent again, `CANCELLED`, `DEADLINE_EXCEEDED`, `FAILED_PRECONDITION` after
   * `shutdown()`, or with what ended the pool. A future that nobody awaits never crashes the process: its rejection counts
   * as handled. Each worker runs one call at a time.
   */
  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): TaskFuture<R>;
  /**
   * Runs `fn` over the items and streams the results. Begins with the loop, takes items only as fast as results are read,
   * and at most `inFlightMax` ahead. Leaving the loop cancels the rest, and the first error ends it.
   */
  map<T, R>(
    fn: (item: T) => R | Promise<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options?: MapOptions,
  ): AsyncIterable<R>;
}

/** One place that runs calls: a thread, or an attempt of the pool's job. */
export interface PoolWorkerStatus {
  readonly id: string;
  /** Calls that it has in hand. */
  readonly inFlight: number;
  /** Calls that it has answered, whether with a value or with the function's error. */
  readonly done: number;
}

export interface PoolStatus {
  /** Calls waiting to be sent. */
  readonly queued: number;
  /** Calls with a worker. */
  readonly inFlight: number;
  /** Calls that ended with a value. */
  readonly done: number;
  /** Calls that ended with an error, the pool's or the function's; cancelled ones are among them. */
  readonly failed: number;
  /** Times that a call was sent again after its worker had died. */
  readonly retried: number;
  readonly workers: readonly PoolWorkerStatus[];
}

export interface TaskExecutor extends TaskSender, AsyncDisposable {
  /**
   * The same pool, for calls with something of their own: `pool.with({ timeoutMs: 500 }).submit(fn)`. Throws
   * `INVALID_ARGUMENT` for numbers that make no sense.
   */
  with(options: TaskOptions): TaskSender;
  /**
   * A handle for a large value that many calls use: each worker is sent it once, and a call reads it with
   * `poolContext().shared(handle)`. Read at once; what changes in it later is not seen. Kept as long as the pool. Throws
   * `NOT_SHIPPABLE` for what cannot travel.
   */
  share<T>(value: T): Shared<T>;
  /**
   * Back-pressure: resolves when there is a worker and fewer than `inFlightMax` calls are pending. Rejects with what ended
   * the pool.
   */
  ready(): Promise<void>;
  /** Workers that run calls now. */
  readonly size: number;
  status(): PoolStatus;
  /**
   * How far the pool has come: at once, then whenever that has changed, `everyMs` apart (default 500, range 1 to 2^31 - 1),
   * until the pool has ended; the last is how it ended. Leave the loop when you have seen enough. Keeps no process alive
   * by itself. Throws `INVALID_ARGUMENT` for an `everyMs` out of range.
   */
  progress(options?: { everyMs?: number }): AsyncIterable<PoolProgress>;
  /**
   * Ends the pool and resolves when nothing of it is left. With `drain` what was submitted is finished first; without it
   * (the default, and what leaving an `await using` does) it rejects with `CANCELLED`. Safe to call twice: a second call
   * without `drain` cuts a drain short.
   */
  shutdown(options?: { drain?: boolean }): Promise<void>;
}
