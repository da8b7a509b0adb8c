/** Each machine is walked along every path, beside the table that it is run from; what it can do is listed in full. */
import test, { type ExecutionContext } from "ava";
import type { AnyStateMachine } from "xstate";
import { attemptMachine, attemptTable } from "../../../src/cluster/controller/machines/attempt.machine.ts";
import { controllerMachine, controllerTable } from "../../../src/cluster/controller/machines/controller.machine.ts";
import { jobMachine, jobTable } from "../../../src/cluster/controller/machines/job.machine.ts";
import { type TaskFacts, taskMachine, taskTable } from "../../../src/cluster/controller/machines/task.machine.ts";
import { workerMachine, workerTable } from "../../../src/cluster/controller/machines/worker.machine.ts";
import type { Table } from "../../../src/runtime/table.ts";
import { stepOf, walkMachine } from "../../kit/machine-walk.ts";

function check<S extends string, G>(
  t: ExecutionContext,
  machine: AnyStateMachine,
  table: Table<S, G>,
  listed: readonly string[],
  facts?: G,
): void {
  const { steps } = walkMachine(t, machine, table, facts === undefined ? {} : { facts: [facts] });
  t.deepEqual(steps, listed.map(stepOf).sort());
}

const ENDS = ["SUCCEEDED", "FAILED", "KILLED", "WORKER_FAILED"];

test("a job starts and ends, and that is all", (t) => {
  const ends = ["succeed SUCCEEDED", "fail FAILED", "kill KILLED", "lose WORKER_FAILED", "expire UNSCHEDULABLE"];
  const listed = [
    "PENDING start RUNNING",
    ...["PENDING", "RUNNING"].flatMap((from) => ends.map((end) => `${from} ${end}`)),
  ];
  check(t, jobMachine, jobTable, listed);
  for (const end of [...ENDS, "UNSCHEDULABLE"]) t.true(jobTable.isFinal(end as "FAILED"));
});

test("a task goes on to the next state of its attempt, back to PENDING within its budgets, and ends", (t) => {
  for (const [mayFail, mayBeLost] of [
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ]) {
    const facts: TaskFacts = {
      failures: 2,
      maxRetriesFailure: mayFail ? 2 : 1,
      preemptions: 2,
      maxRetriesPreemption: mayBeLost ? 2 : 1,
    };
    const ends = [
      "succeed SUCCEEDED",
      `fail ${mayFail ? "PENDING" : "FAILED"}`,
      `lose ${mayBeLost ? "PENDING" : "WORKER_FAILED"}`,
      "kill KILLED",
    ];
    const listed = [
      "PENDING assign ASSIGNED",
      "PENDING kill KILLED",
      "PENDING expire UNSCHEDULABLE",
      "ASSIGNED build BUILDING",
      "ASSIGNED run RUNNING",
      "BUILDING run RUNNING",
      ...["ASSIGNED", "BUILDING", "RUNNING"].flatMap((from) => ends.map((end) => `${from} ${end}`)),
    ];
    check(t, taskMachine, taskTable, listed, facts);
  }
  for (const end of [...ENDS, "UNSCHEDULABLE"]) t.true(taskTable.isFinal(end as "FAILED"));
});

test("an attempt whose end was decided comes to that end whatever its worker reports", (t) => {
  const ends = ["succeed SUCCEEDED", "fail FAILED", "lose WORKER_FAILED", "stop STOPPING"];
  const reports = ["succeed", "fail", "lose"];
  check(t, attemptMachine, attemptTable, [
    "ASSIGNED build BUILDING",
    "ASSIGNED run RUNNING",
    "BUILDING run RUNNING",
    "RUNNING timeOut TIMING_OUT",
    ...["ASSIGNED", "BUILDING", "RUNNING"].flatMap((from) => ends.map((end) => `${from} ${end}`)),
    ...reports.map((report) => `STOPPING ${report} KILLED`),
    ...reports.map((report) => `TIMING_OUT ${report} FAILED`),
    "TIMING_OUT stop STOPPING",
  ]);
  for (const end of ENDS) t.true(attemptTable.isFinal(end as "FAILED"));
});

test("a worker is gone by its goodbye or by time, and may always come back", (t) => {
  check(t, workerMachine, workerTable, [
    "expected registered alive",
    "expected deadline gone voidAttempts",
    "alive reported alive",
    "alive registered alive",
    "alive overdue stalled",
    "alive linkLost silent awaitReturn probe",
    "alive goodbye gone voidAttempts",
    "stalled reported alive",
    "stalled registered alive",
    "stalled linkLost silent awaitReturn probe",
    "stalled goodbye gone voidAttempts",
    "silent registered alive",
    "silent probeRefused restarting awaitRestart",
    "silent probeAccepted silent extend probeLater",
    "silent probeUnanswered silent probeLater",
    "silent deadline gone voidAttempts",
    "restarting registered alive",
    "restarting deadline gone voidAttempts",
    "gone registered alive",
  ]);
});

test("a controller recovers, observes, serves, drains and stops", (t) => {
  check(t, controllerMachine, controllerTable, [
    "recovering recovered observing",
    "recovering stop stopped",
    "observing observed serving",
    "observing stop draining",
    "serving stop draining",
    "draining drained stopped",
  ]);
});
