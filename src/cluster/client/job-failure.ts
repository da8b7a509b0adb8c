/** Collects what a `JobFailedError` tells: the job's end, the task that failed, the last lines of its log. */
import { Span } from "./call-options.ts";
import type { ControlLink } from "./control-link.ts";
import { JobFailedError } from "./job-failed.ts";
import { type LogEntry, readLogs } from "./logs.ts";
import type { JobStatus, TaskStatus } from "./status.ts";

/** Lines of a log that an error shows. */
const LINES = 20;
/** The error is wanted now, so its log is not waited for longer than this. Unit: ms. */
const LINES_WITHIN_MS = 5_000;

/** The error of a job that ended badly; of `task`, where it was a task that was waited for. */
export async function jobFailure(link: ControlLink, job: JobStatus, task?: TaskStatus): Promise<JobFailedError> {
  const firstFailed = task ?? job.firstFailed;
  return new JobFailedError({
    jobId: job.id,
    jobName: job.name,
    state: task?.state ?? job.state,
    failure: task?.cause ?? job.cause,
    firstFailed,
    lastLines: firstFailed === undefined ? [] : await lastLines(link, firstFailed.id),
  });
}

/** As many lines as can be had: without its log the failure is still worth telling. */
async function lastLines(link: ControlLink, taskId: string): Promise<LogEntry[]> {
  const lines: LogEntry[] = [];
  try {
    using span = new Span(link.clock, { timeoutMs: LINES_WITHIN_MS }, "reading the log");
    for await (const entry of readLogs(link, taskId, { tail: LINES, signal: span.signal })) lines.push(entry);
  } catch {
    // What came before the log broke off is shown.
  }
  return lines;
}
