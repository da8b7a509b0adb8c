/**
 * What time brings: retries become ready, waits and runs too long end, leases run out, workers are given up, what is old
 * is forgotten. Each subject is checked against its own row, so a wake that comes late, twice or for nothing is harmless.
 */
import { cause } from "../../job/cause.ts";
import { isFinalJob } from "../../job/status.ts";
import type { JobRow, View } from "../state.ts";
import type { Command, Limits, Subject } from "./command.ts";
import { timeOutAttempt } from "./end.ts";
import { expireEndpoint } from "./endpoints.ts";
import type { Step } from "./step.ts";
import { removeTree } from "./submit.ts";
import { workerDue } from "./workers.ts";

/** How often what is old is looked for. Unit: ms. */
export const PRUNE_EVERY_MS = 3_600_000;

export function due(step: Step, { subjects }: Command<"due">): undefined {
  for (const { kind, id } of subjects) {
    switch (kind) {
      case "task":
        taskDue(step, id);
        break;
      case "attempt":
        attemptDue(step, id);
        break;
      case "endpoint":
        expireEndpoint(step, id);
        break;
      case "worker":
        workerDue(step, id);
        break;
      case "prune":
        prune(step);
        break;
    }
  }
  return undefined;
}

function taskDue(step: Step, taskId: string): void {
  const task = step.draft.tasks.get(taskId);
  const job = task === undefined ? undefined : step.draft.jobs.get(task.jobId);
  if (task?.state !== "PENDING" || job === undefined) return;
  const { schedulingTimeoutMs } = job.spec;
  const expiresAtMs = schedulingTimeoutMs > 0 ? task.readyAtMs + schedulingTimeoutMs : Number.POSITIVE_INFINITY;
  if (expiresAtMs <= step.env.now) {
    const waitedFor = step.draft.reasons.get(job.id)?.text ?? "nothing was free";
    const why = cause("unschedulable", `found no place within ${schedulingTimeoutMs} ms: ${waitedFor}`);
    step.moveTask(task, "expire", why, step.event(task.id, "scheduling time-out"));
    return;
  }
  if (task.readyAtMs <= step.env.now) step.effect({ kind: "schedule" });
  const next = task.readyAtMs > step.env.now ? task.readyAtMs : expiresAtMs;
  if (Number.isFinite(next)) step.effect({ kind: "wake", atMs: next, subject: { kind: "task", id: taskId } });
}

function attemptDue(step: Step, uid: string): void {
  const attempt = step.draft.attempts.get(uid);
  if (attempt === undefined || attempt.timeoutAtMs === null || attempt.timeoutAtMs > step.env.now) return;
  const timeoutMs = step.draft.jobs.get(attempt.jobId)?.spec.timeoutMs ?? 0;
  timeOutAttempt(step, attempt, cause("timeout", `ran longer than ${timeoutMs} ms`));
}

function prune(step: Step): void {
  const { draft, env } = step;
  for (const job of draft.jobs.by("children", "")) {
    if (isOver(draft, job, env.now - env.limits.terminalJobsKeptMs)) removeTree(step, job.id);
  }
  for (const key of draft.keys.values()) {
    if (env.now - key.atMs >= env.limits.idempotencyKeptMs) draft.keys.delete(key.id);
  }
  for (const worker of draft.workers.values()) {
    if (worker.goneAtMs === null || env.now - worker.goneAtMs < env.limits.goneWorkersShownMs) continue;
    draft.workers.delete(worker.id);
    draft.presences.delete(worker.id);
  }
  step.effect({ kind: "forgetEvents", beforeMs: env.now - env.limits.terminalJobsKeptMs });
  step.effect({ kind: "wake", atMs: env.now + PRUNE_EVERY_MS, subject: { kind: "prune", id: "" } });
}

/** Whether a whole tree ended before `beforeMs`. */
function isOver(view: View, job: JobRow, beforeMs: number): boolean {
  if (!isFinalJob(job.state) || job.endedAtMs === null || job.endedAtMs > beforeMs) return false;
  return view.jobs.by("children", job.id).every((child) => isOver(view, child, beforeMs));
}

/** Everything that has a time, after a restart. */
export function wakesOf(view: View, now: number, limits: Limits): { atMs: number; subject: Subject }[] {
  const wakes: { atMs: number; subject: Subject }[] = [{ atMs: now, subject: { kind: "prune", id: "" } }];
  for (const task of view.tasks.by("pending", "")) {
    wakes.push({ atMs: Math.max(task.readyAtMs, now), subject: { kind: "task", id: task.id } });
  }
  for (const attempt of view.attempts.values()) {
    if (attempt.timeoutAtMs !== null)
      wakes.push({ atMs: attempt.timeoutAtMs, subject: { kind: "attempt", id: attempt.id } });
  }
  for (const endpoint of view.endpoints.values()) {
    wakes.push({ atMs: now + limits.endpointLeaseMs, subject: { kind: "endpoint", id: endpoint.id } });
  }
  for (const presence of view.presences.values()) {
    if (presence.deadlineAtMs !== null)
      wakes.push({ atMs: presence.deadlineAtMs, subject: { kind: "worker", id: presence.id } });
  }
  return wakes;
}
