/**
 * Keeps the event loop from falling asleep while an answer, or the next call, is expected: it asks the sockets again and
 * again instead of being woken by the kernel, which is most of what a sequential call waits for. It burns a whole core
 * while it does, so it is asked for by name and bounded. The one invariant: it ends by itself, soon after the last word.
 */
import type { Clock } from "../runtime/ports/clock.ts";

/**
 * `low`: sequential calls take a fraction of their time, and each end that says so keeps a core busy while calls are under
 * way and for up to a millisecond after the last word. Worth it where a core is free and every call waits for the one
 * before. Default `normal`.
 */
export type Latency = "normal" | "low";

/** How long silence is polled through: a round trip on a local network and a quick method fit. Unit: ms. */
const POLL_MS = 1;
/** Turns of the loop in one silence, should the clock stand still. */
const TURNS_MAX = 10_000;

export class Poller {
  readonly #clock: Clock;
  readonly #isWanted: () => boolean;
  readonly #onTurn = () => this.#turn();
  #turning: NodeJS.Immediate | undefined;
  #until = 0;
  #turnsLeft = 0;

  /** `isWanted` says whether there is anything to wait for. */
  constructor(clock: Clock, isWanted: () => boolean) {
    this.#clock = clock;
    this.#isWanted = isWanted;
  }

  /** Something was said or heard: what comes next may come soon. */
  poke(): void {
    this.#until = this.#clock.now() + POLL_MS;
    this.#turnsLeft = TURNS_MAX;
    this.#turning ??= setImmediate(this.#onTurn);
  }

  stop(): void {
    clearImmediate(this.#turning);
    this.#turning = undefined;
  }

  #turn(): void {
    const goesOn = --this.#turnsLeft > 0 && this.#isWanted() && this.#clock.now() < this.#until;
    this.#turning = goesOn ? setImmediate(this.#onTurn) : undefined;
  }
}
