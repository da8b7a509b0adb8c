/** What a pool tells of how far it has come, under a clock that moves only when told to. */
import test from "ava";
import type { PoolProgress, PoolStatus } from "../../src/pool/executor.ts";
import { LocalPool } from "../../src/pool/local-pool.ts";
import { progressOf } from "../../src/pool/progress.ts";
import { ManualClock } from "../kit/manual-clock.ts";

function scripted(everyMs: number) {
  const clock = new ManualClock();
  const pool = { queued: 10, inFlight: 0, done: 0, failed: 0, retried: 0, workers: [] as PoolStatus["workers"] };
  const ended = new AbortController();
  const loop = progressOf({ status: () => ({ ...pool }), clock, everyMs, ended: ended.signal });
  return { clock, pool, ended, loop };
}

/** The next that is told, with the time it takes. */
async function after(clock: ManualClock, ms: number, next: Promise<IteratorResult<PoolProgress>>) {
  await clock.advance(ms);
  return (await next).value as PoolProgress;
}

test("it tells at once, then of what has ended, with its rate and what is left to wait", async (t) => {
  const { clock, pool, loop } = scripted(100);
  t.like((await loop.next()).value, { queued: 10, done: 0, ratePerSecond: 0, etaMs: undefined });
  Object.assign(pool, { queued: 8, done: 2 });
  t.like(await after(clock, 100, loop.next()), { queued: 8, done: 2, ratePerSecond: 20, etaMs: 400 });
  Object.assign(pool, { queued: 4, done: 5, failed: 1 });
  t.like(await after(clock, 100, loop.next()), { done: 5, failed: 1, ratePerSecond: 30, etaMs: 4_000 / 30 });
  Object.assign(pool, { queued: 0, done: 9 });
  t.like(await after(clock, 100, loop.next()), { etaMs: 0 });
  await loop.return(undefined);
  t.is(clock.pending, 0);
});

test("the rate follows a change and forgets what was long ago", async (t) => {
  const { clock, pool, loop } = scripted(100);
  await loop.next();
  Object.assign(pool, { queued: 1, done: 1_000 });
  t.is((await after(clock, 100, loop.next())).ratePerSecond, 10_000);
  let last = await after(clock, 100, loop.next());
  t.is(last.ratePerSecond, 5_000);
  for (let look = 0; look < 8; look++) last = await after(clock, 100, loop.next());
  t.like(last, { ratePerSecond: 0, etaMs: undefined });
  await loop.return(undefined);
});

test("the end of the pool is told at once, and ends the loop", async (t) => {
  const { clock, pool, ended, loop } = scripted(1_000);
  await loop.next();
  const last = loop.next();
  Object.assign(pool, { queued: 0, failed: 10 });
  ended.abort();
  t.like((await last).value, { failed: 10, etaMs: 0 });
  t.true((await loop.next()).done);
  t.is(clock.pending, 0);
});

test("a pool on threads tells how far it has come, by worker, until it was shut down", async (t) => {
  const pool = new LocalPool({ threads: 1 });
  t.throws(() => pool.progress({ everyMs: 0 }), { code: "INVALID_ARGUMENT", message: /everyMs is 0/ });
  const told: PoolProgress[] = [];
  const listening = (async () => {
    for await (const progress of pool.progress({ everyMs: 1 })) told.push(progress);
  })();
  for (let i = 0; i < 20; i++) await pool.submit((n: number) => n, i);
  const [worker] = pool.status().workers;
  t.deepEqual(worker, { id: "thread-0", inFlight: 0, done: 20 });
  await pool.shutdown();
  await listening;
  t.like(told.at(-1), { queued: 0, inFlight: 0, done: 20, failed: 0, etaMs: 0, workers: [] });
});
