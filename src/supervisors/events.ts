/**
 * What a supervisor tells about itself. Readers are never waited for: each has a bounded queue, and one that falls
 * behind loses the oldest events and is told how many.
 */
import type { ExitReason } from "../runtime/exit.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { Decision } from "./policy.ts";

export type SupervisionEvent = {
  /** By the system's clock. */
  readonly timeMs: number;
  /** Path of the supervisor that it happened in. */
  readonly supervisor: string;
  /** Events that this reader was too slow for, just before this one. */
  readonly missed?: number;
} & SupervisionFact;

export type SupervisionFact =
  /** A child is ready; `starts` counts its starts, this one included. */
  | { readonly kind: "started"; readonly child: string; readonly starts: number }
  /** A child ended by itself. */
  | { readonly kind: "exited"; readonly child: string; readonly cause: ExitReason; readonly decision: Decision["kind"] }
  /** A child was stopped: by hand, with its siblings, or with the supervisor. */
  | { readonly kind: "stopped"; readonly child: string; readonly cause: ExitReason; readonly why: string }
  /** A start or restart failed. */
  | { readonly kind: "start-failed"; readonly child: string; readonly cause: ExitReason }
  /** `together` are started after `delayMs`, because `child` ended or did not start. */
  | {
      readonly kind: "restarting";
      readonly child: string;
      readonly cause: ExitReason;
      readonly together: readonly string[];
      readonly delayMs: number;
      /** Restarts within the window, this one included, of how many. */
      readonly restarts: number;
      readonly maxRestarts: number;
    }
  /** Too many restarts: the supervisor stops its children and ends. */
  | {
      readonly kind: "gave-up";
      readonly child: string;
      readonly cause: ExitReason;
      readonly restarts: number;
      readonly maxRestarts: number;
      readonly withinMs: number;
    }
  /** The supervisor has ended; nothing comes after this. */
  | { readonly kind: "ended"; readonly cause: ExitReason };

export class EventFan {
  readonly #readers = new Set<EventReader>();
  #closed = false;

  publish(event: SupervisionEvent): void {
    for (const reader of this.#readers) reader.push(event);
  }

  /** Begins to collect at once, not at the first `next()`, so that what follows the call is seen. */
  subscribe(): AsyncIterableIterator<SupervisionEvent> {
    const reader = new EventReader(() => this.#readers.delete(reader));
    if (this.#closed) reader.finish();
    else this.#readers.add(reader);
    return reader;
  }

  /** Nothing more is to come: readers get what waits for them, then their loops end. */
  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.finish();
    this.#readers.clear();
  }
}

type Result = IteratorResult<SupervisionEvent, undefined>;

class EventReader implements AsyncIterableIterator<SupervisionEvent> {
  readonly #onLeave: () => void;
  #waiting: SupervisionEvent[] = [];
  #asking: ((result: Result) => void)[] = [];
  #missed = 0;
  #finished = false;

  constructor(onLeave: () => void) {
    this.#onLeave = onLeave;
  }

  push(event: SupervisionEvent): void {
    const asking = this.#asking.shift();
    if (asking !== undefined) {
      asking({ done: false, value: event });
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length > SUPERVISION_LIMITS.eventsWaiting) {
      this.#waiting.shift();
      this.#missed++;
    }
  }

  finish(): void {
    this.#finished = true;
    for (const asking of this.#asking) asking({ done: true, value: undefined });
    this.#asking = [];
  }

  next(): Promise<Result> {
    const event = this.#waiting.shift();
    if (event !== undefined) {
      const missed = this.#missed;
      this.#missed = 0;
      return Promise.resolve({ done: false, value: missed > 0 ? { ...event, missed } : event });
    }
    if (this.#finished) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#asking.push(resolve));
  }

  return(): Promise<Result> {
    this.#waiting = [];
    this.finish();
    this.#onLeave();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
