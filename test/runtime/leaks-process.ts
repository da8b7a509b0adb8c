/**
 * The process that `leaks.test.ts` looks at; run with --expose-gc. Prints, per story, the heap after a warm-up and after
 * many times as much of the same, the timers that are left, and what still lives.
 */
import assert from "node:assert/strict";
import { type ActorRef, ActorSystem } from "../../src/runtime/index.ts";
import { actor, supervise } from "../../src/supervisors/index.ts";
import { ManualClock } from "../kit/manual-clock.ts";

export interface LeakReport {
  /** Live bytes after the warm-up, and after the story. */
  readonly before: number;
  readonly after: number;
  readonly timers: number;
  readonly living: number;
}

class Counter {
  total = 0;
  add(amount: number): number {
    this.total += amount;
    return this.total;
  }
  async fail(): Promise<never> {
    await null;
    throw new Error("as asked");
  }
}

const clock = new ManualClock();
const system = new ActorSystem({ clock });

/** Each gets a call with a deadline, one that is cancelled, one that fails and a watcher, then is stopped. */
async function spawnAndStop(count: number): Promise<void> {
  // More at once than any queue keeps room for when it is empty.
  const batch = 2_000;
  for (let done = 0; done < count; done += batch) {
    const refs = Array.from({ length: batch }, () => system.spawn(Counter));
    let ended = 0;
    for (const ref of refs) system.watch(ref, () => (ended += 1));
    await Promise.all(refs.map(useOnce));
    await Promise.all(refs.map((ref) => ref.stop()));
    assert.equal(ended, batch);
  }
}

async function useOnce(ref: ActorRef<Counter>): Promise<void> {
  const cancel = new AbortController();
  const cancelled = ref.call({ signal: cancel.signal }).fail();
  cancel.abort();
  ref.tell().add(1);
  await assert.rejects(cancelled, { code: "CANCELLED" });
  await assert.rejects(ref.call({ timeoutMs: 1_000 }).fail(), { message: "as asked" });
  assert.equal(await ref.call({ timeoutMs: 1_000 }).add(1), 2);
}

class Crashing {
  static made = 0;
  constructor() {
    Crashing.made += 1;
  }
  crash(): never {
    throw new Error("as asked");
  }
  ping(): string {
    return "pong";
  }
}

const tree = await system.start(
  supervise({
    name: "tree",
    intensity: { maxRestarts: 100, withinMs: 10 },
    children: [actor(Crashing, { id: "crashing" })],
  }),
);

async function restart(count: number): Promise<void> {
  const ref = tree.ref<Crashing>("crashing");
  for (let done = 0; done < count; done++) {
    const before = Crashing.made;
    await assert.rejects(ref.call().crash(), { message: "as asked" });
    assert.equal(await ref.call().ping(), "pong");
    assert.equal(Crashing.made, before + 1);
    if (done % 50 === 0) await clock.advance(20);
  }
}

async function report(warmUp: number, count: number, story: (count: number) => Promise<void>): Promise<LeakReport> {
  const living = system.inspect().roots.length;
  await story(warmUp);
  const before = await liveBytes();
  await story(count);
  const after = await liveBytes();
  return { before, after, timers: clock.pending, living: system.inspect().roots.length - living };
}

/** Lets what is over be seen as over, then collects. */
async function liveBytes(): Promise<number> {
  for (let pass = 0; pass < 4; pass++) {
    await clock.advance(100);
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

const actors = await report(10_000, 100_000, spawnAndStop);
const restarts = await report(1_000, 10_000, restart);
await system.stop();
process.stdout.write(JSON.stringify({ actors, restarts, timersAtEnd: clock.pending }));
