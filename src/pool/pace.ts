/**
 * How long calls take, learned from those that ended, and from it how many a worker may have in hand. Short calls are sent
 * ahead in numbers, so that the way to the worker costs nothing; a long one, or one of a function not yet seen to end, is
 * sent only to a worker that has nothing else, so that none waits behind another while somebody is idle. Pure.
 */
import { POOL_LIMITS } from "./limits.ts";

/** Weight of the latest duration against all before it. */
const LATEST = 0.2;

export class Pace {
  readonly #expectedMs = new Map<string, number>();

  /** How long a call of this function is expected to take; infinite for one never seen to end. Unit: ms. */
  expected(hash: string): number {
    return this.#expectedMs.get(hash) ?? Number.POSITIVE_INFINITY;
  }

  /** A call of this function has taken so long. */
  learn(hash: string, tookMs: number): void {
    const seen = Math.max(POOL_LIMITS.expectedMsMin, tookMs);
    const before = this.#expectedMs.get(hash);
    if (before === undefined && this.#expectedMs.size >= POOL_LIMITS.functionsKnown) this.#expectedMs.clear();
    this.#expectedMs.set(hash, before === undefined ? seen : before + (seen - before) * LATEST);
  }
}

/** Whether a worker with `inHand` calls, expected to take `inHandMs` in all, may be sent one that is expected to take `nextMs`. */
export function hasRoom(inHand: number, inHandMs: number, nextMs: number): boolean {
  return inHand === 0 || (inHand < POOL_LIMITS.perWorker && inHandMs + nextMs <= POOL_LIMITS.aheadMs);
}
