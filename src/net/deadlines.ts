/**
 * The deadlines of a session's calls, both ways, on one timer that is armed for the earliest. Calls mostly end long
 * before: they are not taken out one by one, but stepped over when they come up, or swept when they are by far the greater part.
 * It holds numbers, no calls, so that it keeps nothing alive, and leaves its timer armed when the last call ends: there is
 * mostly another. The one invariant: there is at most one timer, and none after `close`.
 */
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";

/** What knows the calls by their keys. */
export interface DeadlineOwner {
  /** The deadline of a call that is under way; `undefined` when there is none by this key any more. */
  deadlineOf(key: number): number | undefined;
  /** The deadline has passed. The call is over afterwards. */
  expire(key: number): void;
}

/** Longest time that one timer of Node can wait. Unit: ms. */
const TIMER_MS_MAX = 2_147_483_647;
/** Those that are over are not swept before there are so many: sweeping fewer costs more than it frees. */
const SWEPT_MIN = 4_096;

export class Deadlines {
  readonly #clock: Clock;
  readonly #owner: DeadlineOwner;
  /** A binary heap, the earliest first: keys, and when each is due. */
  readonly #keys: number[] = [];
  readonly #dues: number[] = [];
  #size = 0;
  /** How many in the heap are under way. */
  #live = 0;
  #timer: TimerHandle;
  #armedFor = Number.POSITIVE_INFINITY;
  readonly #onDue = () => this.#due();

  constructor(clock: Clock, owner: DeadlineOwner) {
    this.#clock = clock;
    this.#owner = owner;
  }

  /** From now on the owner knows the key, and by `ended` says when it does not any more. */
  add(key: number, deadlineAt: number): void {
    this.#live++;
    this.#rise(this.#size++, key, deadlineAt);
    if (deadlineAt < this.#armedFor) this.#arm(deadlineAt);
  }

  /** One that was added is over, by whatever cause. Said once for each. */
  ended(): void {
    this.#live--;
    if (this.#live === 0) this.#size = 0;
    else if (this.#size >= SWEPT_MIN && this.#size > 4 * this.#live) this.#sweep();
  }

  /** No call has a deadline any more, nor will one. */
  close(): void {
    this.#size = 0;
    this.#disarm();
  }

  #due(): void {
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    while (this.#size > 0) {
      const key = this.#keys[0] as number;
      const dueAt = this.#dues[0] as number;
      const isLive = this.#owner.deadlineOf(key) === dueAt;
      if (isLive && dueAt > now) {
        this.#arm(dueAt);
        return;
      }
      this.#size--;
      if (this.#size > 0) this.#sink(0, this.#keys[this.#size] as number, this.#dues[this.#size] as number);
      if (isLive) this.#owner.expire(key);
    }
  }

  #sweep(): void {
    let kept = 0;
    for (let at = 0; at < this.#size; at++) {
      const key = this.#keys[at] as number;
      const dueAt = this.#dues[at] as number;
      // Each goes to a place that was read already, and upwards from there.
      if (this.#owner.deadlineOf(key) === dueAt) this.#rise(kept++, key, dueAt);
    }
    this.#size = kept;
  }

  #rise(from: number, key: number, dueAt: number): void {
    const keys = this.#keys;
    const dues = this.#dues;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parentDueAt = dues[above] as number;
      if (parentDueAt <= dueAt) break;
      keys[at] = keys[above] as number;
      dues[at] = parentDueAt;
      at = above;
    }
    keys[at] = key;
    dues[at] = dueAt;
  }

  #sink(from: number, key: number, dueAt: number): void {
    const keys = this.#keys;
    const dues = this.#dues;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= this.#size) break;
      const right = below + 1;
      if (right < this.#size && (dues[right] as number) < (dues[below] as number)) below = right;
      if ((dues[below] as number) >= dueAt) break;
      keys[at] = keys[below] as number;
      dues[at] = dues[below] as number;
      at = below;
    }
    keys[at] = key;
    dues[at] = dueAt;
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
