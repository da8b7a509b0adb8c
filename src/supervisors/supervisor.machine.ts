/**
 * The life of a supervisor, as a drawing. Its children's lives are not here: what to do about them is `policy.ts`.
 *
 * The one invariant: from `stopping` there is no way back, so whatever is being started when a stop comes in is undone.
 */
import { setup } from "xstate";
import { compileTable } from "../runtime/table.ts";

export type SupervisorState = "starting" | "running" | "restarting" | "stopping" | "ended";

export type SupervisorEvent =
  /** The first children are ready, or one of them did not start. */
  | { type: "started" }
  | { type: "startFailed" }
  /** Children are to be started again; they were, or were tried. */
  | { type: "restart" }
  | { type: "restarted" }
  /** Too many restarts; a significant child has ended; somebody asked. */
  | { type: "giveUp" }
  | { type: "shutDown" }
  | { type: "stop" }
  /** Somebody asked, and will not wait. */
  | { type: "kill" }
  /** The last child has ended. */
  | { type: "childrenStopped" };

const leave = { target: "stopping", actions: ["abandonStarts", "stopChildren"] } as const;
const die = { target: "stopping", actions: ["abandonStarts", "killChildren", "stopChildren"] } as const;

export const supervisorMachine = setup({
  types: { events: {} as SupervisorEvent },
  actions: { abandonStarts: () => {}, stopChildren: () => {}, killChildren: () => {}, announceEnd: () => {} },
}).createMachine({
  id: "supervisor",
  initial: "starting",
  states: {
    starting: { on: { started: "running", startFailed: leave, stop: leave, kill: die } },
    running: { on: { restart: "restarting", giveUp: leave, shutDown: leave, stop: leave, kill: die } },
    restarting: { on: { restarted: "running", stop: leave, kill: die } },
    stopping: {
      on: { kill: { actions: ["killChildren"] }, childrenStopped: { target: "ended", actions: ["announceEnd"] } },
    },
    ended: { type: "final" },
  },
});

export const supervisorTable = compileTable<SupervisorState, undefined>(supervisorMachine, {});
