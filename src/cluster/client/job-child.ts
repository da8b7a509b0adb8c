/**
 * A cluster job as a supervised child: submitted anew at each start, ready when the first of its tasks runs, ended by its
 * final state. The one invariant: its end is told only when its workers have confirmed that nothing of it is left, except
 * that a controller that does not answer for long is not waited for for ever.
 */
import { IrisError, toIrisError } from "../../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../../runtime/exit.ts";
import { sleep } from "../../runtime/ports/clock.ts";
import type { ChildOptions } from "../../supervisors/options.ts";
import { type Outside, startOutside } from "../../supervisors/outside-child.ts";
import type { ChildEnv, ChildSpec, RunningChild } from "../../supervisors/spec.ts";
import { childBasics } from "../../supervisors/spec-check.ts";
import type { JobRequest } from "../job/request.ts";
import { isFinalJob } from "../job/status.ts";
import type { Client } from "./client.ts";
import { irisCtx, isInJob } from "./context.ts";
import type { Job } from "./job.ts";
import { untilNothingLeft } from "./job-remains.ts";
import type { JobStatus } from "./status.ts";

/** How long the controller may take to confirm a forced end before the job is given up. Unit: ms. */
const CONFIRM_MS = 30_000;
/** Pause before an order that did not get through is given again. Unit: ms. */
const AGAIN_MS = 1_000;
/** Longest grace that a job can have. Unit: ms. */
const GRACE_MS_MAX = 3_600_000;

export interface JobChildOptions extends ChildOptions {
  /** The cluster that it runs in; not closed with it. Default, in a job: that job's, `irisCtx().client`. */
  client?: Client;
  /** Time until the first task runs; then the job is terminated and the start has failed. Default: as long as it takes. */
  readyTimeoutMs?: number;
}

/**
 * A child that is a job. SUCCEEDED is a normal end, KILLED is `killed`, any other a crash with a `JobFailedError`. To stop
 * it is to terminate it; its tasks get the shutdown time as their grace, unless the request says otherwise. Throws
 * `INVALID_ARGUMENT` for unsound options; the request is checked when it is submitted.
 */
export function job<R>(id: string, request: JobRequest<R>, options: JobChildOptions = {}): ChildSpec {
  const { readyTimeoutMs = Number.POSITIVE_INFINITY } = options;
  if (request.idempotencyKey !== undefined) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `the request of job "${id}" has an idempotencyKey, so its restart would be its first run again: leave it out`,
    );
  }
  if (!(readyTimeoutMs > 0)) {
    throw new IrisError("INVALID_ARGUMENT", `readyTimeoutMs of job "${id}" is ${readyTimeoutMs}: use ms above 0`);
  }
  const basics = childBasics(id, options);
  const { graceMs = graceOf(basics.shutdownMs) } = request;
  return {
    ...basics,
    kind: "job",
    start: (env) => startJob({ ...request, graceMs }, options.client, readyTimeoutMs, env),
  };
}

function graceOf(shutdownMs: ChildSpec["shutdownMs"]): number {
  if (shutdownMs === "kill") return 0;
  return shutdownMs === "infinity" ? GRACE_MS_MAX : Math.min(GRACE_MS_MAX, Math.round(shutdownMs));
}

async function startJob<R>(
  request: JobRequest<R> & { graceMs: number },
  given: Client | undefined,
  readyTimeoutMs: number,
  env: ChildEnv,
): Promise<RunningChild> {
  env.signal.throwIfAborted();
  const client = given ?? ownClient(env.path);
  // Not given up with the start: the job might be there all the same, and nobody would know of it.
  const submitted = await client.submit(request);
  const outside = new OutsideJob(client, submitted, request.graceMs, env);
  return startOutside(outside, { readyTimeoutMs, mayEndFirst: true, isReady: () => outside.running }, env);
}

function ownClient(path: string): Client {
  if (isInJob()) return irisCtx().client;
  const message = `job ${path} has no cluster to run in: pass { client }, such as IrisClient.remote(url), or start it in a job`;
  throw new IrisError("FAILED_PRECONDITION", message, { where: path });
}

class OutsideJob implements Outside {
  readonly name: string;
  readonly request = "it was terminated";
  readonly quoted = "";
  readonly gone: Promise<ExitReason>;
  /** Resolves when one of its tasks has begun to run. */
  readonly running: Promise<void>;
  readonly #client: Client;
  readonly #job: Job;
  readonly #graceMs: number;
  readonly #env: ChildEnv;
  readonly #runs = Promise.withResolvers<void>();
  /** Aborts when its end is known, or no longer waited for. */
  readonly #over = new AbortController();
  #isTerminated = false;

  constructor(client: Client, job: Job, graceMs: number, env: ChildEnv) {
    this.name = `job ${env.path} (${job.id})`;
    this.#client = client;
    this.#job = job;
    this.#graceMs = graceMs;
    this.#env = env;
    this.running = this.#runs.promise;
    this.gone = this.#end();
  }

  ask(): void {
    if (this.#isTerminated) return;
    this.#isTerminated = true;
    void this.#terminate();
  }

  /** The cluster ends the tasks by force after the job's grace; more cannot be asked of it. */
  force(): void {
    this.ask();
    sleep(this.#env.system.clock, this.#graceMs + CONFIRM_MS, this.#over.signal).then(
      () => {
        const message = "job is given up: the controller did not confirm its end, it may still be running";
        this.#env.logger.warn({ child: this.#env.path, job: this.#job.id }, message);
        this.#over.abort(new IrisError("UNAVAILABLE", `the end of ${this.name} was not confirmed`));
      },
      () => {},
    );
  }

  async #end(): Promise<ExitReason> {
    try {
      const final = await this.#final();
      await untilNothingLeft(this.#client, this.#job.id, this.#env.system.clock, this.#over.signal);
      if (final.state === "SUCCEEDED") return NORMAL;
      if (final.state === "KILLED") return { kind: "killed", why: final.cause?.message ?? "the job was terminated" };
      // Rejects, with the log's last lines.
      await this.#job.wait({ signal: this.#over.signal });
      return NORMAL;
    } catch (thrown) {
      return { kind: "crashed", error: toIrisError(thrown, "INTERNAL", this.#env.path) };
    } finally {
      this.#over.abort();
    }
  }

  async #final(): Promise<JobStatus> {
    for await (const status of this.#job.watch({ signal: this.#over.signal })) {
      if (status.state === "RUNNING" || status.startedAtMs !== undefined) this.#runs.resolve();
      if (isFinalJob(status.state)) return status;
    }
    throw new IrisError("INTERNAL", `the watch of ${this.name} ended before the job`);
  }

  /** Until the controller has taken the order, or it is of no use any more. */
  async #terminate(): Promise<void> {
    const { clock } = this.#env.system;
    while (!this.#over.signal.aborted) {
      try {
        await this.#job.terminate({ signal: this.#over.signal });
        return;
      } catch (thrown) {
        const error = toIrisError(thrown);
        if (this.#over.signal.aborted) return;
        this.#env.logger.warn({ child: this.#env.path, job: this.#job.id, error }, "job could not be terminated yet");
        await sleep(clock, AGAIN_MS, this.#over.signal).catch(() => {});
      }
    }
  }
}
