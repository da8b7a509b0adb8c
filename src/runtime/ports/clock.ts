/**
 * Time, handed in from outside. Everything that waits, times out or stamps an event asks a `Clock`, so that a whole
 * cluster can run under a manual one. A `Clock` is a superset of XState's clock: the same object serves both.
 */

/** Names a pending timer; only good for `clearTimeout` of the clock that made it. */
export type TimerHandle = unknown;

export interface Clock {
  /** Milliseconds since the Unix epoch, never running backwards within a process, so differences are durations. */
  now(): number;
  /** Calls `fn` once, `ms` milliseconds from now, on an empty stack. */
  setTimeout(fn: () => void, ms: number): TimerHandle;
  /** Forgets a timer; a handle that fired or was cleared already is fine. */
  clearTimeout(handle: TimerHandle): void;
}

/** Longest delay a timer of Node takes without firing at once: 2^31 - 1 ms, about 24.8 days. */
const TIMER_MS_MAX = 2_147_483_647;

/** Read once: it does not change, and asking for it costs more than asking for the time. */
const STARTED_AT_MS = performance.timeOrigin;

/**
 * The machine's own clock: the wall time at process start, advanced by the monotonic clock, so that a correction of the
 * wall clock moves no deadline. Timers do not keep the process alive by themselves longer than their owner does.
 */
export const systemClock: Clock = {
  now: () => STARTED_AT_MS + performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, Math.min(ms, TIMER_MS_MAX)),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/** The same clock, whose timers do not keep the process alive: for what only serves something else. */
export const backgroundClock: Clock = {
  ...systemClock,
  setTimeout: (fn, ms) => setTimeout(fn, Math.min(ms, TIMER_MS_MAX)).unref(),
};

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. Leaves no timer or listener behind. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clock.clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
