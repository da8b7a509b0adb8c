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
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { readableId } from "../runtime/ids.ts";
import { backgroundClock, type Clock } from "../runtime/ports/clock.ts";
import { type Random, systemRandom } from "../runtime/ports/random.ts";
import { type Call, packCall } from "./call.ts";
import { checkCount } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { MapOptions, PoolStatus, TaskExecutor, TaskFuture } from "./executor.ts";
import type { Executor } from "./executor-actor.ts";
import { Future } from "./future.ts";
import { KeepAlive } from "./keep-alive.ts";
import { POOL_LIMITS } from "./limits.ts";
import { RemoteRunners } from "./remote-runners.ts";
import { mapItems } from "./stream.ts";

export interface WorkerPoolConfig {
  /** Tasks of the pool's job, 1 to 10 000. Each runs one call at a time. */
  numWorkers: number;
  /** What each of them needs. Default: as for any job. */
  resources?: NonNullable<JobRequest["resources"]>;
  /** Times that a call is sent again after the worker that ran it died. Default 3. */
  maxRetries?: number;
  /** Calls with workers at once, at most. Default: 64 for each worker. */
  inFlightMax?: number;
  /** Environment variables of the workers. */
  env?: Record<string, string>;
}

/** What a pool needs of a client. */
export type PoolClient = Pick<Client, "submit" | "workspace"> & {
  resolver(options?: { namespace?: string }): AsyncDisposable & { lookup<T>(name: string): ActorPool<T> };
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

export class WorkerPool implements TaskExecutor {
  /** Name of the pool's job, and of its workers' endpoints. */
  readonly name: string;
  readonly #client: PoolClient;
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher;
  readonly #keepAlive = new KeepAlive();
  readonly #inFlightMax: number;
  readonly #opened: Promise<Opened | undefined>;
  #closing: Promise<void> | undefined;

  /**
   * Submits the pool's job in the background; calls wait for its first worker. The job is a child of the job that this
   * runs in, if it runs in one. Throws `INVALID_ARGUMENT` for numbers that make no sense; what is wrong with the rest is
   * what the calls, and `ready()`, reject with.
   */
  constructor(client: PoolClient, config: WorkerPoolConfig, ports: WorkerPoolPorts = {}) {
    const numWorkers = checkCount("numWorkers", config.numWorkers, POOL_LIMITS.workers);
    this.#inFlightMax = checkCount("inFlightMax", config.inFlightMax ?? numWorkers * POOL_LIMITS.perWorker);
    this.name = `pool-${readableId(ports.random ?? systemRandom, NAME_LENGTH)}`;
    this.#client = client;
    this.#clock = ports.clock ?? backgroundClock;
    this.#dispatcher = new Dispatcher({
      name: `WorkerPool ${this.name}`,
      inFlightMax: this.#inFlightMax,
      maxRetries: checkCount("maxRetries", config.maxRetries ?? POOL_LIMITS.maxRetries, undefined, 0),
      onBusy: (isBusy) => this.#keepAlive.hold(isBusy),
    });
    this.#opened = this.#open(config, numWorkers).catch((error: unknown) => {
      this.#dispatcher.end(toIrisError(error));
      return undefined;
    });
  }

  get size(): number {
    return this.#dispatcher.size;
  }

  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): TaskFuture<R> {
    let call: Call;
    try {
      call = packCall(fn, args, this.#client.workspace);
    } catch (error) {
      return Future.rejected(error);
    }
    return this.#dispatcher.submit(call) as Future<R>;
  }

  map<T, R>(
    fn: (item: T) => R | Promise<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options: MapOptions = {},
  ): AsyncIterable<R> {
    return mapItems({ submit: (item) => this.submit(fn, item), items, options, inFlightMax: this.#inFlightMax });
  }

  ready(): Promise<void> {
    return this.#dispatcher.ready();
  }

  status(): PoolStatus {
    return this.#dispatcher.status();
  }

  /** As for every pool; resolves when the end of the job is decided and durable. Rejects when the controller is not reached. */
  async shutdown(options: { drain?: boolean } = {}): Promise<void> {
    if (options.drain === true) await this.#dispatcher.drain();
    this.#dispatcher.end(new IrisError("CANCELLED", `WorkerPool ${this.name} was shut down`));
    this.#closing ??= this.#close();
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #open(config: WorkerPoolConfig, numWorkers: number): Promise<Opened> {
    const { resources, env } = config;
    const job = await this.#client.submit({
      name: this.name,
      entrypoint: Entrypoint.fromModule<void>(EXECUTOR, "hostExecutor", this.name, this.#client.workspace !== null),
      replicas: numWorkers,
      maxRetriesFailure: POOL_LIMITS.workerCrashes,
      // A worker that cannot come back leaves the work to the others; the last one ends the job.
      maxTaskFailures: numWorkers - 1,
      ...(resources === undefined ? {} : { resources }),
      ...(env === undefined ? {} : { env }),
    });
    // A root job has a namespace of its own; a child's is its root's, which this client sees anyway.
    const resolver = this.#client.resolver(job.id.includes("/") ? {} : { namespace: job.id });
    const runners = new RemoteRunners({
      members: resolver.lookup<Executor>(this.name),
      dispatcher: this.#dispatcher,
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
      this.#dispatcher.end(new IrisError("LOST", message, { where: job.id }));
    } catch (error) {
      this.#dispatcher.end(toIrisError(error, "LOST", job.id));
    }
  }

  async #close(): Promise<void> {
    const opened = await this.#opened;
    this.#keepAlive.close();
    if (opened === undefined) return;
    opened.runners.close();
    try {
      await opened.job.terminate();
    } finally {
      await opened.resolver[Symbol.asyncDispose]();
    }
  }
}
