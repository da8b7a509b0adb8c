/**
 * Ends. Every way in which a job ends (its tasks', a user's wish, its parent's end, a retry of its parent) comes through
 * `endJob`, and every way in which a running attempt ends comes through `endAttempt`. The one invariant: when a job is
 * final so are its tasks and, detached children of a success aside, all its descendants, in the same step.
 */
import type { Cause, JobState } from "../../../net/wire/iris.ts";
import { cause } from "../../job/cause.ts";
import { depthOf } from "../../job/id.ts";
import { isFinalJob, isFinalTask } from "../../job/status.ts";
import type { AttemptEvent } from "../machines/attempt.machine.ts";
import type { JobEvent } from "../machines/job.machine.ts";
import type { TaskEvent } from "../machines/task.machine.ts";
import { type AttemptRow, attemptsOf, type JobRow, latestAttempt, type TaskRow, tasksOf, type View } from "../state.ts";
import { dropEndpointsOf } from "./endpoints.ts";
import { retryWaitMs } from "./retry.ts";
import type { Step } from "./step.ts";

export type FinalJobState = Exclude<JobState, "UNSPECIFIED" | "PENDING" | "RUNNING">;

const JOB_EVENT: Readonly<Record<FinalJobState, JobEvent>> = {
  SUCCEEDED: "succeed",
  FAILED: "fail",
  KILLED: "kill",
  WORKER_FAILED: "lose",
  UNSCHEDULABLE: "expire",
};

/** Ends a job and everything below it, deepest first, in reverse order of submission. Nothing if it has ended. */
export function endJob(
  step: Step,
  job: JobRow,
  state: FinalJobState,
  why: Cause,
  causeEventId = why.causeEventId,
): void {
  const eventId = step.moveJob(job.id, JOB_EVENT[state], why, causeEventId);
  if (eventId === undefined) return;
  for (const descendant of descendantsToEnd(step.draft, job, state)) {
    const parentEnded = cause("parent-ended", `its ancestor ${job.id} ended ${state}`);
    const childEventId = step.moveJob(descendant.id, "kill", parentEnded, eventId);
    if (childEventId !== undefined) killTasks(step, descendant, parentEnded, childEventId);
  }
  killTasks(
    step,
    job,
    state === "KILLED" ? why : cause("job-failed", `its job ended ${state}: ${why.message}`),
    eventId,
  );
}

/** Live jobs below one that ends in `state`: deepest first, then latest first. */
export function descendantsToEnd(view: View, job: JobRow, state: JobState): JobRow[] {
  const found: JobRow[] = [];
  const visit = (parent: JobRow, spareDetached: boolean): void => {
    for (const child of view.jobs.by("children", parent.id)) {
      if (spareDetached && child.spec.detached) continue;
      if (!isFinalJob(child.state)) found.push(child);
      // Below a child that succeeded before, detached ones may live on: another success spares them again, nothing else.
      visit(child, spareDetached && isFinalJob(child.state));
    }
  };
  visit(job, state === "SUCCEEDED");
  return found.sort((a, b) => depthOf(b.id) - depthOf(a.id) || b.sequence - a.sequence);
}

function killTasks(step: Step, job: JobRow, why: Cause, causeEventId: number): void {
  for (const task of tasksOf(step.draft, job.id).reverse()) {
    if (isFinalTask(task.state)) continue;
    const killed = step.moveTask(task, "kill", why, causeEventId);
    const attempt = latestAttempt(step.draft, task.id);
    if (attempt !== undefined) stopAttempt(step, attempt, killed?.cause ?? why);
  }
}

/** Decides that an attempt must stop. Its capacity stays taken until its worker confirms. */
export function stopAttempt(step: Step, attempt: AttemptRow, why: Cause): void {
  if (step.moveAttempt(attempt, "stop", { cause: why, timeoutAtMs: null }, why.message, why.causeEventId) === undefined)
    return;
  dropEndpointsOf(step, attempt.id);
  step.effect({ kind: "push", workerId: attempt.workerId });
}

/** Decides that an attempt has run too long; its task follows once its worker confirms. */
export function timeOutAttempt(step: Step, attempt: AttemptRow, why: Cause): void {
  const moved = step.moveAttempt(attempt, "timeOut", { cause: why, timeoutAtMs: null }, why.message);
  if (moved === undefined) return;
  dropEndpointsOf(step, attempt.id);
  step.effect({ kind: "push", workerId: attempt.workerId });
}

export type Verdict = Extract<AttemptEvent, "succeed" | "fail" | "lose">;

const TASK_EVENT: Readonly<Partial<Record<AttemptRow["state"], TaskEvent>>> = {
  SUCCEEDED: "succeed",
  FAILED: "fail",
  WORKER_FAILED: "lose",
};

/** Nothing is left of an attempt: frees its capacity, and its task follows if that was still open. */
export function endAttempt(
  step: Step,
  attempt: AttemptRow,
  verdict: Verdict,
  why: Cause,
  more: { endedAtMs?: number; result?: Uint8Array; causeEventId?: number } = {},
): void {
  const decided = attempt.state === "STOPPING" || attempt.state === "TIMING_OUT";
  const causeOfEnd = decided && attempt.cause !== null ? attempt.cause : why;
  const hasResult = verdict === "succeed" && !decided && more.result !== undefined;
  const moved = step.moveAttempt(
    attempt,
    verdict,
    {
      cause: causeOfEnd,
      timeoutAtMs: null,
      hasResult,
      ...(more.endedAtMs === undefined ? {} : { endedAtMs: more.endedAtMs }),
    },
    causeOfEnd.message,
    more.causeEventId ?? causeOfEnd.causeEventId,
  );
  if (moved === undefined) return;
  dropEndpointsOf(step, attempt.id);
  step.effect({ kind: "schedule" });
  if (moved.row.disowned) return;
  if (hasResult && more.result !== undefined) step.result({ uid: attempt.id, value: more.result });
  const task = step.draft.tasks.get(attempt.taskId);
  const event = TASK_EVENT[moved.row.state];
  if (task === undefined || event === undefined) return;
  const next = step.moveTask(task, event, causeOfEnd, moved.eventId);
  if (next?.state === "PENDING") retry(step, next, moved.row, moved.eventId);
}

function retry(step: Step, task: TaskRow, ended: AttemptRow, causeEventId: number): void {
  const readyAtMs = step.env.now + retryWaitMs(attemptsOf(step.draft, task.id).length, step.env);
  step.draft.tasks.put({ ...task, readyAtMs });
  step.effect({ kind: "wake", atMs: readyAtMs, subject: { kind: "task", id: task.id } });
  const job = step.draft.jobs.get(task.jobId);
  if (job === undefined || !endsChildrenOnRetry(job)) return;
  const children = step.draft.jobs.by("children", job.id).sort((a, b) => b.sequence - a.sequence);
  for (const child of children) {
    if (child.parentTaskId !== task.id) continue;
    const why = cause(
      "parent-ended",
      `attempt ${ended.attempt} of ${task.id}, which submitted it, ended and is tried again`,
    );
    endJob(step, child, "KILLED", why, causeEventId);
  }
}

/** Whether the children of an ended attempt end before its task is tried again. */
export function endsChildrenOnRetry(job: JobRow): boolean {
  const { onRetry, replicas } = job.spec;
  return onRetry === "TERMINATE" || (onRetry !== "KEEP" && replicas === 1);
}
