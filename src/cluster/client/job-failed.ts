/** What `job.wait()` and `job.result()` reject with when the work itself ended badly: all that one needs to look on. */
import { IrisError } from "../../runtime/errors.ts";
import type { LogEntry } from "./logs.ts";
import type { Cause, JobState, TaskState, TaskStatus } from "./status.ts";

export interface JobFailure {
  readonly jobId: string;
  readonly jobName: string;
  /** The job's final state; the task's when a task was waited for. */
  readonly state: JobState | TaskState;
  /** Why it ended. */
  readonly failure: Cause | undefined;
  /** The first task that failed, where one did. */
  readonly firstFailed: TaskStatus | undefined;
  /** The last lines of that task's log, oldest first. */
  readonly lastLines: readonly LogEntry[];
}

/** Code `JOB_FAILED`. Its `cause` is an error with the message of the user's own, where the user's code threw. */
export class JobFailedError extends IrisError implements JobFailure {
  override readonly name: string = "JobFailedError";
  readonly jobId: string;
  readonly jobName: string;
  readonly state: JobState | TaskState;
  readonly failure: Cause | undefined;
  readonly firstFailed: TaskStatus | undefined;
  readonly lastLines: readonly LogEntry[];

  constructor(failed: JobFailure) {
    const why = failed.firstFailed?.cause ?? failed.failure;
    super("JOB_FAILED", messageOf(failed), {
      where: failed.firstFailed?.id ?? failed.jobId,
      retryable: false,
      cause: why === undefined ? undefined : new Error(why.message),
    });
    this.jobId = failed.jobId;
    this.jobName = failed.jobName;
    this.state = failed.state;
    this.failure = failed.failure;
    this.firstFailed = failed.firstFailed;
    this.lastLines = failed.lastLines;
  }
}

function messageOf(failed: JobFailure): string {
  const { jobId, jobName, state, failure, firstFailed, lastLines } = failed;
  const name = jobId.endsWith(`/${jobName}`) || jobId === jobName ? "" : ` (${jobName})`;
  const head = `job ${jobId}${name} ended as ${state}`;
  const task = firstFailed === undefined ? "" : `: task ${describeTask(firstFailed)}`;
  const jobsOwn = firstFailed === undefined && failure !== undefined ? `: ${describeCause(failure)}` : "";
  const lines = lastLines.map((entry) => `  ${entry.data}`);
  const log = lines.length === 0 ? "" : `\nlast ${lines.length} lines of its log:\n${lines.join("\n")}`;
  return `${head}${task}${jobsOwn}${log}`;
}

function describeTask(task: TaskStatus): string {
  const attempt = task.attempt === undefined ? "" : `, attempt ${task.attempt}`;
  return `${task.id}${attempt}: ${task.cause === undefined ? task.state : describeCause(task.cause)}`;
}

function describeCause(cause: Cause): string {
  return cause.message === "" ? cause.kind : `${cause.kind}: ${cause.message}`;
}
