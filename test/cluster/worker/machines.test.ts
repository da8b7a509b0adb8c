/** Each machine is walked along every path, beside the table that it is run from; what it can do is listed in full. */
import test from "ava";
import { type AnyStateMachine, initialTransition, transition } from "xstate";
import { attemptMachine, attemptTable } from "../../../src/cluster/worker/machines/attempt.machine.ts";
import { workerMachine, workerTable } from "../../../src/cluster/worker/machines/worker.machine.ts";
import type { Table } from "../../../src/runtime/table.ts";

function walk(machine: AnyStateMachine): string[] {
  const [initial] = initialTransition(machine);
  const known = new Set([String(initial.value)]);
  const open = [initial];
  const steps: string[] = [];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const type of machine.events) {
      if (!from.can({ type })) continue;
      const [to, actions] = transition(machine, from, { type });
      steps.push([from.value, type, to.value, ...actions.map((action) => action.type)].join(" "));
      if (known.has(String(to.value))) continue;
      known.add(String(to.value));
      open.push(to);
    }
  }
  return steps.sort();
}

function walkTable<S extends string>(table: Table<S, undefined>, events: readonly string[]): string[] {
  return table.states
    .flatMap((from) =>
      events.flatMap((event) => {
        const step = table.step(from, event, undefined);
        return step === undefined ? [] : [[from, event, step.state, ...step.actions].join(" ")];
      }),
    )
    .sort();
}

test("an attempt ends by flushing its lines, however it got there", (t) => {
  const listed = [
    "building started running armTimeout report",
    "building failed flushing flushLogs",
    "building stopWanted stopping report",
    "running stopWanted stopping stopTask report",
    "running ended flushing flushLogs",
    "stopping started stopping stopTask",
    "stopping failed flushing flushLogs",
    "stopping ended flushing flushLogs",
    "flushing flushed exited report",
  ].sort();
  t.deepEqual(walk(attemptMachine), listed);
  t.deepEqual(walkTable(attemptTable, attemptMachine.events), listed);
  t.deepEqual(attemptTable.states.filter(attemptTable.isFinal), ["exited"]);
});

test("a worker keeps its tasks when cut off, and only time makes it stop them", (t) => {
  const listed = [
    "joining registered serving announce",
    "joining stop stopping",
    "serving linkLost cut-off armOrphanTimer",
    "serving stop stopping",
    "cut-off registered serving disarmOrphanTimer",
    "cut-off orphaned cut-off stopAttempts",
    "cut-off stop stopping disarmOrphanTimer",
    "stopping left stopped",
  ].sort();
  t.deepEqual(walk(workerMachine), listed);
  t.deepEqual(walkTable(workerTable, workerMachine.events), listed);
  t.deepEqual(workerTable.states.filter(workerTable.isFinal), ["stopped"]);
});
