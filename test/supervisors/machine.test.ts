import test from "ava";
import { getInitialSnapshot, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { compileTable } from "../../src/runtime/table.ts";
import {
  type SupervisorEvent,
  type SupervisorState,
  supervisorMachine,
} from "../../src/supervisors/supervisor.machine.ts";

const EVENTS: SupervisorEvent["type"][] = [
  "started",
  "startFailed",
  "restart",
  "restarted",
  "giveUp",
  "shutDown",
  "stop",
  "kill",
  "childrenStopped",
];
const TABLE = compileTable<SupervisorState, undefined>(supervisorMachine, {});

test("every state of a supervisor can be reached", (t) => {
  const paths = getShortestPaths(supervisorMachine, { events: EVENTS.map((type) => ({ type })) });
  t.deepEqual([...new Set(paths.map(({ state }) => state.value as string))].sort(), [...TABLE.states].sort());
});

test("machine and table take every event in every state alike", (t) => {
  const seen = new Set<string>();
  const walk = (snapshot: ReturnType<typeof getInitialSnapshot<typeof supervisorMachine>>): void => {
    const state = snapshot.value as SupervisorState;
    if (seen.has(state)) return;
    seen.add(state);
    for (const type of EVENTS) {
      const step = TABLE.step(state, type, undefined);
      t.is(step !== undefined, snapshot.status === "active" && snapshot.can({ type }), `${state} on ${type}`);
      if (step === undefined) continue;
      const [next, actions] = transition(supervisorMachine, snapshot, { type });
      t.is(step.state, next.value as SupervisorState);
      t.deepEqual(
        step.actions,
        actions.map((action) => action.type),
      );
      walk(next);
    }
  };
  walk(getInitialSnapshot(supervisorMachine));
  t.is(seen.size, TABLE.states.length);
});

test("from stopping there is no way back", (t) => {
  for (const type of EVENTS) {
    t.true(["stopping", "ended", undefined].includes(TABLE.step("stopping", type, undefined)?.state), type);
    t.is(TABLE.step("ended", type, undefined), undefined);
  }
});
