import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { cause } from "../../../src/cluster/job/cause.ts";
import { CLUSTER_LIMITS } from "../../../src/cluster/job/limits.ts";
import type { ObservedAttempt } from "../../../src/net/wire/iris.ts";
import { ManualClock, settle } from "../../kit/manual-clock.ts";
import { ScriptedRuntime, script } from "../../kit/scripted-runtime.ts";
import { attemptSpec, jobSpec, known, room, until, wanted } from "./worker-room.ts";

function phases(observed: readonly ObservedAttempt[]): Record<string, string> {
  return Object.fromEntries(observed.map(({ uid, phase }) => [uid, phase]));
}

test("an attempt is started, runs, ends, and its end is repeated until nobody asks", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, changes, over, root, store } = await room(t, clock, runtime);
  const job = jobSpec(script({ runMs: 1_000, exitCode: 3, stdout: ["hello"] }));
  t.deepEqual(phases(attempts.apply([wanted("a", job)])), { a: "BUILDING" });
  await until(() => runtime.running.length === 1);
  await settle();
  t.deepEqual(phases(attempts.apply([known("a")])), { a: "RUNNING" });
  await clock.advance(1_000);
  const observed = await over("a");
  t.like(observed.exit, { ok: false, cause: { kind: "exited", exitCode: 3 } });
  t.is(observed.startedAtMs, 1_000_000);
  t.deepEqual(store.lines, ["hello"]);
  t.deepEqual(attempts.apply([known("a")]), [observed]);
  t.deepEqual(attempts.apply([known("a")]), [observed]);
  t.deepEqual(attempts.apply([]), []);
  await attempts.forgetAll();
  await until(() => !existsSync(join(root, "a")));
  t.deepEqual(changes, ["a RUNNING", "a EXITED"]);
  t.is(clock.pending, 0);
});

test("an attempt that was forgotten is never started again, however late it is asked for", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over } = await room(t, clock, runtime);
  const first = wanted("a", jobSpec(script({})));
  attempts.apply([first]);
  await until(() => runtime.launches.length === 1);
  await clock.advance(0);
  await over("a");
  attempts.apply([]);
  t.deepEqual(phases(attempts.apply([first])), { a: "MISSING" });
  t.is(runtime.launches.length, 1);
});

test("what is asked about without its spec, or only to be stopped, and is not here, is missing", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts } = await room(t, clock, runtime);
  const observed = attempts.apply([known("a"), known("b", false)]);
  t.deepEqual(phases(observed), { a: "MISSING", b: "MISSING" });
  t.is(attempts.size, 0);
});

test("what is desired stopped, or not desired at all, is stopped with its grace, and confirmed when nothing is left", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over, changes } = await room(t, clock, runtime);
  const stubborn = jobSpec(script({ forever: true, ignoreStop: true }), { graceMs: 700 });
  const polite = jobSpec(script({ forever: true }));
  attempts.apply([wanted("a", stubborn), wanted("b", polite)]);
  await until(() => runtime.running.length === 2);
  await settle();
  t.deepEqual(phases(attempts.apply([known("a", false)])), { a: "STOPPING", b: "STOPPING" });
  t.like((await over("b")).exit, { ok: false, cause: { kind: "killed-by-user", signal: "SIGTERM" } });
  await clock.advance(699);
  t.deepEqual(phases(attempts.apply([known("a", false), known("b", false)])), { a: "STOPPING", b: "EXITED" });
  await clock.advance(1);
  t.like((await over("a")).exit, { ok: false, cause: { kind: "killed-by-user", signal: "SIGKILL" } });
  t.deepEqual(
    changes.filter((change) => change.startsWith("a")),
    ["a RUNNING", "a STOPPING", "a EXITED"],
  );
  t.is(clock.pending, 0);
});

test("an attempt that is stopped while it is being started never runs", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over } = await room(t, clock, runtime);
  attempts.apply([wanted("a", jobSpec(script({ forever: true })))]);
  t.deepEqual(phases(attempts.apply([known("a", false)])), { a: "STOPPING" });
  t.like((await over("a")).exit, { ok: false, cause: { kind: "killed-by-user" } });
  t.is(runtime.launches.length, 0);
});

test("an attempt that runs longer than it may is stopped, and says so", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over } = await room(t, clock, runtime);
  attempts.apply([wanted("a", jobSpec(script({ forever: true }), { timeoutMs: 2_000 }))]);
  await until(() => runtime.running.length === 1);
  await settle();
  await clock.advance(1_999);
  t.deepEqual(runtime.running, ["a"]);
  await clock.advance(1);
  const { exit } = await over("a");
  t.like(exit, { ok: false, cause: { kind: "timeout", message: "it ran longer than its limit of 2000 ms" } });
  t.is(clock.pending, 0);
});

test("what cannot be started is the job's fault or the machine's, and its log says why", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over, store, logger } = await room(t, clock, runtime);
  const { entrypoint: _none, ...empty } = jobSpec([]);
  attempts.apply([
    wanted("a", jobSpec(script({ setupError: "command not found: x" }))),
    wanted("b", jobSpec(script({ startError: "EAGAIN" }))),
    wanted("c", empty),
  ]);
  t.like((await over("a")).exit, { ok: false, cause: { kind: "exited", exitCode: 127 } });
  t.like((await over("b")).exit, { ok: false, cause: { kind: "infrastructure", message: "EAGAIN" } });
  t.like((await over("c")).exit, { ok: false, cause: { kind: "exited", exitCode: 126 } });
  t.true(store.entries.some(({ source, data }) => source === "BUILD" && data === "command not found: x"));
  t.is(logger.lines.filter(({ level }) => level === "warn").length, 1, "operators hear of the machine's faults only");
  t.is(clock.pending, 0);
});

test("an attempt's ports are its own while it runs, and free when it has ended", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over } = await room(t, clock, runtime);
  attempts.apply([wanted("a", jobSpec(script({ runMs: 10 }), { ports: ["http", "rpc"] }))]);
  await until(() => runtime.running.length === 1);
  await settle();
  const ports = attempts.observed(["a"])[0]?.ports ?? {};
  t.deepEqual(Object.keys(ports), ["http", "rpc"]);
  t.is(runtime.launches[0]?.env.IRIS_PORT_HTTP, String(ports.http));
  await clock.advance(10);
  t.deepEqual((await over("a")).ports, ports);
});

test("the end waits for the last lines, but not for ever", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, store, over } = await room(t, clock, runtime);
  store.append = () => new Promise(() => {});
  attempts.apply([wanted("a", jobSpec(script({ stdout: ["last words"] })))]);
  await until(() => runtime.running.length === 1);
  await settle();
  await clock.advance(9_999);
  t.deepEqual(phases(attempts.observed()), { a: "RUNNING" });
  await clock.advance(1);
  t.true((await over("a")).exit?.ok);
  attempts.apply([]);
  await attempts.forgetAll();
  t.is(clock.pending, 0);
});

test("while the controller is away the end waits with its lines, the task itself does not", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, store, over } = await room(t, clock, runtime);
  store.isUp = false;
  attempts.apply([wanted("a", jobSpec(script({ stdout: ["last words"], runMs: 5 })))]);
  await until(() => runtime.running.length === 1);
  await settle();
  await clock.advance(60_000);
  t.deepEqual(runtime.running, []);
  t.deepEqual(phases(attempts.observed()), { a: "RUNNING" });
  store.turn(true);
  t.is((await over("a")).exit?.endedAtMs, 1_000_005);
  t.deepEqual(store.lines, ["last words"]);
  t.is(clock.pending, 0);
});

test("what a task put into its output directory stays, the rest goes with the attempt", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, root, over } = await room(t, clock, runtime);
  attempts.apply([wanted("a", jobSpec(script({ runMs: 1 })))]);
  await until(() => runtime.running.length === 1);
  await writeFile(join(root, "a", "output", "model.bin"), "weights");
  await writeFile(join(root, "a", "work", "scratch"), "x");
  await clock.advance(1);
  await over("a");
  attempts.apply([]);
  await attempts.forgetAll();
  await until(() => !existsSync(join(root, "a", "work")));
  t.true(existsSync(join(root, "a", "output", "model.bin")));
});

test("a closing worker starts nothing, ends everything, and calls new attempts missing", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts } = await room(t, clock, runtime);
  attempts.apply([wanted("a", jobSpec(script({ forever: true })))]);
  await until(() => runtime.running.length === 1);
  await settle();
  await attempts.close(cause("infrastructure", "worker w1 was stopped"));
  t.deepEqual(runtime.running, []);
  const observed = attempts.apply([known("a"), wanted("b", jobSpec(script({})))]);
  t.deepEqual(phases(observed), { a: "EXITED", b: "MISSING" });
  t.like(observed[0]?.exit, { cause: { kind: "infrastructure", message: "worker w1 was stopped" } });
});

test("a name that leads out of the worker's directory is refused, and nothing is done", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts } = await room(t, clock, runtime);
  for (const uid of ["../x", "", "a/b", "..", "x".repeat(65)]) {
    const desired = [wanted("ok", jobSpec(script({}))), wanted(uid, jobSpec(script({})))];
    t.throws(() => attempts.apply(desired), { code: "INVALID_ARGUMENT" });
  }
  t.is(attempts.size, 0);
});

test("an attempt that came without its job fails as the job's fault", async (t) => {
  const clock = new ManualClock();
  const { attempts, over } = await room(t, clock, new ScriptedRuntime(clock));
  const { job: _none, ...spec } = attemptSpec(jobSpec([]));
  attempts.apply([{ ...known("a"), spec }]);
  t.like((await over("a")).exit, { ok: false, cause: { kind: "exited" } });
});

test("applying a set twice is applying it once, and no attempt is ever started twice", async (t) => {
  const uids = ["a", "b", "c"];
  const wish = fc.record({ uid: fc.constantFrom(...uids), run: fc.boolean(), withSpec: fc.boolean() });
  const step = fc.record({
    desired: fc.uniqueArray(wish, { selector: ({ uid }) => uid }),
    waitMs: fc.constantFrom(0, 50, 5_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const clock = new ManualClock();
      const runtime = new ScriptedRuntime(clock);
      const { attempts } = await room(t, clock, runtime);
      const job = jobSpec(script({ runMs: 60, ignoreStop: true }), { graceMs: 30 });
      const ended = new Map<string, unknown>();
      for (const { desired, waitMs } of steps) {
        const set = desired.map(({ uid, run, withSpec }) =>
          withSpec ? { ...wanted(uid, job), run } : known(uid, run),
        );
        const once = attempts.apply(set);
        const twice = attempts.apply(set);
        t.deepEqual(twice, once);
        const asked = set.map(({ uid }) => uid);
        t.true(
          asked.every((uid) => once.some((one) => one.uid === uid)),
          "everything asked about is answered",
        );
        for (const { uid, phase, exit } of once) {
          if (ended.has(uid) && asked.includes(uid) && phase !== "MISSING")
            t.deepEqual(exit, ended.get(uid), "an end never changes");
          if (phase === "EXITED") ended.set(uid, exit);
        }
        await settle(10);
        await clock.advance(waitMs);
      }
      attempts.kill(cause("infrastructure", "the test is over"));
      const closing = attempts.close(cause("infrastructure", "the test is over"));
      let closed = false;
      void closing.then(() => {
        closed = true;
      });
      for (let looks = 0; !closed && looks < 1_000; looks++) await clock.advance(100);
      t.true(closed);
      await attempts.forgetAll();
      const started = runtime.launches.map(({ uid }) => uid);
      t.is(new Set(started).size, started.length);
      t.is(clock.pending, 0);
    }),
    { numRuns: 30 },
  );
});

test("a controller that only observes stops and forgets nothing that it does not know", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over } = await room(t, clock, runtime);
  attempts.apply([wanted("a", jobSpec(script({ forever: true }))), wanted("b", jobSpec(script({ runMs: 10 })))], {
    stateId: "ours",
  });
  await until(() => runtime.running.length === 2);
  await clock.advance(10);
  await over("b");
  const observing = { stateId: "ours", observeOnly: true };
  t.deepEqual(phases(attempts.apply([], observing)), { a: "RUNNING", b: "EXITED" });
  t.deepEqual(phases(attempts.apply([known("b")], observing)), { a: "RUNNING", b: "EXITED" });
  t.deepEqual(
    phases(attempts.apply([known("a", false)], observing)),
    { a: "STOPPING", b: "EXITED" },
    "an order is one",
  );
  await over("a");
  attempts.apply([], { stateId: "ours" });
  t.is(attempts.size, 0, "once it has observed, what it does not ask about is over");
  await attempts.forgetAll();
});

test("attempts of another state go on, and are told, until that state was not heard of for the worker's patience", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over } = await room(t, clock, runtime);
  const theirs = { stateId: "theirs" };
  const ours = { stateId: "ours" };
  attempts.apply(
    [wanted("a", jobSpec(script({ forever: true }))), wanted("b", jobSpec(script({ runMs: 10 })))],
    theirs,
  );
  await until(() => runtime.running.length === 2);
  await clock.advance(10);
  await over("b");
  const told = attempts.apply([], ours);
  t.deepEqual(phases(told), { a: "RUNNING", b: "EXITED" }, "an end is kept too: nobody who knows it has heard it");
  t.deepEqual(
    told.map(({ stateId, taskId }) => [stateId, taskId]),
    [
      ["theirs", "job0/0"],
      ["theirs", "job0/0"],
    ],
  );
  await clock.advance(CLUSTER_LIMITS.orphanAfterMs - 20);
  t.deepEqual(phases(attempts.apply([], ours)), { a: "RUNNING", b: "EXITED" });
  t.deepEqual(
    phases(attempts.apply([known("a")], theirs)),
    { a: "RUNNING" },
    "their controller is back, and has heard",
  );
  await clock.advance(CLUSTER_LIMITS.orphanAfterMs - 1);
  t.deepEqual(phases(attempts.apply([], ours)), { a: "RUNNING" }, "patience counts from when it was last heard");
  await clock.advance(1);
  attempts.apply([], ours);
  const ended = await over("a");
  t.like(ended.exit?.cause, { kind: "infrastructure" });
  t.deepEqual(runtime.running, []);
  attempts.apply([], ours);
  t.is(attempts.size, 0);
  await attempts.forgetAll();
});

test("an attempt belongs to the state that named it last, and to every speaker when none has a name", async (t) => {
  const clock = new ManualClock();
  const runtime = new ScriptedRuntime(clock);
  const { attempts, over } = await room(t, clock, runtime);
  attempts.apply([wanted("a", jobSpec(script({ forever: true })))], { stateId: "old" });
  await until(() => runtime.running.length === 1);
  attempts.apply([known("a")], { stateId: "new" });
  attempts.apply([], { stateId: "old" });
  t.is(runtime.running.length, 1, "it is the new one's now");
  attempts.apply([], { stateId: "new" });
  await over("a");
  attempts.apply([wanted("b", jobSpec(script({ forever: true })))], { stateId: "new" });
  await until(() => runtime.running.length === 1);
  attempts.apply([]);
  await over("b");
  t.deepEqual(runtime.running, []);
  await attempts.forgetAll();
});
