/** Children that wait for their next start, group by group, and the timers that end the wait. */
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";

/** Children that are started together. Compared by identity: a later group takes over those of an earlier one. */
export interface Group {
  readonly ids: readonly string[];
}

export class Pauses {
  readonly #clock: Clock;
  readonly #timers = new Map<Group, TimerHandle>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(group: Group, delayMs: number, onDue: () => void): void {
    const due = () => {
      this.#timers.delete(group);
      onDue();
    };
    this.#timers.set(group, this.#clock.setTimeout(due, delayMs));
  }

  /** Forgets the groups that nobody waits in any longer. */
  dropUnless(awaited: (group: Group) => boolean): void {
    for (const [group, timer] of this.#timers) {
      if (awaited(group)) continue;
      this.#clock.clearTimeout(timer);
      this.#timers.delete(group);
    }
  }
}
