/**
 * Where one attempt stands on its worker. In `flushing` nothing of it is left but printed lines on their way to the
 * controller, which are to arrive before the news of its end. It has no clock and acts on nothing: `attempt.ts` does.
 */
import { setup } from "xstate";
import { compileTable } from "../../../runtime/table.ts";

export type AttemptState = "building" | "running" | "stopping" | "flushing" | "exited";

/**
 * `started`, `failed`: how its start came out. `stopWanted`: by whoever, for whatever reason. `ended`: nothing of its
 * processes is left. `flushed`: its last lines are stored, or were waited for long enough.
 */
export type AttemptEvent = "started" | "failed" | "stopWanted" | "ended" | "flushed";

/** Orders to `attempt.ts`, by name. */
export type AttemptAction = "armTimeout" | "stopTask" | "flushLogs" | "report";

export const attemptMachine = setup({
  types: {} as { events: { type: AttemptEvent } },
  actions: { armTimeout: () => {}, stopTask: () => {}, flushLogs: () => {}, report: () => {} },
}).createMachine({
  id: "attempt",
  initial: "building",
  states: {
    building: {
      on: {
        started: { target: "running", actions: ["armTimeout", "report"] },
        failed: { target: "flushing", actions: ["flushLogs"] },
        stopWanted: { target: "stopping", actions: ["report"] },
      },
    },
    running: {
      on: {
        stopWanted: { target: "stopping", actions: ["stopTask", "report"] },
        ended: { target: "flushing", actions: ["flushLogs"] },
      },
    },
    stopping: {
      on: {
        // It was told to stop while it was being started.
        started: { actions: ["stopTask"] },
        failed: { target: "flushing", actions: ["flushLogs"] },
        ended: { target: "flushing", actions: ["flushLogs"] },
      },
    },
    flushing: { on: { flushed: { target: "exited", actions: ["report"] } } },
    exited: { type: "final" },
  },
});

export const attemptTable = compileTable<AttemptState, undefined>(attemptMachine, {});
