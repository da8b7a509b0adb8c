/**
 * When a supervisor restarted somebody lately. Counting costs the same however many restarts the window holds; invariant:
 * times come in order, so what has left the window never comes back.
 */
import { Ring } from "../runtime/ring.ts";

export class RestartWindow {
  readonly #withinMs: number;
  readonly #restartsAt = new Ring<number>();

  constructor(withinMs: number) {
    this.#withinMs = withinMs;
  }

  /** Restarts that took place at most `withinMs` before `now`. */
  countAt(now: number): number {
    const restartsAt = this.#restartsAt;
    while (restartsAt.first !== undefined && now - restartsAt.first > this.#withinMs) restartsAt.shift();
    return restartsAt.size;
  }

  /** `now`: not before any earlier one. */
  add(now: number): void {
    this.#restartsAt.push(now);
  }
}
