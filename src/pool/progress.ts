/**
 * How far a pool has come, told now and then: counts, the rate at which calls end and when the rest will have. It looks
 * at the pool's status and knows nothing else of it. The one invariant: the last that is told is how the pool ended.
 */
import { type Clock, sleep } from "../runtime/ports/clock.ts";
import type { PoolProgress, PoolStatus } from "./executor.ts";

export interface ProgressSource {
  readonly status: () => PoolStatus;
  readonly clock: Clock;
  /** From one look to the next. */
  readonly everyMs: number;
  /** Aborts when the pool has ended. */
  readonly ended: AbortSignal;
}

/** Looks that the rate is taken over: enough to be steady, few enough to follow a change. */
const LOOKS = 10;

interface Look {
  readonly at: number;
  readonly settled: number;
}

/** Begins at once, then tells of every change, `everyMs` apart at least, until the pool has ended. */
export async function* progressOf({ status, clock, everyMs, ended }: ProgressSource): AsyncGenerator<PoolProgress> {
  const looks: Look[] = [];
  let told: string | undefined;
  for (;;) {
    const isLast = ended.aborted;
    const now = status();
    looks.push({ at: clock.now(), settled: now.done + now.failed });
    if (looks.length > LOOKS) looks.shift();
    const progress = { ...now, ...outlook(looks, now.queued + now.inFlight) };
    const text = JSON.stringify(progress);
    if (text !== told || isLast) {
      told = text;
      yield progress;
    }
    if (isLast) return;
    await sleep(clock, everyMs, ended).catch(() => {}); // it only rejects because the pool has ended
  }
}

/** The rate over some looks, and how long `pending` calls take at it. */
function outlook(looks: readonly Look[], pending: number): { ratePerSecond: number; etaMs: number | undefined } {
  const first = looks[0];
  const last = looks.at(-1);
  const overMs = first === undefined || last === undefined ? 0 : last.at - first.at;
  const ended = first === undefined || last === undefined ? 0 : last.settled - first.settled;
  const ratePerSecond = overMs > 0 ? (ended * 1_000) / overMs : 0;
  if (pending === 0) return { ratePerSecond, etaMs: 0 };
  return { ratePerSecond, etaMs: ratePerSecond > 0 ? (pending * 1_000) / ratePerSecond : undefined };
}
