/**
 * A task's life. Budgets are guards over counts that were derived from attempt rows, the attempt that has just ended
 * included: two retries mean three tries. Final states have no way out.
 */
import { setup } from "xstate";
import { compileTable } from "../../../runtime/table.ts";

export type TaskEvent = "assign" | "build" | "run" | "succeed" | "fail" | "lose" | "kill" | "expire";
export type TaskMachineState =
  | "PENDING"
  | "ASSIGNED"
  | "BUILDING"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "KILLED"
  | "WORKER_FAILED"
  | "UNSCHEDULABLE";

/** What the guards look at. */
export interface TaskFacts {
  readonly failures: number;
  readonly maxRetriesFailure: number;
  readonly preemptions: number;
  readonly maxRetriesPreemption: number;
}

const mayFailAgain = ({ failures, maxRetriesFailure }: TaskFacts) => failures <= maxRetriesFailure;
const mayBeLostAgain = ({ preemptions, maxRetriesPreemption }: TaskFacts) => preemptions <= maxRetriesPreemption;

const ends = {
  succeed: "SUCCEEDED",
  fail: [{ guard: "mayFailAgain", target: "PENDING" }, { target: "FAILED" }],
  lose: [{ guard: "mayBeLostAgain", target: "PENDING" }, { target: "WORKER_FAILED" }],
  kill: "KILLED",
} as const;

export const taskMachine = setup({
  types: {} as { context: TaskFacts; input: TaskFacts; events: { type: TaskEvent } },
  guards: {
    mayFailAgain: ({ context }) => mayFailAgain(context),
    mayBeLostAgain: ({ context }) => mayBeLostAgain(context),
  },
}).createMachine({
  id: "task",
  context: ({ input }) => input,
  initial: "PENDING",
  states: {
    PENDING: { on: { assign: "ASSIGNED", kill: "KILLED", expire: "UNSCHEDULABLE" } },
    ASSIGNED: { on: { build: "BUILDING", run: "RUNNING", ...ends } },
    BUILDING: { on: { run: "RUNNING", ...ends } },
    RUNNING: { on: { ...ends } },
    SUCCEEDED: { type: "final" },
    FAILED: { type: "final" },
    KILLED: { type: "final" },
    WORKER_FAILED: { type: "final" },
    UNSCHEDULABLE: { type: "final" },
  },
});

export const taskTable = compileTable<TaskMachineState, TaskFacts>(taskMachine, { mayFailAgain, mayBeLostAgain });
