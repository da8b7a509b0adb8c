/**
 * Every machine of the project, found by its file, walked along all its paths beside its table: each state is reached,
 * each transition taken, each order given by at least one. What a machine means is tested beside what runs it.
 */
import { globSync } from "node:fs";
import { pathToFileURL } from "node:url";
import test from "ava";
import { type AnyStateMachine, StateMachine } from "xstate";
import type { TaskFacts } from "../src/cluster/controller/machines/task.machine.ts";
import type { ActorFacts } from "../src/runtime/actor.machine.ts";
import type { Table } from "../src/runtime/table.ts";
import { walkMachine } from "./kit/machine-walk.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const FILES = globSync("src/**/*.machine.ts", { cwd: ROOT }).sort();

const YES_NO = [true, false];

/** For machines with guards: facts for every way that the guards can tell apart. */
const FACTS: Readonly<Record<string, readonly object[]>> = {
  "src/runtime/actor.machine.ts": YES_NO.flatMap((supervised) =>
    YES_NO.map((retains): ActorFacts => ({ supervised, retains })),
  ),
  "src/cluster/controller/machines/task.machine.ts": [0, 1].flatMap((failures) =>
    [0, 1].map((preemptions): TaskFacts => ({ failures, maxRetriesFailure: 0, preemptions, maxRetriesPreemption: 0 })),
  ),
};

function isTable(value: unknown): value is Table<string, object> {
  return typeof value === "object" && value !== null && "step" in value && "isFinal" in value;
}

test("the machines of the project are found", (t) => {
  t.true(FILES.length >= 11, FILES.join(" "));
  for (const file of Object.keys(FACTS)) t.true(FILES.includes(file), `${file} has facts and is gone`);
});

for (const file of FILES) {
  test(`${file}: machine and table agree along every path, all of it is reached`, async (t) => {
    const exported = Object.values((await import(pathToFileURL(`${ROOT}${file}`).href)) as Record<string, unknown>);
    const machines = exported.filter((value): value is AnyStateMachine => value instanceof StateMachine);
    const tables = exported.filter(isTable);
    t.is(machines.length, 1, "a file holds one machine");
    t.is(tables.length, 1, "and the table that it is run from");
    const [machine, table] = [machines[0], tables[0]];
    if (machine === undefined || table === undefined) return;
    const facts = FACTS[file];
    const walk = walkMachine(t, machine, table, facts === undefined ? {} : { facts });
    t.deepEqual(walk.states.missed, [], "states");
    t.deepEqual(walk.transitions.missed, [], "transitions");
    t.deepEqual([...walk.actions].sort(), Object.keys(machine.implementations.actions).sort(), "orders");
    const { states, transitions } = walk;
    t.log(`${machine.id}: ${states.met} of ${states.all} states, ${transitions.met} of ${transitions.all} transitions`);
  });
}
