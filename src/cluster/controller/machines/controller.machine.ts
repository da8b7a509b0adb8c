/**
 * The controller's own life. `recovering`: reading its journal. `observing`: workers that were known report, nothing is
 * placed and nobody given up. `serving`: everything. `draining`: commands are refused, what is on the way finishes.
 */
import { setup } from "xstate";
import { compileTable } from "../../../runtime/table.ts";

export type ControllerEvent = "recovered" | "observed" | "stop" | "drained";
export type ControllerState = "recovering" | "observing" | "serving" | "draining" | "stopped";

export const controllerMachine = setup({ types: {} as { events: { type: ControllerEvent } } }).createMachine({
  id: "controller",
  initial: "recovering",
  states: {
    recovering: { on: { recovered: "observing", stop: "stopped" } },
    observing: { on: { observed: "serving", stop: "draining" } },
    serving: { on: { stop: "draining" } },
    draining: { on: { drained: "stopped" } },
    stopped: { type: "final" },
  },
});

export const controllerTable = compileTable<ControllerState, object>(controllerMachine, {});
