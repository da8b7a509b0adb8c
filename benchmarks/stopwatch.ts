/** How a figure is taken inside a process: some time to warm up, then completions counted against the clock. */
import { Session } from "node:inspector";

const WARM_UP_MS = 400;
const MEASURE_MS = 1_000;

/** Calls `batch` over and over; it resolves with how many were completed, and checks them itself. Gives completions/s. */
export async function perSecond(batch: () => Promise<number>): Promise<number> {
  return rate(async () => {
    const beganAt = performance.now();
    const completed = await batch();
    return { completed, tookMs: performance.now() - beganAt };
  });
}

/** As `perSecond`, for a batch that does more than what is measured: it says how long the measured part took. */
export async function rate(batch: () => Promise<{ completed: number; tookMs: number }>): Promise<number> {
  let completed = 0;
  let tookMs = 0;
  for (let warmMs = 0; warmMs < WARM_UP_MS; ) warmMs += Math.max((await batch()).tookMs, 0.1);
  while (tookMs < MEASURE_MS) {
    const done = await batch();
    completed += done.completed;
    tookMs += done.tookMs;
  }
  return (completed / tookMs) * 1_000;
}

/** Milliseconds that `run` takes. */
export async function timeMs(run: () => Promise<unknown>): Promise<number> {
  const beganAt = performance.now();
  await run();
  return performance.now() - beganAt;
}

/** Milliseconds of its processor that this thread spends until `run` is through: what others do on the machine is left out. */
export async function costMs(run: () => Promise<unknown>): Promise<number> {
  const before = process.threadCpuUsage();
  await run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

/** What is alive on the heap, in bytes, after collecting all that is not: the least of several looks, since sweeping is lazy. */
async function liveBytes(): Promise<number> {
  const session = new Session();
  session.connect();
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 6; look++) {
    session.post("HeapProfiler.collectGarbage");
    await new Promise((resolve) => setTimeout(resolve, 20));
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  session.disconnect();
  return least;
}

/** Bytes for each of `count` things that `make` makes and that live until the measurement is through. */
export async function bytesEach(
  count: number,
  make: (index: number) => unknown,
  ready: () => Promise<void>,
): Promise<number> {
  const kept: unknown[] = new Array(count).fill(undefined);
  const before = await liveBytes();
  for (let index = 0; index < count; index++) kept[index] = make(index);
  await ready();
  const after = await liveBytes();
  check(kept.at(-1) !== undefined, "something was made");
  return (after - before) / count;
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`wrong answer: ${what}`);
}

/** Runs `ask` 64 at a time until `calls` have been answered; answers come in the order of asking, and say their number. */
export async function keep64InFlight(
  calls: number,
  first: number,
  ask: (value: number) => Promise<number>,
): Promise<number> {
  let sent = first;
  const last = first + calls;
  const one = async () => {
    while (sent < last) {
      const mine = ++sent;
      check((await ask(1)) === mine, "an answer out of order");
    }
  };
  await Promise.all(Array.from({ length: 64 }, one));
  return last;
}
