import test from "ava";
import { type AnyStateMachine, initialTransition, transition } from "xstate";
import { CONNECTION_ACTIONS, CONNECTION_TABLE, connectionMachine } from "../../src/net/connection.machine.ts";
import { SESSION_ACTIONS, SESSION_TABLE, sessionMachine } from "../../src/net/session.machine.ts";
import type { Table } from "../../src/runtime/table.ts";

/** Every step that the machine can take from its start: `state --event--> state: actions`. */
function walk(machine: AnyStateMachine, events: readonly string[]): string[] {
  const steps: string[] = [];
  const [initial] = initialTransition(machine);
  const known = new Set([`${initial.value}`]);
  const open = [initial];
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const type of events) {
      if (!machine.events.includes(type) || !from.can({ type })) continue;
      const [to, actions] = transition(machine, from, { type });
      steps.push(`${from.value} --${type}--> ${to.value}: ${actions.map((action) => action.type).join(" ")}`);
      if (known.has(`${to.value}`)) continue;
      known.add(`${to.value}`);
      open.push(to);
    }
  }
  return steps.sort();
}

/** The same, by the table. */
function walkTable<S extends string>(table: Table<S, undefined>, events: readonly string[]): string[] {
  const steps: string[] = [];
  for (const from of table.states) {
    for (const event of events) {
      const step = table.step(from, event, undefined);
      if (step !== undefined) steps.push(`${from} --${event}--> ${step.state}: ${step.actions.join(" ")}`);
    }
  }
  return steps.sort();
}

const MACHINES = [
  { name: "session", machine: sessionMachine, table: SESSION_TABLE, actions: SESSION_ACTIONS, steps: 34 },
  { name: "connection", machine: connectionMachine, table: CONNECTION_TABLE, actions: CONNECTION_ACTIONS, steps: 15 },
] as const;

for (const { name, machine, table, actions, steps } of MACHINES) {
  test(`the ${name}'s machine and its table take the same steps, and every state is reached`, (t) => {
    const events = [...machine.events] as string[];
    const walked = walk(machine, events);
    t.deepEqual(walkTable<string>(table as Table<string, undefined>, events), walked);
    t.is(walked.length, steps, walked.join("\n"));
    const reached = new Set(walked.flatMap((step) => [step.split(" ")[0], step.split("--> ")[1]?.split(":")[0]]));
    t.deepEqual([...reached].sort(), [...table.states].sort());
    const ordered = new Set(walked.flatMap((step) => step.split(": ")[1]?.split(" ") ?? []));
    ordered.delete("");
    t.deepEqual([...ordered].sort(), [...actions].sort());
  });
}

test("every way into a closed session tells its owner, once", (t) => {
  for (const step of walk(sessionMachine, [...sessionMachine.events] as string[])) {
    const closes = step.includes("--> closed:");
    t.is(step.split(" ").filter((word) => word === "finish").length, closes ? 1 : 0, step);
  }
});
