/** Each machine is walked along every path, beside the table that it is run from; what it can do is listed in full. */
import test from "ava";
import { attemptMachine, attemptTable } from "../../../src/cluster/worker/machines/attempt.machine.ts";
import { workerMachine, workerTable } from "../../../src/cluster/worker/machines/worker.machine.ts";
import { walkMachine } from "../../kit/machine-walk.ts";

test("an attempt ends by flushing its lines, however it got there", (t) => {
  const listed = [
    "building --started--> running: armTimeout report",
    "building --failed--> flushing: flushLogs",
    "building --stopWanted--> stopping: report",
    "running --stopWanted--> stopping: stopTask report",
    "running --ended--> flushing: flushLogs",
    "stopping --started--> stopping: stopTask",
    "stopping --failed--> flushing: flushLogs",
    "stopping --ended--> flushing: flushLogs",
    "flushing --flushed--> exited: report",
  ].sort();
  t.deepEqual(walkMachine(t, attemptMachine, attemptTable).steps, listed);
  t.deepEqual(attemptTable.states.filter(attemptTable.isFinal), ["exited"]);
});

test("a worker keeps its tasks when cut off, and only time makes it stop them", (t) => {
  const listed = [
    "joining --registered--> serving: announce",
    "joining --stop--> stopping",
    "serving --linkLost--> cut-off: armOrphanTimer",
    "serving --stop--> stopping",
    "cut-off --registered--> serving: disarmOrphanTimer",
    "cut-off --orphaned--> cut-off: stopAttempts",
    "cut-off --stop--> stopping: disarmOrphanTimer",
    "stopping --left--> stopped",
  ].sort();
  t.deepEqual(walkMachine(t, workerMachine, workerTable).steps, listed);
  t.deepEqual(workerTable.states.filter(workerTable.isFinal), ["stopped"]);
});
