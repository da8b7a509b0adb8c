/**
 * The kernel: `handle(state, command, env)` says what a command would make of the state and what is to be done about it,
 * and touches nothing. Two passes: the command's own moves, then everything that follows from them (jobs from their
 * tasks, cascades from jobs) until nothing does. A command that throws has changed nothing.
 */
import type { Cause } from "../../../net/wire/iris.ts";
import { cause } from "../../job/cause.ts";
import { isFinalJob, jobStateOf, type TaskState } from "../../job/status.ts";
import { applyChanges, type JobRow, type State, tasksOf, type View } from "../state.ts";
import type { Command, CommandKind, Env, Outcome, Replies } from "./command.ts";
import { due } from "./due.ts";
import { endJob, type FinalJobState } from "./end.ts";
import { registerEndpoint, renewEndpoints, unregisterEndpoint } from "./endpoints.ts";
import { schedule } from "./place.ts";
import { recover } from "./recover.ts";
import { observed } from "./reports.ts";
import { Step } from "./step.ts";
import { submit, terminate } from "./submit.ts";
import { linkLost, overdue, probed, registerWorker } from "./workers.ts";

type Handlers = { readonly [K in CommandKind]: (step: Step, command: Command<K>) => Replies[K] };

const HANDLERS: Handlers = {
  submit,
  terminate,
  registerWorker,
  observed,
  linkLost,
  overdue,
  probed,
  registerEndpoint,
  unregisterEndpoint,
  renewEndpoints,
  due,
  schedule,
  recover,
};

/** Pure. Throws the `IrisError` that the asker gets; the state is then as it was. */
export function handle<K extends CommandKind>(state: State, command: Command<K>, env: Env): Outcome<Replies[K]> {
  const step = new Step(state, env);
  const handler = HANDLERS[command.kind] as (step: Step, command: Command<K>) => Replies[K];
  const reply = handler(step, command);
  settle(step);
  return step.finish(reply);
}

/** Makes what a step came to part of the state. */
export function adopt(state: State, outcome: Outcome<unknown>): void {
  applyChanges(state, outcome.changes);
  state.lastEventId = outcome.lastEventId;
  state.lastSequence = outcome.lastSequence;
}

function settle(step: Step): void {
  for (let jobId = step.takeUnsettled(); jobId !== undefined; jobId = step.takeUnsettled()) {
    const job = step.draft.jobs.get(jobId);
    if (job === undefined || isFinalJob(job.state)) continue;
    const counts = taskCountsOf(step.draft, job.id);
    const next = jobStateOf(counts, job.spec.maxTaskFailures, job.startedAtMs !== null);
    if (next === job.state) continue;
    if (isFinalJob(next)) {
      const why = whyEnded(step.draft, job, next as FinalJobState, counts);
      endJob(step, job, next as FinalJobState, why);
    } else {
      step.moveJob(job.id, "start", null, 0);
    }
  }
}

const TASK_STATES: readonly TaskState[] = [
  "PENDING",
  "ASSIGNED",
  "BUILDING",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "KILLED",
  "WORKER_FAILED",
  "UNSCHEDULABLE",
];

/** How many tasks of a job are in each state; states of none are left out. */
export function taskCountsOf(view: View, jobId: string): Partial<Record<TaskState, number>> {
  const counts: Partial<Record<TaskState, number>> = {};
  for (const state of TASK_STATES) {
    const count = view.tasks.count("jobState", `${jobId} ${state}`);
    if (count > 0) counts[state] = count;
  }
  return counts;
}

/** Task states that bring a job into its own final state. */
const CULPRITS: Readonly<Partial<Record<FinalJobState, TaskState>>> = {
  FAILED: "FAILED",
  WORKER_FAILED: "WORKER_FAILED",
  UNSCHEDULABLE: "UNSCHEDULABLE",
};

function whyEnded(view: View, job: JobRow, state: FinalJobState, counts: Partial<Record<TaskState, number>>): Cause {
  const culpritState = CULPRITS[state];
  if (culpritState !== undefined) {
    const culprit = tasksOf(view, job.id).find((task) => task.state === culpritState);
    if (culprit?.cause) return { ...culprit.cause, message: `task ${culprit.id}: ${culprit.cause.message}` };
  }
  const failed = counts.FAILED ?? 0;
  const tolerated = failed > 0 ? `, ${failed} of them in failures that it tolerates` : "";
  return cause("exited", `all its tasks ended: ${job.spec.replicas}${tolerated}`);
}
