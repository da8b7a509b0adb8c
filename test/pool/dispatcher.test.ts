/** The rules of every pool, against scripted workers: nothing here has a thread, a socket or a timer. */
import test from "ava";
import fc from "fast-check";
import type { Call } from "../../src/pool/call.ts";
import { Dispatcher } from "../../src/pool/dispatcher.ts";
import type { Ran, Runner } from "../../src/pool/lane.ts";
import { POOL_LIMITS } from "../../src/pool/limits.ts";
import { SharedList } from "../../src/pool/shared.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { ManualClock } from "../kit/manual-clock.ts";

/** Holds every call until it is told how it went. */
class ScriptedRunner implements Runner {
  readonly id: string;
  readonly held: { call: Call; settle: (ran: Ran) => void }[] = [];
  /** What it was told of its calls. */
  readonly told: string[] = [];

  constructor(id: string) {
    this.id = id;
  }

  run(call: Call): Promise<Ran> {
    return new Promise((settle) => this.held.push({ call, settle }));
  }

  cancel(call: Call): void {
    this.told.push(`cancel ${call.code.name}`);
  }

  replace(call: Call): void {
    this.told.push(`replace ${call.code.name}`);
  }

  get names(): string[] {
    return this.held.map(({ call }) => call.code.name);
  }

  async answer(tookMs = 1_000): Promise<void> {
    const { call, settle } = this.held.shift() as (typeof this.held)[number];
    settle({ as: "value", value: `${call.code.name} by ${this.id}`, tookMs });
    await settled();
  }

  async throws(error: unknown): Promise<void> {
    this.held.shift()?.settle({ as: "threw", error, tookMs: 1_000 });
    await settled();
  }

  /** Everything it has in hand is lost. */
  async die(reached = true): Promise<void> {
    const error = new IrisError("LOST", `${this.id} died`);
    for (const { settle } of this.held.splice(0)) settle({ as: "lost", error, reached });
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function call(name: string): Call {
  return {
    code: { hash: name, name, bytes: new Uint8Array() },
    args: new Uint8Array(),
    shared: new SharedList(),
    sharedSize: 0,
  };
}

const GRACE_MS = 2_000;

function open(options: { inFlightMax?: number; maxRetries?: number; clock?: ManualClock } = {}): Dispatcher {
  const clock = new ManualClock();
  return new Dispatcher({
    name: "pool",
    inFlightMax: 1_000,
    maxRetries: 3,
    cancelGraceMs: GRACE_MS,
    clock,
    ...options,
  });
}

const ENDED = new IrisError("JOB_FAILED", "the job failed");

test("calls wait in line for the first worker, and go in order", async (t) => {
  const pool = open();
  const futures = ["a", "b", "c"].map((name) => pool.submit(call(name)));
  t.is(pool.status().queued, 3);
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  t.deepEqual(worker.names, ["a"]);
  await worker.answer();
  t.is(await futures[0], "a by w1");
  t.deepEqual(worker.names, ["b"]);
});

test("calls of unknown length go one to a worker; nobody waits behind another while somebody is idle", (t) => {
  const pool = open();
  const [w1, w2] = [new ScriptedRunner("w1"), new ScriptedRunner("w2")];
  pool.add(w1);
  pool.add(w2);
  for (const name of ["a", "b", "c"]) pool.submit(call(name));
  t.deepEqual([w1.names, w2.names], [["a"], ["b"]]);
  t.is(pool.status().queued, 1);
});

test("calls known to be short are sent ahead, up to a bound; long ones never", async (t) => {
  const pool = open();
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  for (let i = 0; i < 200; i++) pool.submit(call("short"));
  t.is(worker.held.length, 1);
  await worker.answer(0);
  t.is(worker.held.length, POOL_LIMITS.perWorker);
  while (worker.held.length > 0) await worker.answer(0);
  for (let i = 0; i < 5; i++) pool.submit(call("long"));
  await worker.answer(50);
  t.is(worker.held.length, 1);
});

test("no more calls are on the way than the pool allows", async (t) => {
  const pool = open({ inFlightMax: 2 });
  const workers = ["w1", "w2", "w3"].map((id) => new ScriptedRunner(id));
  for (const worker of workers) pool.add(worker);
  for (let i = 0; i < 3; i++) pool.submit(call("a"));
  t.is(pool.status().inFlight, 2);
  await workers[0]?.answer();
  t.like(pool.status(), { inFlight: 2, queued: 0, done: 1 });
});

test("a function's own error rejects unchanged and is not tried again", async (t) => {
  const pool = open();
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const future = pool.submit(call("a"));
  const error = { mine: true };
  await worker.throws(error);
  t.is(await future.then(undefined, (thrown) => thrown), error);
  t.like(pool.status(), { failed: 1, retried: 0 });
});

test("a dead worker's calls go to the others, ahead of the line", async (t) => {
  const pool = open();
  const [w1, w2] = [new ScriptedRunner("w1"), new ScriptedRunner("w2")];
  pool.add(w1);
  const future = pool.submit(call("a"));
  pool.submit(call("b"));
  await w1.die();
  t.is(pool.size, 0);
  pool.add(w2);
  t.deepEqual(w2.names, ["a"]);
  await w2.answer();
  t.is(await future, "a by w2");
  t.is(pool.status().retried, 1);
});

test("only the call that was running is charged for its worker's death", async (t) => {
  const pool = open({ maxRetries: 0 });
  const w1 = new ScriptedRunner("w1");
  pool.add(w1);
  pool.submit(call("a"));
  await w1.answer(0);
  const [running, ahead] = [pool.submit(call("a")), pool.submit(call("a"))];
  t.is(w1.held.length, 2);
  await w1.die();
  await t.throwsAsync(running.result(), { code: "LOST", message: /a: the worker that ran it died, 1 times: w1 died/ });
  const w2 = new ScriptedRunner("w2");
  pool.add(w2);
  await w2.answer();
  t.is(await ahead, "a by w2");
});

test("a call is sent again at most maxRetries times, and then rejects with maybeExecuted", async (t) => {
  const pool = open({ maxRetries: 2 });
  const future = pool.submit(call("poison"));
  for (let i = 0; i < 3; i++) {
    const worker = new ScriptedRunner(`w${i}`);
    pool.add(worker);
    t.deepEqual(worker.names, ["poison"]);
    await worker.die();
  }
  const error = await t.throwsAsync(future.result(), { code: "LOST" });
  t.true((error as unknown as IrisError).maybeExecuted);
  t.is(pool.status().retried, 2);
});

test("a call that never reached its worker is sent again without being charged", async (t) => {
  const pool = open({ maxRetries: 0 });
  const future = pool.submit(call("a"));
  for (let i = 0; i < 10; i++) {
    const worker = new ScriptedRunner("w1");
    pool.add(worker);
    await worker.die(false);
  }
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  await worker.answer();
  t.is(await future, "a by w1");
});

test("a worker that was taken away may finish what it has, and gets nothing more", async (t) => {
  const pool = open();
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const [first, second] = [pool.submit(call("a")), pool.submit(call("b"))];
  pool.remove(worker);
  await worker.answer();
  t.is(await first, "a by w1");
  t.is(worker.held.length, 0);
  t.is(pool.status().queued, 1);
  t.true(second.cancel());
});

test("a queued call that is cancelled never runs; a running one is given up at once", async (t) => {
  const pool = open();
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const [running, queued, last] = [pool.submit(call("a")), pool.submit(call("b")), pool.submit(call("c"))];
  t.true(queued.cancel());
  t.true(running.cancel());
  t.false(running.cancel());
  await t.throwsAsync(running.result(), { code: "CANCELLED" });
  await t.throwsAsync(queued.result(), { code: "CANCELLED" });
  await worker.answer();
  t.deepEqual(worker.names, ["c"]);
  await worker.answer();
  t.is(await last, "c by w1");
  t.like(pool.status(), { queued: 0, inFlight: 0, done: 1, failed: 2 });
});

test("a cancelled call whose worker dies is not sent again", async (t) => {
  const pool = open();
  const [w1, w2] = [new ScriptedRunner("w1"), new ScriptedRunner("w2")];
  pool.add(w1);
  pool.submit(call("a")).cancel();
  await w1.die();
  pool.add(w2);
  t.deepEqual(w2.names, []);
});

test("who runs a call that is cancelled is told at once, and replaced when the grace has passed", async (t) => {
  const clock = new ManualClock();
  const pool = open({ clock });
  const [w1, w2] = [new ScriptedRunner("w1"), new ScriptedRunner("w2")];
  pool.add(w1);
  pool.submit(call("a")).cancel();
  const behind = pool.submit(call("b"));
  t.deepEqual(w1.told, ["cancel a"]);
  await clock.advance(GRACE_MS - 1);
  t.deepEqual(w1.told, ["cancel a"]);
  await clock.advance(1);
  t.deepEqual(w1.told, ["cancel a", "replace a"]);
  t.deepEqual(w1.names, ["a"], "nothing is sent behind a call that was given up");
  await w1.die();
  pool.add(w2);
  await w2.answer();
  t.is(await behind, "b by w2");
  t.is(pool.status().retried, 0);
  t.is(clock.pending, 0);
});

test("a worker that was not replaced yet is asked again after each grace, until the call has ended", async (t) => {
  const clock = new ManualClock();
  const pool = open({ clock });
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  pool.submit(call("a")).cancel();
  await clock.advance(GRACE_MS * 2);
  t.deepEqual(worker.told, ["cancel a", "replace a", "replace a"]);
  await worker.answer();
  t.is(clock.pending, 0);
});

test("a cancelled call that ends within its grace costs its worker nothing", async (t) => {
  const clock = new ManualClock();
  const pool = open({ clock });
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  pool.submit(call("a")).cancel();
  await clock.advance(GRACE_MS - 1);
  await worker.answer();
  t.is(clock.pending, 0);
  t.deepEqual(worker.told, ["cancel a"]);
});

test("calls behind a cancelled one are not charged when its worker is replaced", async (t) => {
  const clock = new ManualClock();
  const pool = open({ clock, maxRetries: 0 });
  const [w1, w2] = [new ScriptedRunner("w1"), new ScriptedRunner("w2")];
  pool.add(w1);
  pool.submit(call("a"));
  await w1.answer(0);
  const [running, behind] = [pool.submit(call("a")), pool.submit(call("a"))];
  running.cancel();
  await clock.advance(GRACE_MS);
  t.deepEqual(w1.told, ["cancel a", "replace a"]);
  await w1.die();
  pool.add(w2);
  await w2.answer();
  t.is(await behind, "a by w2");
});

test("a call cancelled behind another is given its grace only once it is its turn", async (t) => {
  const clock = new ManualClock();
  const pool = open({ clock });
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  pool.submit(call("a"));
  await worker.answer(0);
  const [first, second] = [pool.submit(call("a")), pool.submit(call("a"))];
  second.cancel();
  await clock.advance(GRACE_MS * 2);
  t.deepEqual(worker.told, ["cancel a"]);
  await worker.answer(0);
  t.is(await first, "a by w1");
  t.is(clock.pending, 1);
  await worker.answer(0);
  t.is(clock.pending, 0);
});

test("a call's time begins when its worker has nothing before it; past it, it ends as a cancelled one does", async (t) => {
  const clock = new ManualClock();
  const pool = open({ clock });
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const first = pool.submit(call("a"));
  const timed = pool.submit(call("b"), { timeoutMs: 50 });
  await clock.advance(1_000);
  await worker.answer();
  await first;
  await clock.advance(49);
  t.deepEqual(worker.told, []);
  await clock.advance(1);
  t.deepEqual(worker.told, ["cancel b"]);
  await t.throwsAsync(timed.result(), { code: "DEADLINE_EXCEEDED", message: /b ran for longer than 50 ms/ });
  await clock.advance(GRACE_MS);
  t.deepEqual(worker.told, ["cancel b", "replace b"]);
  await worker.die();
  t.is(clock.pending, 0);
});

test("a call in time leaves no timer, nor does the end of the pool", async (t) => {
  const clock = new ManualClock();
  const pool = open({ clock });
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const timed = pool.submit(call("a"), { timeoutMs: 50 });
  await worker.answer(0);
  t.is(await timed, "a by w1");
  t.is(clock.pending, 0);
  pool.submit(call("a"), { timeoutMs: 50 });
  t.is(clock.pending, 1);
  pool.end(ENDED);
  t.is(clock.pending, 0);
});

test("a call may have retries of its own", async (t) => {
  const pool = open({ maxRetries: 3 });
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const future = pool.submit(call("a"), { maxRetries: 0 });
  await worker.die();
  await t.throwsAsync(future.result(), { code: "LOST" });
});

test("when the pool ends, everything rejects with the cause, now and later", async (t) => {
  const pool = open();
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const futures = [pool.submit(call("a")), pool.submit(call("b"))];
  pool.end(ENDED);
  for (const future of [...futures, pool.submit(call("c"))]) {
    t.is(await future.then(undefined, (error) => error), ENDED);
  }
  t.is(await pool.ready().then(undefined, (error) => error), ENDED);
  await worker.answer();
  t.is(pool.status().failed, 2);
  pool.add(new ScriptedRunner("w2"));
  t.is(pool.size, 0);
});

test("the end of the pool reaches calls of workers that were taken away", async (t) => {
  const pool = open();
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const future = pool.submit(call("a"));
  pool.remove(worker);
  pool.end(ENDED);
  t.is(await future.then(undefined, (error) => error), ENDED);
});

test("a pool that was shut down says so", async (t) => {
  const pool = open();
  pool.end(new IrisError("CANCELLED", "pool was shut down"));
  await t.throwsAsync(pool.submit(call("a")).result(), { code: "FAILED_PRECONDITION", message: /was shut down/ });
});

test("ready waits for a worker and for room", async (t) => {
  const pool = open({ inFlightMax: 1 });
  let isReady = false;
  const ready = pool.ready().then(() => {
    isReady = true;
  });
  await settled();
  t.false(isReady);
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  await ready;
  pool.submit(call("a"));
  const again = pool.ready();
  await worker.answer();
  await t.notThrowsAsync(again);
});

test("draining finishes what was taken and takes no more", async (t) => {
  const pool = open();
  const worker = new ScriptedRunner("w1");
  pool.add(worker);
  const [a, b] = [pool.submit(call("a")), pool.submit(call("b"))];
  let isDrained = false;
  const drained = pool.drain().then(() => {
    isDrained = true;
  });
  await t.throwsAsync(pool.submit(call("c")).result(), { code: "FAILED_PRECONDITION" });
  await worker.answer();
  t.false(isDrained);
  await worker.answer();
  await drained;
  t.deepEqual([await a, await b], ["a by w1", "b by w1"]);
});

test("the end of the pool cuts a drain short", async (t) => {
  const pool = open();
  const future = pool.submit(call("a"));
  const drained = pool.drain();
  pool.end(ENDED);
  await drained;
  t.is(await future.then(undefined, (error) => error), ENDED);
});

test("a future that nobody awaits yet is no unhandled rejection", async (t) => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", listen);
  const pool = open();
  const future = pool.submit(call("a"));
  pool.end(ENDED);
  await settled();
  await settled();
  process.off("unhandledRejection", listen);
  t.deepEqual(unhandled, []);
  await t.throwsAsync(future.result(), { is: ENDED });
});

test("whatever happens to workers, every call settles exactly once", async (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("submit" as const), name: fc.constantFrom("a", "b", "c") }),
    fc.record({
      do: fc.constantFrom("answer" as const, "throw" as const, "die" as const, "unreached" as const),
      who: fc.nat(3),
    }),
    fc.record({ do: fc.constantFrom("add" as const, "remove" as const), who: fc.nat(3) }),
    fc.record({ do: fc.constant("cancel" as const), which: fc.nat() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const pool = open({ maxRetries: 1, inFlightMax: 6 });
      const workers = new Map<number, ScriptedRunner>();
      const futures: ReturnType<Dispatcher["submit"]>[] = [];
      let settledCount = 0;
      for (const s of steps) {
        if (s.do === "submit") {
          const future = pool.submit(call(s.name));
          const count = () => {
            settledCount += 1;
          };
          future.then(count, count);
          futures.push(future);
        } else if (s.do === "cancel") futures[s.which % Math.max(1, futures.length)]?.cancel();
        else if (s.do === "add" && !workers.has(s.who)) {
          const worker = new ScriptedRunner(`w${s.who}`);
          workers.set(s.who, worker);
          pool.add(worker);
        } else if (s.do === "remove") {
          const worker = workers.get(s.who);
          if (worker !== undefined) pool.remove(worker);
        } else if (s.do !== "add") {
          const worker = workers.get(s.who);
          if (worker === undefined || worker.held.length === 0) continue;
          if (s.do === "answer") await worker.answer(s.who);
          else if (s.do === "throw") await worker.throws(new Error("own"));
          else {
            workers.delete(s.who);
            await worker.die(s.do === "die");
          }
        }
        const { queued, inFlight, done, failed } = pool.status();
        // A running call that was cancelled has failed and is on the way, too.
        t.true(done + failed + queued <= futures.length && futures.length <= done + failed + queued + inFlight);
        t.true(inFlight <= 6);
      }
      pool.end(ENDED);
      await settled();
      t.is(settledCount, futures.length);
    }),
    { numRuns: 150 },
  );
});
