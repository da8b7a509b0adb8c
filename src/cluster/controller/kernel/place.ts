/** Carries a plan out: attempts for what was placed, reasons for what was not. */
import { opaqueId } from "../../../runtime/ids.ts";
import { depthOf } from "../../job/id.ts";
import { NO_RESOURCES } from "../../job/resources.ts";
import { type PendingTask, plan, type WorkerSnapshot } from "../scheduler.ts";
import { type AttemptRow, attemptsOf, type JobRow, type TaskRow, usedOf, type View } from "../state.ts";
import { endsChildrenOnRetry } from "./end.ts";
import { avoidedWorkers } from "./retry.ts";
import type { Step } from "./step.ts";
import { mayTakeTasks } from "./workers.ts";

/** Characters of an attempt's uid. */
const UID_LENGTH = 16;
const NONE: ReadonlySet<string> = new Set();

/** Places what fits. */
export function schedule(step: Step): undefined {
  const { draft, env } = step;
  const { assignments, reasons } = plan(pendingTasks(draft), workerSnapshots(draft), env.now);
  for (const { taskId, workerId } of assignments) assign(step, taskId, workerId);
  for (const row of draft.reasons.values()) {
    if (!reasons.has(row.id)) {
      draft.reasons.delete(row.id);
      step.touchJob(row.id);
    }
  }
  for (const [id, text] of reasons) {
    if (draft.reasons.get(id)?.text === text) continue;
    draft.reasons.put({ id, text });
    step.touchJob(id);
  }
  return undefined;
}

function pendingTasks(view: View): PendingTask[] {
  const jobs = new Map<string, { job: JobRow; depth: number }>();
  const pending: PendingTask[] = [];
  for (const task of view.tasks.by("pending", "")) {
    let known = jobs.get(task.jobId);
    if (known === undefined) {
      const job = view.jobs.get(task.jobId);
      if (job === undefined) continue;
      known = { job, depth: depthOf(job.id) };
      jobs.set(job.id, known);
    }
    pending.push(pendingTask(view, known.job, known.depth, task));
  }
  return pending;
}

/** A waiting task as the scheduler sees it; `depth` is its job's. */
export function pendingTask(view: View, job: JobRow, depth: number, task: TaskRow): PendingTask {
  const triedBefore = task.nextAttempt > 0;
  return {
    taskId: task.id,
    jobId: job.id,
    depth,
    sequence: job.sequence,
    index: task.index,
    resources: job.spec.resources ?? NO_RESOURCES,
    readyAtMs: task.readyAtMs,
    blockedBy:
      triedBefore && childrenHold(view, job, task) ? "children: those of its last attempt are still ending" : undefined,
    avoid: triedBefore ? avoidedWorkers(attemptsOf(view, task.id)) : NONE,
  };
}

/** Whether something of what an earlier attempt submitted is still running somewhere. */
function childrenHold(view: View, job: JobRow, task: TaskRow): boolean {
  if (!endsChildrenOnRetry(job)) return false;
  const holds = (jobId: string): boolean =>
    view.attempts.count("heldJob", jobId) > 0 || view.jobs.by("children", jobId).some((child) => holds(child.id));
  return view.jobs.by("children", job.id).some((child) => child.parentTaskId === task.id && holds(child.id));
}

/** Workers that are not gone, as the scheduler sees them. */
export function workerSnapshots(view: View): WorkerSnapshot[] {
  const snapshots: WorkerSnapshot[] = [];
  for (const { id, capacity, goneAtMs } of view.workers.values()) {
    const presence = view.presences.get(id);
    if (goneAtMs !== null || presence === undefined || presence.state === "gone") continue;
    const unready = mayTakeTasks(presence)
      ? undefined
      : presence.foreign > 0
        ? "busy with tasks of another controller's state"
        : presence.strays > 0
          ? "still ending old tasks"
          : "not reporting";
    snapshots.push({
      id,
      capacity,
      used: usedOf(view, id),
      attempts: view.attempts.count("heldWorker", id),
      unready,
    });
  }
  return snapshots;
}

function assign(step: Step, taskId: string, workerId: string): void {
  const { draft, env } = step;
  const task = draft.tasks.get(taskId);
  const job = task === undefined ? undefined : draft.jobs.get(task.jobId);
  const worker = draft.workers.get(workerId);
  if (task === undefined || job === undefined || worker === undefined) return;
  const attempt: AttemptRow = {
    id: opaqueId(env.random, UID_LENGTH),
    taskId,
    jobId: job.id,
    attempt: task.nextAttempt,
    workerId,
    incarnation: worker.incarnation,
    resources: job.spec.resources ?? NO_RESOURCES,
    state: "ASSIGNED",
    assignedAtMs: env.now,
    startedAtMs: null,
    timeoutAtMs: null,
    endedAtMs: null,
    cause: null,
    ports: {},
    hasResult: false,
    disowned: false,
  };
  const eventId = step.event(attempt.id, "assigned", `attempt ${attempt.attempt} of ${taskId} to ${workerId}`);
  draft.attempts.put(attempt);
  const moved = step.moveTask(task, "assign", null, eventId);
  if (moved !== undefined) draft.tasks.put({ ...moved, nextAttempt: task.nextAttempt + 1 });
  step.effect({ kind: "push", workerId });
}
