import test from "ava";
import { initialTransition, transition } from "xstate";
import {
  type ActorEvent,
  type ActorFacts,
  type ActorState,
  actorMachine,
  actorTable,
} from "../../src/runtime/actor.machine.ts";

const EVENTS: readonly ActorEvent[] = [
  "started",
  "failed",
  "stop",
  "drained",
  "crash",
  "closed",
  "kill",
  "restart",
  "release",
];

const ALONE: ActorFacts = { supervised: false, retains: false };
const RETAINED: ActorFacts = { supervised: true, retains: true };
const FORGETFUL: ActorFacts = { supervised: true, retains: false };

/** Every way through the drawing, as `state event → state [actions]`, with machine and table side by side. */
function walk(facts: ActorFacts, compare: (machine: unknown, table: unknown) => void): string[] {
  const lines: string[] = [];
  const [first] = initialTransition(actorMachine, facts);
  const seen = new Set<string>([String(first.value)]);
  const open = [first];
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    for (const type of EVENTS) {
      const [next, actions] = transition(actorMachine, at, { type });
      const names = actions.map((action) => action.type);
      const step = actorTable.step(at.value as ActorState, type, facts);
      const moved = next.value !== at.value || names.length > 0;
      compare(
        moved ? { state: next.value, actions: names } : undefined,
        step && { ...step, actions: [...step.actions] },
      );
      if (!moved) continue;
      lines.push(`${at.value} ${type} → ${next.value} [${names.join(" ")}]`);
      if (!seen.has(String(next.value))) {
        seen.add(String(next.value));
        open.push(next);
      }
    }
  }
  return lines;
}

test("the table takes an actor wherever its machine would, along every path", (t) => {
  for (const facts of [ALONE, RETAINED, FORGETFUL]) walk(facts, (machine, table) => t.deepEqual(table, machine));
});

test("the life of an actor alone, every transition", (t) => {
  t.deepEqual(
    walk(ALONE, () => {}),
    [
      "starting started → running [deliver]",
      "starting failed → closing [armGrace close]",
      "starting stop → stopping [closeIntake armGrace]",
      "starting kill → ended [abandon end bounce retire]",
      "running stop → stopping [closeIntake armGrace deliver]",
      "running crash → closing [armGrace close]",
      "running kill → ended [abandon end bounce retire]",
      "closing stop → closing [armGrace]",
      "closing closed → ended [end bounce retire]",
      "closing kill → ended [abandon end bounce retire]",
      "stopping started → stopping [deliver]",
      "stopping failed → closing [close]",
      "stopping stop → stopping [armGrace]",
      "stopping drained → closing [close]",
      "stopping crash → closing [close]",
      "stopping kill → ended [abandon end bounce retire]",
    ],
  );
});

test("a supervised actor goes down where one alone would end, and only a release ends it", (t) => {
  const retained = walk(RETAINED, () => {});
  const ends = retained.filter((line) => line.includes("→ ended"));
  t.deepEqual(ends, ["down release → ended [bounce retire]"]);
  t.true(retained.includes("down restart → starting [start]"));
  t.true(retained.includes("closing closed → down [end]"));
  t.true(walk(FORGETFUL, () => {}).includes("closing closed → down [end bounce]"));
});

test("every state can be reached, and only ended is final", (t) => {
  const reached = new Set(walk(RETAINED, () => {}).flatMap((line) => line.split(/ .*→ | \[/).slice(0, 2)));
  t.deepEqual([...reached].sort(), [...actorTable.states].sort());
  t.deepEqual(
    actorTable.states.filter((state) => actorTable.isFinal(state)),
    ["ended"],
  );
});
