/** Who runs where, and why not: the plan as a function. */
import test from "ava";
import fc from "fast-check";
import { type PendingTask, plan, type WorkerSnapshot } from "../../../src/cluster/controller/scheduler.ts";
import { addResources, NO_RESOURCES, shortOf } from "../../../src/cluster/job/resources.ts";
import { resources } from "./journey.ts";

function task(taskId: string, change: Partial<PendingTask> = {}): PendingTask {
  const jobId = taskId.split("/")[0] ?? "";
  const base = {
    depth: 0,
    sequence: 1,
    index: 0,
    resources: resources(1),
    readyAtMs: 0,
    blockedBy: undefined,
    avoid: new Set<string>(),
  };
  return { taskId, jobId, ...base, ...change };
}

function worker(id: string, cpu = 4, change: Partial<WorkerSnapshot> = {}): WorkerSnapshot {
  return { id, capacity: resources(cpu), used: NO_RESOURCES, attempts: 0, unready: undefined, ...change };
}

test("deeper jobs go first, then what was submitted first", (t) => {
  const pending = [
    task("late/0", { sequence: 9 }),
    task("early/0", { sequence: 1 }),
    task("deep/0", { sequence: 10, depth: 2 }),
  ];
  t.deepEqual(
    plan(pending, [worker("w", 2)], 0).assignments.map(({ taskId }) => taskId),
    ["deep/0", "early/0"],
  );
});

test("what does not fit is skipped, and smaller work behind it is placed", (t) => {
  const pending = [task("big/0", { resources: resources(3) }), task("small/0", { sequence: 2 })];
  const { assignments, reasons } = plan(pending, [worker("w", 2)], 0);
  t.deepEqual(assignments, [{ taskId: "small/0", workerId: "w" }]);
  t.deepEqual([...reasons], [["big", "cpu: 1 worker short"]]);
});

test("tasks spread over the least used workers", (t) => {
  const pending = [0, 1, 2, 3].map((index) => task(`j/${index}`, { index }));
  const { assignments } = plan(
    pending,
    [worker("a"), worker("b"), worker("c", 4, { used: resources(3), attempts: 1 })],
    0,
  );
  t.deepEqual(
    assignments.map(({ workerId }) => workerId),
    ["a", "b", "a", "b"],
  );
});

test("reasons are counted over workers, for each resource", (t) => {
  const wish = { cpuMillis: 8_000, memoryBytes: 10, diskBytes: 0, gpus: 1 };
  const workers = [
    worker("a", 4, { capacity: { cpuMillis: 4_000, memoryBytes: 100, diskBytes: 0, gpus: 1 } }),
    worker("b", 4, { capacity: { cpuMillis: 4_000, memoryBytes: 5, diskBytes: 0, gpus: 1 } }),
    worker("c", 4, { unready: "not reporting" }),
  ];
  const { reasons } = plan([task("j/0", { resources: wish })], workers, 0);
  t.is(reasons.get("j"), "not reporting: 1 worker; cpu: 2 workers short; memory: 1 worker short");
});

test("no workers, waits and blocks are reasons too, each said once for a job", (t) => {
  t.is(plan([task("j/0")], [], 0).reasons.get("j"), "no workers have joined");
  const waiting = [0, 1, 2].map((index) => task(`j/${index}`, { index, readyAtMs: 2 }));
  t.is(plan(waiting, [worker("w")], 1).reasons.get("j"), "retry: waits before its next try");
  t.is(plan(waiting, [worker("w")], 2).assignments.length, 3);
  t.is(plan([task("j/0", { blockedBy: "children: x" })], [worker("w")], 1).reasons.get("j"), "children: x");
});

test("no plan gives a worker more than it has, leaves out what still fits, or places a task twice", (t) => {
  const size = fc.integer({ min: 0, max: 5 });
  const amount = fc.record({ cpuMillis: size, memoryBytes: size, diskBytes: size, gpus: size });
  const pending = fc.array(
    fc.record({
      resources: amount,
      depth: fc.nat(3),
      sequence: fc.nat(9),
      readyAtMs: fc.nat(1),
      avoided: fc.boolean(),
    }),
  );
  const workers = fc.array(fc.record({ capacity: amount, used: amount, isReady: fc.boolean() }), { maxLength: 4 });
  fc.assert(
    fc.property(pending, workers, (wishes, machines) => {
      const tasks = wishes.map(({ avoided, ...wish }, index) =>
        task(`j${index}/0`, { ...wish, avoid: new Set(avoided ? ["w0"] : []) }),
      );
      const snapshots = machines.map(({ isReady, ...machine }, index) =>
        worker(`w${index}`, 0, { ...machine, unready: isReady ? undefined : "x" }),
      );
      const { assignments, reasons } = plan(tasks, snapshots, 0);
      t.is(new Set(assignments.map(({ taskId }) => taskId)).size, assignments.length);
      t.is(assignments.length + reasons.size, tasks.length);
      const used = new Map(snapshots.map(({ id, used }) => [id, used]));
      for (const { taskId, workerId } of assignments) {
        const wish = tasks.find((one) => one.taskId === taskId)?.resources ?? NO_RESOURCES;
        const before = used.get(workerId) ?? NO_RESOURCES;
        const after = addResources(before, wish);
        used.set(workerId, after);
        const { capacity, unready } = snapshots.find(({ id }) => id === workerId) ?? worker("?");
        t.is(unready, undefined);
        for (const kind of shortOf(after, capacity)) t.is(wish[kind], 0, `${kind} of ${workerId}`);
      }
    }),
  );
});
