/** Rows as clients see them (pure). */
import type { AttemptStatus, Health, JobStatus, TaskState, TaskStatus, WorkerStatus } from "../../net/wire/iris.ts";
import { taskCountsOf } from "./kernel/kernel.ts";
import { countsOf } from "./kernel/step.ts";
import {
  type AttemptRow,
  type AttemptState,
  attemptsOf,
  type JobRow,
  type PresenceState,
  type TaskRow,
  usedOf,
  type View,
  type WorkerRow,
} from "./state.ts";

export function jobStatus(view: View, job: JobRow): JobStatus {
  const firstFailed = job.firstFailedTaskId === null ? undefined : view.tasks.get(job.firstFailedTaskId);
  return {
    id: job.id,
    name: job.name,
    state: job.state,
    parentId: job.parentId ?? undefined,
    submittedAtMs: job.submittedAtMs,
    startedAtMs: job.startedAtMs ?? undefined,
    endedAtMs: job.endedAtMs ?? undefined,
    cause: job.cause ?? undefined,
    replicas: job.spec.replicas,
    taskCounts: taskCountsOf(view, job.id),
    version: job.version,
    firstFailed: firstFailed === undefined ? undefined : taskStatus(view, firstFailed),
    pendingReason: view.reasons.get(job.id)?.text ?? "",
  };
}

export function taskStatus(view: View, task: TaskRow): TaskStatus {
  const attempts = attemptsOf(view, task.id);
  const latest = attempts.at(-1);
  return {
    id: task.id,
    jobId: task.jobId,
    index: task.index,
    state: task.state,
    attempt: latest?.attempt,
    workerId: latest?.workerId,
    ...countsOf(attempts),
    startedAtMs: latest?.startedAtMs ?? undefined,
    endedAtMs: task.endedAtMs ?? undefined,
    cause: task.cause ?? undefined,
    ports: { ...latest?.ports },
  };
}

/** A decided end shows as what it will be; one that has timed out runs until its worker says otherwise. */
const SHOWN: Readonly<Partial<Record<AttemptState, TaskState>>> = { STOPPING: "KILLED", TIMING_OUT: "RUNNING" };

export function attemptStatus(attempt: AttemptRow): AttemptStatus {
  return {
    attempt: attempt.attempt,
    uid: attempt.id,
    taskId: attempt.taskId,
    state: SHOWN[attempt.state] ?? (attempt.state as TaskState),
    workerId: attempt.workerId,
    assignedAtMs: attempt.assignedAtMs,
    startedAtMs: attempt.startedAtMs ?? undefined,
    endedAtMs: attempt.endedAtMs ?? undefined,
    cause: attempt.cause ?? undefined,
  };
}

const HEALTH: Readonly<Record<PresenceState, Health>> = {
  expected: "STALLED",
  alive: "ALIVE",
  stalled: "STALLED",
  silent: "STALLED",
  restarting: "STALLED",
  gone: "GONE",
};

export function workerStatus(view: View, worker: WorkerRow): WorkerStatus {
  const presence = view.presences.get(worker.id);
  return {
    id: worker.id,
    incarnation: worker.incarnation,
    host: worker.host,
    health: HEALTH[presence?.state ?? "gone"],
    capacity: worker.capacity,
    used: usedOf(view, worker.id),
    attributes: { ...worker.attributes },
    liveAttempts: view.attempts.count("heldWorker", worker.id),
    lastSeenAtMs: presence?.lastSeenAtMs ?? worker.goneAtMs ?? worker.registeredAtMs,
  };
}
