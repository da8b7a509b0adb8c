/** A handle on one task of a job. It holds no state of the task: each question is asked anew. */
import { decodeValue } from "../../net/value/index.ts";
import { IrisError } from "../../runtime/errors.ts";
import { isFinalJob, isFinalTask, type TaskState } from "../job/status.ts";
import { type CallOptions, Span } from "./call-options.ts";
import type { ControlLink } from "./control-link.ts";
import { jobFailure } from "./job-failure.ts";
import { type LogEntry, type LogQuery, readLogs } from "./logs.ts";
import type { Attempt, JobStatus, TaskStatus } from "./status.ts";
import { watchJob } from "./watch-job.ts";

/** What can be asked of a task; `R` is what its function returns. */
export interface Task<R = unknown> {
  /** `<job id>/<index>`. */
  readonly id: string;
  readonly jobId: string;
  /** Place among its job's tasks, from 0. */
  readonly index: number;
  /** How it stands. Rejects with `NOT_FOUND`. */
  status(options?: CallOptions): Promise<TaskStatus>;
  /**
   * Waits for the task's end and gives what its function returned; `undefined` for a command. Rejects with
   * `JobFailedError` if it ended otherwise, `DEADLINE_EXCEEDED` after `timeoutMs` (default: never).
   */
  result(options?: CallOptions): Promise<R>;
  /** All tries at it, the first one first. */
  attempts(options?: CallOptions): Promise<Attempt[]>;
  /** What it printed; leaving the loop ends the reading. */
  logs(query?: LogQuery): AsyncIterable<LogEntry>;
}

export function taskHandle<R>(link: ControlLink, task: { id: string; jobId: string; index: number }): Task<R> {
  const { id, jobId, index } = task;
  const status = (options: CallOptions = {}): Promise<TaskStatus> => link.call("getTask", { taskId: id }, options);
  return {
    id,
    jobId,
    index,
    status,
    async result(options = {}) {
      using span = new Span(link.clock, options, `waiting for task ${id}`);
      let ended = -1;
      for await (const job of watchJob(link, jobId, span.signal)) {
        const nowEnded = endedTasks(job);
        if (nowEnded === ended && !isFinalJob(job.state)) continue;
        ended = nowEnded;
        const now = await status({ signal: span.signal });
        if (!isFinalTask(now.state)) continue;
        if (now.state !== "SUCCEEDED") throw await jobFailure(link, job, now);
        return (await taskResult(link, id, span.signal)) as R;
      }
      throw new IrisError("INTERNAL", `job ${jobId} has ended, but its task ${id} has not`, { where: jobId });
    },
    async attempts(options = {}) {
      return (await link.call("listAttempts", { taskId: id }, options)).attempts;
    },
    logs: (query) => readLogs(link, id, query),
  };
}

/** What the function of a task that succeeded returned. Data only: nothing of it is run. */
export async function taskResult(link: ControlLink, taskId: string, signal: AbortSignal | undefined): Promise<unknown> {
  const reply = await link.call("getResult", { taskId }, { signal });
  return reply.hasResult ? decodeValue(reply.value) : undefined;
}

function endedTasks(job: JobStatus): number {
  let ended = 0;
  for (const [state, count] of Object.entries(job.taskCounts)) if (isFinalTask(state as TaskState)) ended += count;
  return ended;
}
