/**
 * Submissions and their opposite. The one invariant: a job is inserted with all its tasks in the step that checked its
 * parent, so that a submission racing with its parent's end is either refused or terminated with it.
 */
import type { Identity } from "../../../net/channel.ts";
import type { IfExists, JobSpec } from "../../../net/wire/iris.ts";
import { IrisError } from "../../../runtime/errors.ts";
import { readableId } from "../../../runtime/ids.ts";
import { cause } from "../../job/cause.ts";
import { childJobId, depthOf, ROOT_ID_LENGTH, taskId } from "../../job/id.ts";
import { isFinalJob } from "../../job/status.ts";
import { isHeld, type JobRow, type TaskRow, tasksOf } from "../state.ts";
import { callingAttempt, nameOf } from "./caller.ts";
import type { Command, Replies } from "./command.ts";
import { descendantsToEnd, endJob } from "./end.ts";
import type { Step } from "./step.ts";

/** Levels of jobs below a root: enough for any honest tree, and no id grows without end. */
const JOB_DEPTH_MAX = 32;

export function submit(step: Step, command: Command<"submit">): Replies["submit"] {
  const { spec, ifExists, idempotencyKey, by } = command;
  const { draft, env } = step;
  const attempt = callingAttempt(step, by, "submit jobs");
  const parent = attempt === undefined ? undefined : draft.jobs.get(attempt.jobId);
  if (attempt !== undefined && (parent === undefined || isFinalJob(parent.state))) {
    throw new IrisError(
      "FAILED_PRECONDITION",
      `job ${attempt.jobId} ${parent === undefined ? "is gone" : `has ended ${parent.state}`}: nothing can be submitted below it`,
    );
  }
  const user = parent?.user ?? by.namespace;
  const keyId = idempotencyKey === "" ? undefined : `${parent?.id ?? user} ${idempotencyKey}`;
  const known = keyId === undefined ? undefined : draft.keys.get(keyId);
  if (
    known !== undefined &&
    env.now - known.atMs < env.limits.idempotencyKeptMs &&
    draft.jobs.get(known.jobId) !== undefined
  ) {
    return { jobId: known.jobId };
  }
  const kept = parent === undefined ? settleRootName(step, user, spec.name, ifExists, by) : undefined;
  if (kept !== undefined) return { jobId: kept };
  const id = parent === undefined ? readableId(env.random, ROOT_ID_LENGTH) : childJobId(parent.id, spec.name);
  if (depthOf(id) > JOB_DEPTH_MAX) {
    throw new IrisError(
      "FAILED_PRECONDITION",
      `job ${id} would be ${depthOf(id)} levels deep: at most ${JOB_DEPTH_MAX} are allowed`,
    );
  }
  const earlier = draft.jobs.get(id);
  if (earlier !== undefined && settleChildName(step, earlier, ifExists, by) === "keep") return { jobId: id };
  admit(step, user, spec.replicas);
  const version = earlier === undefined ? 0 : (draft.jobs.get(id) ?? earlier).version + 1;
  if (earlier !== undefined) removeTree(step, id);
  insert(step, {
    id,
    name: spec.name,
    parentId: parent?.id ?? null,
    parentTaskId: attempt?.taskId ?? null,
    parentAttemptUid: attempt?.id ?? null,
    user,
    sequence: step.nextSequence(),
    spec: inherit(spec, parent?.spec),
    state: "PENDING",
    submittedAtMs: env.now,
    startedAtMs: null,
    endedAtMs: null,
    cause: null,
    firstFailedTaskId: null,
    version,
  });
  if (keyId !== undefined) draft.keys.put({ id: keyId, jobId: id, atMs: env.now });
  step.event(id, "submitted", `by ${nameOf(by)}`);
  step.effect({ kind: "schedule" });
  return { jobId: id };
}

/** Ends a job on somebody's wish. Throws `NOT_FOUND`. Nothing changes for one that has ended. */
export function terminate(step: Step, { jobId, by }: Command<"terminate">): undefined {
  const job = step.draft.jobs.get(jobId);
  if (job === undefined) throw new IrisError("NOT_FOUND", `no job ${jobId}`);
  if (!isFinalJob(job.state)) killByWish(step, job, by, "was asked to end");
  return undefined;
}

function killByWish(step: Step, job: JobRow, by: Identity, what: string): void {
  const asked = step.event(job.id, what, `by ${nameOf(by)}`);
  const why = cause("killed-by-user", `terminated by ${nameOf(by)}`, { byWhom: nameOf(by), causeEventId: asked });
  endJob(step, job, "KILLED", why);
}

/**
 * Root jobs may share a name. Only who asks for it has the name looked at: an id to keep, an error, or the live ones ended.
 */
function settleRootName(step: Step, user: string, name: string, ifExists: IfExists, by: Identity): string | undefined {
  if (ifExists === "IF_EXISTS_DEFAULT") return undefined;
  const same = step.draft.jobs.by("rootName", `${user} ${name}`).sort((a, b) => b.sequence - a.sequence);
  const newest = same.find((job) => !isFinalJob(job.state)) ?? same[0];
  if (newest === undefined) return undefined;
  if (ifExists === "KEEP_EXISTING") return newest.id;
  if (ifExists === "ERROR") throw alreadyExists(newest);
  for (const job of same) if (!isFinalJob(job.state)) killByWish(step, job, by, "is replaced");
  return undefined;
}

function settleChildName(step: Step, earlier: JobRow, ifExists: IfExists, by: Identity): "keep" | "replace" {
  if (ifExists === "KEEP_EXISTING") return "keep";
  if (ifExists === "ERROR") throw alreadyExists(earlier);
  const live = isFinalJob(earlier.state) ? descendantsToEnd(step.draft, earlier, "KILLED") : [earlier];
  if (ifExists !== "REPLACE") {
    const [first] = live;
    if (first !== undefined) throw alreadyExists(first);
    return "replace";
  }
  for (const job of live) killByWish(step, job, by, "is replaced");
  return "replace";
}

function alreadyExists(job: JobRow): IrisError {
  return new IrisError(
    "ALREADY_EXISTS",
    `job ${job.id} (${job.name}) is there and ${job.state}: submit under another name, or with ifExists "keep" or "replace"`,
  );
}

function admit(step: Step, user: string, replicas: number): void {
  const live = step.draft.tasks.count("liveUser", user);
  const most = step.env.limits.liveTasksPerUser;
  if (live + replicas > most) {
    throw new IrisError(
      "RESOURCE_EXHAUSTED",
      `${user} has ${live} unfinished tasks and asks for ${replicas} more: at most ${most} are allowed; wait for some to end`,
    );
  }
}

/** What a child does not say is its parent's. */
function inherit(spec: JobSpec, parent: JobSpec | undefined): JobSpec {
  return {
    ...spec,
    env: { ...parent?.env, ...spec.env },
    workspace: spec.workspace ?? parent?.workspace ?? "",
  };
}

function insert(step: Step, job: JobRow): void {
  step.insertJob(job);
  for (let index = 0; index < job.spec.replicas; index++) {
    const task: TaskRow = {
      id: taskId(job.id, index),
      jobId: job.id,
      index,
      user: job.user,
      state: "PENDING",
      nextAttempt: 0,
      readyAtMs: step.env.now,
      endedAtMs: null,
      cause: null,
    };
    step.draft.tasks.put(task);
    if (job.spec.schedulingTimeoutMs > 0) {
      const atMs = step.env.now + job.spec.schedulingTimeoutMs;
      step.effect({ kind: "wake", atMs, subject: { kind: "task", id: task.id } });
    }
  }
}

/**
 * Forgets an ended job and everything below it. Attempts that their workers still have to confirm stay, disowned, since
 * they hold capacity.
 */
export function removeTree(step: Step, jobId: string): void {
  const { draft } = step;
  for (const child of draft.jobs.by("children", jobId)) removeTree(step, child.id);
  const tasks = tasksOf(draft, jobId);
  for (const task of tasks) {
    for (const attempt of draft.attempts.by("task", task.id)) {
      if (isHeld(attempt)) draft.attempts.put({ ...attempt, disowned: true });
      else draft.attempts.delete(attempt.id);
    }
    draft.tasks.delete(task.id);
  }
  draft.jobs.delete(jobId);
  draft.reasons.delete(jobId);
  step.effect({ kind: "forgetLogs", taskIds: tasks.map((task) => task.id) });
}
