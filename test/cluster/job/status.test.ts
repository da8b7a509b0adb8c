import test from "ava";
import fc from "fast-check";
import { isFinalJob, isFinalTask, type JobState, jobStateOf, type TaskState } from "../../../src/cluster/job/status.ts";

const LIVE: TaskState[] = ["PENDING", "ASSIGNED", "BUILDING", "RUNNING"];
const FINAL: TaskState[] = [
  "SUCCEEDED",
  "FAILED",
  "KILLED",
  "WORKER_FAILED",
  "UNSCHEDULABLE",
  "PREEMPTED",
  "GANG_FAILED",
];

test("all states of tasks but four are final, and all of jobs but two", (t) => {
  for (const state of LIVE) t.false(isFinalTask(state), state);
  for (const state of FINAL) t.true(isFinalTask(state), state);
  const jobs: [JobState, boolean][] = [
    ["PENDING", false],
    ["RUNNING", false],
    ["SUCCEEDED", true],
    ["FAILED", true],
    ["KILLED", true],
    ["WORKER_FAILED", true],
    ["UNSCHEDULABLE", true],
  ];
  for (const [state, isFinal] of jobs) t.is(isFinalJob(state), isFinal, state);
});

test("a job's state is the first rule that fits", (t) => {
  t.is(jobStateOf({ FAILED: 2, UNSCHEDULABLE: 1, KILLED: 1, RUNNING: 1 }, 1, true), "FAILED");
  t.is(jobStateOf({ FAILED: 1, UNSCHEDULABLE: 1, KILLED: 1 }, 1, true), "UNSCHEDULABLE");
  t.is(jobStateOf({ KILLED: 1, WORKER_FAILED: 1, RUNNING: 1 }, 0, true), "KILLED");
  t.is(jobStateOf({ WORKER_FAILED: 1, SUCCEEDED: 1 }, 0, true), "WORKER_FAILED");
  t.is(jobStateOf({ WORKER_FAILED: 1, RUNNING: 1 }, 0, true), "RUNNING");
  t.is(jobStateOf({ PREEMPTED: 1 }, 0, true), "WORKER_FAILED");
  t.is(jobStateOf({ SUCCEEDED: 1, FAILED: 1 }, 1, true), "SUCCEEDED");
  t.is(jobStateOf({ PENDING: 1 }, 0, true), "RUNNING");
  t.is(jobStateOf({ PENDING: 1, ASSIGNED: 1 }, 0, false), "PENDING");
});

test("a job is final exactly when its tasks are, or one of them decided it", (t) => {
  const counts = fc.dictionary(fc.constantFrom(...LIVE, ...FINAL), fc.integer({ min: 1, max: 3 }), { minKeys: 1 });
  fc.assert(
    fc.property(counts, fc.nat(3), fc.boolean(), (tasks: Partial<Record<TaskState, number>>, tolerated, started) => {
      const allFinal = LIVE.every((state) => tasks[state] === undefined);
      const decided =
        (tasks.FAILED ?? 0) > tolerated || tasks.UNSCHEDULABLE !== undefined || tasks.KILLED !== undefined;
      t.is(isFinalJob(jobStateOf(tasks, tolerated, started)), allFinal || decided);
    }),
  );
});
