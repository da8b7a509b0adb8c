/** A clock that moves only when told to. Timers fire in order of their due time, ties in order of their making. */
import type { Clock, TimerHandle } from "../../src/runtime/ports/clock.ts";

interface Timer {
  readonly id: number;
  readonly dueAt: number;
  readonly fn: () => void;
}

export class ManualClock implements Clock {
  #now: number;
  #nextId = 1;
  readonly #timers = new Map<number, Timer>();

  constructor(startAtMs = 1_000_000) {
    this.#now = startAtMs;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): TimerHandle {
    const id = this.#nextId++;
    this.#timers.set(id, { id, dueAt: this.#now + Math.max(0, ms), fn });
    return id;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as number);
  }

  /** How many timers are waiting: zero when a test has left the room empty. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on by `ms`, firing what falls due on the way, and lets promises settle before, between and after. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.dueAt > until) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#timers.delete(next.id);
      next.fn();
      await settle();
    }
    this.#now = until;
    await settle();
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (first === undefined || timer.dueAt < first.dueAt) first = timer;
    }
    return first;
  }
}

/** Lets every promise and immediate that is ready run, without letting time pass. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
