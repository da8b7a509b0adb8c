/**
 * An attempt as the controller wants and knows it. In STOPPING and TIMING_OUT its fate is decided, but its worker has
 * not confirmed that nothing is left of it, so it still holds its capacity; whatever it reports as its end then changes
 * nothing about its fate.
 */
import { setup } from "xstate";
import { compileTable } from "../../../runtime/table.ts";
import type { AttemptState } from "../state.ts";

export type AttemptEvent = "build" | "run" | "succeed" | "fail" | "lose" | "stop" | "timeOut";

const ends = { succeed: "SUCCEEDED", fail: "FAILED", lose: "WORKER_FAILED", stop: "STOPPING" } as const;

export const attemptMachine = setup({ types: {} as { events: { type: AttemptEvent } } }).createMachine({
  id: "attempt",
  initial: "ASSIGNED",
  states: {
    ASSIGNED: { on: { build: "BUILDING", run: "RUNNING", ...ends } },
    BUILDING: { on: { run: "RUNNING", ...ends } },
    RUNNING: { on: { timeOut: "TIMING_OUT", ...ends } },
    STOPPING: { on: { succeed: "KILLED", fail: "KILLED", lose: "KILLED" } },
    TIMING_OUT: { on: { succeed: "FAILED", fail: "FAILED", lose: "FAILED", stop: "STOPPING" } },
    SUCCEEDED: { type: "final" },
    FAILED: { type: "final" },
    KILLED: { type: "final" },
    WORKER_FAILED: { type: "final" },
  },
});

export const attemptTable = compileTable<AttemptState, object>(attemptMachine, {});
