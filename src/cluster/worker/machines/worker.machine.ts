/**
 * The worker as a whole: where it stands with its controller. Cut off, it keeps its tasks and only stops them when it has
 * been so for too long. It has no clock and acts on nothing: `worker.ts` does.
 */
import { setup } from "xstate";
import { compileTable } from "../../../runtime/table.ts";

export type WorkerState = "joining" | "serving" | "cut-off" | "stopping" | "stopped";

/** `registered`, `linkLost`: the controller knows us, or cannot hear us. `orphaned`: cut off for too long. */
export type WorkerEvent = "registered" | "linkLost" | "orphaned" | "stop" | "left";

/** Orders to `worker.ts`, by name. */
export type WorkerAction = "announce" | "armOrphanTimer" | "disarmOrphanTimer" | "stopAttempts";

export const workerMachine = setup({
  types: {} as { events: { type: WorkerEvent } },
  actions: { announce: () => {}, armOrphanTimer: () => {}, disarmOrphanTimer: () => {}, stopAttempts: () => {} },
}).createMachine({
  id: "worker",
  initial: "joining",
  states: {
    joining: { on: { registered: { target: "serving", actions: ["announce"] }, stop: "stopping" } },
    serving: {
      on: {
        linkLost: { target: "cut-off", actions: ["armOrphanTimer"] },
        stop: "stopping",
      },
    },
    "cut-off": {
      on: {
        registered: { target: "serving", actions: ["disarmOrphanTimer"] },
        orphaned: { actions: ["stopAttempts"] },
        stop: { target: "stopping", actions: ["disarmOrphanTimer"] },
      },
    },
    stopping: { on: { left: "stopped" } },
    stopped: { type: "final" },
  },
});

export const workerTable = compileTable<WorkerState, undefined>(workerMachine, {});
