/** What the machines of sessions and connections mean; `test/machines.test.ts` walks them whole. */
import test from "ava";
import { CONNECTION_TABLE, connectionMachine } from "../../src/net/connection.machine.ts";
import { SESSION_TABLE, sessionMachine } from "../../src/net/session.machine.ts";
import { walkMachine } from "../kit/machine-walk.ts";

test("every way into a closed session tells its owner, once", (t) => {
  for (const step of walkMachine(t, sessionMachine, SESSION_TABLE).steps) {
    const closes = step.includes("--> closed:");
    t.is(step.split(" ").filter((word) => word === "finish").length, closes ? 1 : 0, step);
  }
});

test("a connection that is up tells when it is not any more, whatever the way", (t) => {
  for (const step of walkMachine(t, connectionMachine, CONNECTION_TABLE).steps) {
    t.is(step.startsWith("up ") && !step.includes("--> up"), step.includes("announceDown"), step);
    t.is(step.includes("--> up"), step.includes("announceUp"), step);
  }
});
