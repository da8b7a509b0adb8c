/** A worker over a memory network, against a controller by script, on a clock that moves when told to. */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { SweepingRuntime } from "../../../src/cluster/worker/runtime/runtime.ts";
import { Worker, type WorkerOptions } from "../../../src/cluster/worker/worker.ts";
import { MemoryNetwork } from "../../../src/net/transport-memory.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import { ManualClock, settle } from "../../kit/manual-clock.ts";
import { ScriptedRuntime, script } from "../../kit/scripted-runtime.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";
import { ScriptedController } from "./scripted-controller.ts";
import { folder, jobSpec, known, until, wanted } from "./worker-room.ts";

interface Scene {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly controller: ScriptedController;
  readonly runtime: ScriptedRuntime;
  readonly options: WorkerOptions;
}

async function scene(t: ExecutionContext, more: Partial<WorkerOptions> = {}): Promise<Scene> {
  const clock = new ManualClock();
  const network = new MemoryNetwork();
  const controller = new ScriptedController();
  await controller.listen(network, clock);
  const runtime = new ScriptedRuntime(clock);
  const options: WorkerOptions = {
    controller: "http://controller:8080",
    token: "secret",
    transport: network.transport("w1"),
    runtime,
    workDir: await folder(t),
    workerId: "w1",
    capacity: { cpuMillis: 4_000 },
    attributes: { zone: "a" },
    clock,
    random: new SeededRandom(1),
    listenForProbes: async () => ({ port: 7, ended: new Promise(() => {}), stop: async () => {} }),
    isPortFree: async () => true,
    environment: {},
    ...more,
  };
  return { clock, network, controller, runtime, options };
}

test("a worker registers with what it is and has, and says goodbye when it stops", async (t) => {
  const { clock, controller, options, network } = await scene(t);
  const worker = await Worker.start(options);
  t.is(worker.state, "serving");
  t.like(controller.registrations[0], {
    workerId: "w1",
    incarnation: worker.incarnation,
    probeAddress: "127.0.0.1:7",
    attributes: { zone: "a" },
    capacity: { cpuMillis: 4_000 },
  });
  t.true((controller.registrations[0]?.capacity?.memoryBytes ?? 0) > 0);
  await worker.stop();
  await worker.stop();
  t.is(worker.state, "stopped");
  t.deepEqual(await worker.ended, { kind: "shutdown", why: "stopped" });
  await until(() => controller.heard.includes("gone"));
  await controller.stop();
  t.is(network.listeners, 0);
  t.is(clock.pending, 0);
});

test("changes are pushed at once, lines arrive before the end, and the end is repeated until it is not asked for", async (t) => {
  const { clock, controller, runtime, options } = await scene(t);
  await using _worker = await Worker.start(options);
  const job = jobSpec(script({ runMs: 1_000, exitCode: 3, stdout: ["hello"], lastWords: "bye" }));
  t.deepEqual(await controller.phases([wanted("a", job)]), { a: "BUILDING" });
  await until(() => runtime.running.length === 1);
  await settle();
  await clock.advance(1_000);
  await until(() => controller.heard.includes("a EXITED"));
  t.deepEqual(controller.heard, ["register", "a RUNNING", "a says hello", "a says bye", "a EXITED"]);
  const [first] = await controller.reconcile([known("a")]);
  t.like(first?.exit, { ok: false, cause: { kind: "exited", exitCode: 3 } });
  t.deepEqual(await controller.reconcile([known("a")]), first === undefined ? [] : [first]);
  t.deepEqual(await controller.reconcile([]), []);
  t.deepEqual(await controller.phases([known("a")]), { a: "MISSING" });
  await controller.stop();
});

test("a reconcile for another worker or another life changes nothing and is refused", async (t) => {
  const { controller, runtime, options } = await scene(t);
  await using _worker = await Worker.start(options);
  const desired = [wanted("a", jobSpec(script({})))];
  for (const life of [{ incarnation: "earlier" }, { workerId: "w2" }]) {
    await t.throwsAsync(controller.reconcile(desired, life), { code: "FAILED_PRECONDITION" });
  }
  await settle();
  t.deepEqual(runtime.launches, []);
  t.deepEqual(await controller.reconcile([]), []);
  await controller.stop();
});

test("a reconcile that only observes, or that speaks for another state, stops nothing", async (t) => {
  const { controller, runtime, options } = await scene(t);
  await using _worker = await Worker.start(options);
  await controller.reconcile([wanted("a", jobSpec(script({ forever: true })))], { stateId: "first" });
  await until(() => runtime.running.length === 1);
  for (const more of [{ observeOnly: true }, { stateId: "first", observeOnly: true }, { stateId: "second" }]) {
    t.like((await controller.reconcile([], more))[0], { uid: "a", stateId: "first", taskId: "job0/0" });
  }
  await settle();
  t.deepEqual(runtime.running, ["a"]);
  await controller.reconcile([], { stateId: "first" });
  await until(() => runtime.running.length === 0);
  await controller.stop();
});

test("a worker that was cut off keeps its tasks, comes back in the same life, and tells what happened", async (t) => {
  const { clock, network, controller, runtime, options } = await scene(t);
  await using worker = await Worker.start(options);
  const long = jobSpec(script({ forever: true }));
  const short = jobSpec(script({ runMs: 3_000, stdout: ["worked on"] }));
  await controller.reconcile([wanted("a", long), wanted("b", short)]);
  await until(() => runtime.running.length === 2);
  await settle();
  await controller.stop();
  await until(() => worker.state === "cut-off");
  await clock.advance(60_000);
  t.deepEqual(runtime.running, ["a"]);

  const next = new ScriptedController();
  await next.listen(network, clock);
  for (let looks = 0; worker.state !== "serving" && looks < 100; looks++) await clock.advance(500);
  t.is(next.registrations[0]?.incarnation, worker.incarnation);
  await until(() => next.heard.includes("b EXITED"));
  t.true(next.heard.indexOf("b says worked on") < next.heard.indexOf("b EXITED"));
  t.deepEqual(await next.phases([known("a"), known("b")]), { a: "RUNNING", b: "EXITED" });
  await next.stop();
});

test("a worker that stays cut off stops its tasks, and says so when it is back", async (t) => {
  const { clock, network, controller, runtime, options } = await scene(t, { orphanAfterMs: 30_000 });
  await using worker = await Worker.start(options);
  await controller.reconcile([wanted("a", jobSpec(script({ forever: true })))]);
  await until(() => runtime.running.length === 1);
  await settle();
  await controller.stop();
  await until(() => worker.state === "cut-off");
  await clock.advance(29_999);
  t.deepEqual(runtime.running, ["a"]);
  await clock.advance(1);
  t.deepEqual(runtime.running, []);
  const next = new ScriptedController();
  await next.listen(network, clock);
  for (let looks = 0; worker.state !== "serving" && looks < 100; looks++) await clock.advance(500);
  const [observed] = await next.reconcile([known("a")]);
  t.like(observed?.exit, { cause: { kind: "infrastructure", message: "its worker was cut off for 30000 ms" } });
  await next.stop();
});

test("a stopping worker ends its tasks while the controller can still hear of it", async (t) => {
  const { controller, runtime, options } = await scene(t);
  const worker = await Worker.start(options);
  await controller.reconcile([wanted("a", jobSpec(script({ forever: true, lastWords: "saved" })))]);
  await until(() => runtime.running.length === 1);
  await settle();
  await worker.stop();
  await until(() => controller.heard.includes("gone"));
  t.deepEqual(controller.heard, ["register", "a RUNNING", "a says saved", "a STOPPING", "a EXITED", "gone"]);
  t.like(controller.observed.at(-1)?.exit, { cause: { kind: "infrastructure", message: "worker w1 was stopped" } });
  t.false(existsSync(join(options.workDir, "attempts", "a")));
  await controller.stop();
});

test("a worker whose controller is away stops without it", async (t) => {
  const { clock, controller, runtime, options } = await scene(t);
  const worker = await Worker.start(options);
  await controller.reconcile([wanted("a", jobSpec(script({ forever: true, stdout: ["x"] })))]);
  await until(() => runtime.running.length === 1);
  await settle();
  await controller.stop();
  await until(() => worker.state === "cut-off");
  await worker.stop();
  t.deepEqual(runtime.running, []);
  t.is(clock.pending, 0);
});

test("a worker that is not let in does not start", async (t) => {
  const { clock, controller, options } = await scene(t, { token: "wrong" });
  await t.throwsAsync(Worker.start(options), { code: "UNAUTHENTICATED" });
  await controller.stop();
  t.is(clock.pending, 0);
});

test("options that make no sense are refused", async (t) => {
  const { controller, options } = await scene(t);
  for (const odd of [{ workerId: "../w" }, { workerId: "" }, { controller: "controller:8080" }]) {
    await t.throwsAsync(Worker.start({ ...options, ...odd }), { code: "INVALID_ARGUMENT" });
  }
  await controller.stop();
});

test("a controller that fails to register a worker is asked again", async (t) => {
  const { clock, controller, options } = await scene(t);
  controller.registerError = new IrisError("UNAVAILABLE", "still recovering");
  const starting = Worker.start(options);
  await until(() => controller.isConnected);
  await clock.advance(300);
  t.deepEqual(controller.registrations, []);
  controller.registerError = undefined;
  await clock.advance(1_000);
  const worker = await starting;
  t.is(controller.registrations.length, 1);
  await worker.stop();
  await controller.stop();
});

test("a controller that has forgotten the worker is told again who it is", async (t) => {
  const { controller, runtime, options } = await scene(t);
  await using _worker = await Worker.start(options);
  controller.reportError = new IrisError("FAILED_PRECONDITION", "worker w1 is not registered");
  await controller.reconcile([wanted("a", jobSpec(script({ forever: true })))]);
  await until(() => runtime.running.length === 1 && controller.registrations.length === 2);
  controller.reportError = undefined;
  t.deepEqual(await controller.phases([known("a")]), { a: "RUNNING" });
  await controller.stop();
});

test("what an earlier life left is swept before the controller hears of this one", async (t) => {
  const swept: string[] = [];
  const { clock, controller, options } = await scene(t);
  const runtime: SweepingRuntime = Object.assign(new ScriptedRuntime(clock), {
    sweep: async (marks: Iterable<string>) => {
      swept.push(...marks);
      t.deepEqual(controller.registrations, []);
      return 2;
    },
  });
  const left = join(options.workDir, "attempts", "old");
  await mkdir(join(left, "work"), { recursive: true });
  await mkdir(join(options.workDir, "attempts", "kept", "output"), { recursive: true });
  await writeFile(join(options.workDir, "attempts", "kept", "output", "model"), "weights");
  await using _worker = await Worker.start({ ...options, runtime });
  t.deepEqual(swept.sort(), [
    join(options.workDir, "attempts", "kept", "output"),
    join(options.workDir, "attempts", "old", "output"),
  ]);
  t.false(existsSync(left));
  t.true(existsSync(join(options.workDir, "attempts", "kept", "output", "model")));
  await controller.stop();
});

test("a sign of life that fails comes back on the same port", async (t) => {
  const listens: number[] = [];
  let fail: (error: Error) => void = () => {};
  const { controller, options } = await scene(t, {
    listenForProbes: async (_host, port) => {
      listens.push(port);
      const ended = new Promise<void>((_resolve, reject) => {
        fail = reject;
      });
      return { port: 4711, ended, stop: async () => {} };
    },
  });
  await using worker = await Worker.start(options);
  fail(new Error("thread died"));
  await until(() => listens.length === 2);
  t.deepEqual(listens, [0, 4711]);
  t.is(worker.state, "serving");
  await controller.stop();
});
