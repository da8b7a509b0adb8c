/**
 * A job's life. What happens to it follows from its tasks (`jobStateOf`) or is asked for; this only says which steps
 * there are, and that a final state has no way out.
 */
import { setup } from "xstate";
import { compileTable } from "../../../runtime/table.ts";

export type JobEvent = "start" | "succeed" | "fail" | "kill" | "lose" | "expire";
export type JobMachineState =
  | "PENDING"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "KILLED"
  | "WORKER_FAILED"
  | "UNSCHEDULABLE";

const ends = {
  succeed: "SUCCEEDED",
  fail: "FAILED",
  kill: "KILLED",
  lose: "WORKER_FAILED",
  expire: "UNSCHEDULABLE",
} as const;

export const jobMachine = setup({ types: {} as { events: { type: JobEvent } } }).createMachine({
  id: "job",
  initial: "PENDING",
  states: {
    PENDING: { on: { start: "RUNNING", ...ends } },
    RUNNING: { on: { ...ends } },
    SUCCEEDED: { type: "final" },
    FAILED: { type: "final" },
    KILLED: { type: "final" },
    WORKER_FAILED: { type: "final" },
    UNSCHEDULABLE: { type: "final" },
  },
});

export const jobTable = compileTable<JobMachineState, object>(jobMachine, {});
