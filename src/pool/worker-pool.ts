/**
 * A pool on the workers of a cluster: one job, each task of which hosts an `Executor`. The job keeps its tasks alive and
 * replaces those that die; the pool finds them by name, sends each a function once, and sends what a dead one had in hand
 * to the others. The pool holds no state of the job: when the job ends, the pool ends with what ended it.
 */
import type { Client } from "../cluster/client/client.ts";
import type { Job } from "../cluster/client/job.ts";
import { Entrypoint } from "../cluster/job/entrypoint.ts";
import type { JobRequest } from "../cluster/job/request.ts";
import type { ActorPool } from "../net/actor-pool.ts";
import type { SessionLimits } from "../net/limits.ts";
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { readableId } from "../runtime/ids.ts";
import { backgroundClock, type Clock } from "../runtime/ports/clock.ts";
import { type Random, systemRandom } from "../runtime/ports/random.ts";
import { checkCount } from "./config.ts";
import type { Executor } from "./executor-actor.ts";
import { FunctionPool } from "./function-pool.ts";
import { POOL_LIMITS } from "./limits.ts";
import { RemoteRunners } from "./remote-runners.ts";

export interface WorkerPoolConfig {
  /** Tasks of the pool's job, 1 to 10 000. Each runs one call at a time. */
  numWorkers: number;
  /** What each of them needs. Default: as for any job. */
  resources?: NonNullable<JobRequest["resources"]>;
  /** Times that a call is sent again after the worker that ran it died. Default 3. */
  maxRetries?: number;
  /** Calls with workers at once, at most. Default: 64 for each worker. */
  inFlightMax?: number;
  /** What a cancelled call that runs has left to end in, before its worker is replaced. Unit: ms. Default 2000. */
  cancelGraceMs?: number;
  /** Environment variables of the workers. */
  env?: Record<string, string>;
}

/** What a pool needs of a client. */
export type PoolClient = Pick<Client, "submit" | "workspace"> & {
  resolver(options?: {
    namespace?: string;
    limits?: Partial<SessionLimits>;
  }): AsyncDisposable & { lookup<T>(name: string): ActorPool<T> };
};

/** What a pool needs from outside beside its client; what is not given is the system's. */
export interface WorkerPoolPorts {
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

const NAME_LENGTH = 10;

/** The module beside this one that the job's tasks run: a source when this is one, compiled when this is. */
const EXECUTOR = new URL(
  import.meta.url.endsWith(".ts") ? "./executor-actor.ts" : "./executor-actor.js",
  import.meta.url,
);

/** What is open once the job has been submitted. */
interface Opened {
  readonly job: Job;
  readonly runners: RemoteRunners;
  readonly resolver: AsyncDisposable;
}

export class WorkerPool extends FunctionPool {
  /** Name of the pool's job, and of its workers' endpoints. */
  readonly name: string;
  readonly #client: PoolClient;
  readonly #clock: Clock;
  readonly #opened: Promise<Opened | undefined>;

  /**
   * Submits the pool's job in the background; calls wait for its first worker. The job is a child of the job that this
   * runs in, if it runs in one. Throws `INVALID_ARGUMENT` for numbers that make no sense; what is wrong with the rest is
   * what the calls, and `ready()`, reject with.
   */
  constructor(client: PoolClient, config: WorkerPoolConfig, ports: WorkerPoolPorts = {}) {
    const numWorkers = checkCount("numWorkers", config.numWorkers, POOL_LIMITS.workers);
    const name = `pool-${readableId(ports.random ?? systemRandom, NAME_LENGTH)}`;
    super({
      label: `WorkerPool ${name}`,
      workers: numWorkers,
      inFlightMax: config.inFlightMax,
      maxRetries: config.maxRetries,
      cancelGraceMs: config.cancelGraceMs,
      clock: ports.clock ?? backgroundClock,
      workspace: client.workspace,
    });
    this.name = name;
    this.#client = client;
    this.#clock = ports.clock ?? backgroundClock;
    this.#opened = this.#open(config, numWorkers).catch((error: unknown) => {
      this.dispatcher.end(toIrisError(error));
      return undefined;
    });
  }

  async #open(config: WorkerPoolConfig, numWorkers: number): Promise<Opened> {
    const { resources, env } = config;
    const job = await this.#client.submit({
      name: this.name,
      entrypoint: Entrypoint.fromModule<void>(EXECUTOR, "hostExecutor", this.name, this.workspace !== null),
      replicas: numWorkers,
      maxRetriesFailure: POOL_LIMITS.workerCrashes,
      // A worker that cannot come back leaves the work to the others; the last one ends the job.
      maxTaskFailures: numWorkers - 1,
      ...(resources === undefined ? {} : { resources }),
      ...(env === undefined ? {} : { env }),
    });
    // A root job has a namespace of its own; a child's is its root's, which this client sees anyway.
    const resolver = this.#client.resolver({
      ...(job.id.includes("/") ? {} : { namespace: job.id }),
      // A function that computes for minutes answers no ping. That its worker lives is the job's to say.
      limits: { keepAliveEveryMs: POOL_LIMITS.silentWorkerAskedMs },
    });
    const runners = new RemoteRunners({
      members: resolver.lookup<Executor>(this.name),
      dispatcher: this.dispatcher,
      clock: this.#clock,
    });
    void this.#watch(job);
    return { job, runners, resolver };
  }

  /** The pool ends when its job does, whatever ended it. */
  async #watch(job: Job): Promise<void> {
    try {
      const { state } = await job.wait();
      const message = `the workers of ${this.name} have ended (${state}), as if nobody had needed them any more`;
      this.dispatcher.end(new IrisError("LOST", message, { where: job.id }));
    } catch (error) {
      this.dispatcher.end(toIrisError(error, "LOST", job.id));
    }
  }

  /** Resolves when the end of the job is decided and durable. Rejects when the controller is not reached. */
  protected override async close(): Promise<void> {
    const opened = await this.#opened;
    this.keepAlive.close();
    if (opened === undefined) return;
    opened.runners.close();
    try {
      await opened.job.terminate();
    } finally {
      await opened.resolver[Symbol.asyncDispose]();
    }
  }
}
