/**
 * A handle on a job. It holds no state of the job but its name: each question is asked anew, and waiting is a watch that
 * the controller pushes to, so a handle outlives cuts of the link and restarts of the controller.
 */
import { IrisError } from "../../runtime/errors.ts";
import { sleep } from "../../runtime/ports/clock.ts";
import { taskId } from "../job/id.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { isFinalJob } from "../job/status.ts";
import { type CallOptions, Span } from "./call-options.ts";
import type { ControlLink } from "./control-link.ts";
import { jobFailure } from "./job-failure.ts";
import { type LogDestination, printLogs } from "./log-printer.ts";
import { type LogEntry, type LogQuery, readLogs } from "./logs.ts";
import { pages } from "./pages.ts";
import type { JobStatus } from "./status.ts";
import { type Task, taskHandle, taskResult } from "./task.ts";
import { watchJob } from "./watch-job.ts";

/** How long the last lines of a job that has ended are waited for. Unit: ms. */
const LAST_LINES_MS = 5_000;
/** Jobs or tasks asked for at once when all are wanted. */
const PAGE = 500;

export interface WaitOptions extends CallOptions {
  /** Show the log meanwhile: `true` on this process's stdout and stderr, or all of it on a stream of your own. */
  streamLogs?: boolean | Exclude<LogDestination, true>;
}

/** What can be asked of a job; `R` is what its function returns. */
export interface Job<R = unknown> {
  readonly id: string;
  /** The name it was submitted under. A root job that was looked up by id is called by it until its status is read. */
  readonly name: string;
  /** How it stands. Rejects with `NOT_FOUND`. */
  status(options?: CallOptions): Promise<JobStatus>;
  /**
   * Waits for the end and gives the final status. Rejects with `JobFailedError` unless the job succeeded,
   * `DEADLINE_EXCEEDED` after `timeoutMs` (default: never), `CANCELLED`. The job itself goes on either way.
   */
  wait(options?: WaitOptions): Promise<JobStatus>;
  /**
   * Waits for the end and gives what the job's function returned; `undefined` for a command. Rejects as `wait` does, and
   * with `INVALID_ARGUMENT` for a job of several replicas: each task has its own result.
   */
  result(options?: CallOptions): Promise<R>;
  /** All its tasks, by index. */
  tasks(options?: CallOptions): Promise<Task<R>[]>;
  /** A handle on one of its tasks, by index from 0; asks nobody. Throws `INVALID_ARGUMENT` for what is no index. */
  task(index: number): Task<R>;
  /** The jobs that its tasks submitted, newest first. */
  children(options?: CallOptions): Promise<Job[]>;
  /** Ends the job with all its descendants. Resolves when that is decided and durable. Safe to call twice. */
  terminate(options?: CallOptions): Promise<void>;
  /** What its tasks printed; leaving the loop ends the reading. */
  logs(query?: LogQuery): AsyncIterable<LogEntry>;
  /** The status now and after each change, pushed; ends after a final one. Leaving the loop ends the watch. */
  watch(options?: { signal?: AbortSignal }): AsyncIterable<JobStatus>;
}

export function jobHandle<R>(link: ControlLink, id: string, name?: string): Job<R> {
  return new JobHandle<R>(link, id, name);
}

class JobHandle<R> implements Job<R> {
  readonly id: string;
  readonly #link: ControlLink;
  #name: string;

  constructor(link: ControlLink, id: string, name: string | undefined) {
    this.id = id;
    this.#link = link;
    this.#name = name ?? id.slice(id.lastIndexOf("/") + 1);
  }

  get name(): string {
    return this.#name;
  }

  async status(options: CallOptions = {}): Promise<JobStatus> {
    return this.#noted(await this.#link.call("getJob", { jobId: this.id }, options));
  }

  async wait(options: WaitOptions = {}): Promise<JobStatus> {
    const { streamLogs } = options;
    using span = new Span(this.#link.clock, options, `waiting for job ${this.id}`);
    const shown = streamLogs ? this.#showLogs(streamLogs, span.signal) : undefined;
    const final = await this.#final(span.signal);
    if (shown !== undefined) await this.#within(LAST_LINES_MS, shown, span.signal);
    if (final.state !== "SUCCEEDED") throw await jobFailure(this.#link, final);
    return final;
  }

  async result(options: CallOptions = {}): Promise<R> {
    using span = new Span(this.#link.clock, options, `waiting for the result of job ${this.id}`);
    const { replicas } = await this.status({ signal: span.signal });
    if (replicas !== 1) {
      throw new IrisError(
        "INVALID_ARGUMENT",
        `job ${this.id} has ${replicas} tasks, each with its own result: use job.task(index).result()`,
        { where: this.id },
      );
    }
    await this.wait({ signal: span.signal });
    return (await taskResult(this.#link, taskId(this.id, 0), span.signal)) as R;
  }

  async tasks(options: CallOptions = {}): Promise<Task<R>[]> {
    const statuses = pages(async (cursor) => {
      const page = await this.#link.call("listTasks", { jobId: this.id, cursor, limit: PAGE }, options);
      return { items: page.tasks, cursor: page.cursor };
    });
    const tasks: Task<R>[] = [];
    for await (const status of statuses) tasks.push(taskHandle<R>(this.#link, status));
    return tasks;
  }

  task(index: number): Task<R> {
    if (!Number.isInteger(index) || index < 0 || index >= CLUSTER_LIMITS.replicas) {
      throw new IrisError(
        "INVALID_ARGUMENT",
        `task index ${String(index)} is not allowed: use 0 to ${CLUSTER_LIMITS.replicas - 1}`,
      );
    }
    return taskHandle<R>(this.#link, { id: taskId(this.id, index), jobId: this.id, index });
  }

  async children(options: CallOptions = {}): Promise<Job[]> {
    const statuses = pages(async (cursor) => {
      const request = { parentId: this.id, states: [], name: "", cursor, limit: PAGE, recursive: false };
      const page = await this.#link.call("listJobs", request, options);
      return { items: page.jobs, cursor: page.cursor };
    });
    const children: Job[] = [];
    for await (const status of statuses) children.push(jobHandle(this.#link, status.id, status.name));
    return children;
  }

  async terminate(options: CallOptions = {}): Promise<void> {
    this.#noted(await this.#link.call("terminateJob", { jobId: this.id }, options));
  }

  logs(query?: LogQuery): AsyncIterable<LogEntry> {
    return readLogs(this.#link, this.id, query);
  }

  async *watch(options: { signal?: AbortSignal } = {}): AsyncGenerator<JobStatus, void, undefined> {
    for await (const status of watchJob(this.#link, this.id, options.signal)) yield this.#noted(status);
  }

  async #final(signal: AbortSignal): Promise<JobStatus> {
    for await (const status of this.watch({ signal })) if (isFinalJob(status.state)) return status;
    throw new IrisError("INTERNAL", `the watch of job ${this.id} ended before the job`, { where: this.id });
  }

  /** Never rejects: see `printLogs`. Lines of several tasks begin with the task's index. */
  async #showLogs(destination: LogDestination, signal: AbortSignal): Promise<void> {
    const status = await this.status({ signal }).catch(() => undefined);
    const prefixChars = this.id.length + 1;
    await printLogs(this.logs({ follow: true, signal }), destination, (entry) =>
      status?.replicas === 1 ? entry.data : `[${entry.taskId.slice(prefixChars)}] ${entry.data}`,
    );
  }

  /** Waits for `done`, but not longer than `ms`. */
  async #within(ms: number, done: Promise<void>, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const timer = sleep(this.#link.clock, ms, AbortSignal.any([signal, over.signal])).catch(() => {});
    await Promise.race([done, timer]);
    over.abort();
  }

  #noted(status: JobStatus): JobStatus {
    this.#name = status.name;
    return status;
  }
}
