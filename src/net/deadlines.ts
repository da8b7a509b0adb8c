/**
 * The deadlines of a session's calls, both ways, on one timer that is armed for the earliest. Calls mostly end long
 * before: they are not taken out one by one, but stepped over when they come up, or swept when they are the greater part.
 * The one invariant: while no call with a deadline is under way, there is no timer.
 */
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";

/** Something that ends at a time, unless it is over before. */
export interface Expiring {
  /** On the session's clock. Does not change while it waits here. */
  readonly deadlineAt: number;
  /** It needs no deadline any more. Once true, always true. */
  readonly isOver: boolean;
  /** The deadline has passed. It is over afterwards. */
  expire(): void;
}

/** Longest time that one timer of Node can wait. Unit: ms. */
const TIMER_MS_MAX = 2_147_483_647;
/** Those that are over are not swept before there are so many: sweeping fewer costs more than it frees. */
const SWEPT_MIN = 1_024;

export class Deadlines {
  readonly #clock: Clock;
  /** A binary heap, the earliest first. */
  #heap: Expiring[] = [];
  /** How many in the heap are not over. */
  #live = 0;
  #timer: TimerHandle;
  #armedFor = Number.POSITIVE_INFINITY;
  readonly #onDue = () => this.#due();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(entry: Expiring): void {
    const heap = this.#heap;
    this.#live++;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Expiring;
      if (parent.deadlineAt <= entry.deadlineAt) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
    if (entry.deadlineAt < this.#armedFor) this.#arm(entry.deadlineAt);
  }

  /** One that was added is over, by whatever cause. Said once for each. */
  ended(): void {
    this.#live--;
    if (this.#live === 0) {
      this.#heap.length = 0;
      this.#disarm();
    } else if (this.#heap.length >= SWEPT_MIN && this.#heap.length > 2 * this.#live) {
      this.#heap = this.#heap.filter((entry) => !entry.isOver);
      for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at);
    }
  }

  #due(): void {
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return;
      if (!first.isOver && first.deadlineAt > now) {
        this.#arm(first.deadlineAt);
        return;
      }
      this.#removeFirst();
      if (!first.isOver) first.expire();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const entry = heap[from] as Expiring;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = below + 1;
      if (right < heap.length && (heap[right] as Expiring).deadlineAt < (heap[below] as Expiring).deadlineAt) {
        below = right;
      }
      const child = heap[below] as Expiring;
      if (child.deadlineAt >= entry.deadlineAt) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = entry;
  }

  #arm(deadlineAt: number): void {
    this.#disarm();
    this.#armedFor = deadlineAt;
    // Timers count whole milliseconds: rounded up, or it would come before its time and be armed again.
    const ms = Math.ceil(deadlineAt - this.#clock.now());
    this.#timer = this.#clock.setTimeout(this.#onDue, Math.min(TIMER_MS_MAX, Math.max(0, ms)));
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }
}
