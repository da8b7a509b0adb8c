/**
 * A pool on the threads of this machine. Piscina starts the threads, replaces those that die and ends them; each serves a
 * message port, through which calls go in batches. An idle pool keeps no process alive; calls that have not settled do.
 */
import { availableParallelism } from "node:os";
import { parse } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type Call, packCall } from "./call.ts";
import { checkCount } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { MapOptions, PoolStatus, TaskExecutor, TaskFuture } from "./executor.ts";
import { Future } from "./future.ts";
import { KeepAlive } from "./keep-alive.ts";
import { POOL_LIMITS } from "./limits.ts";
import { mapItems } from "./stream.ts";
import { Thread } from "./thread.ts";

export interface LocalPoolConfig {
  /** Threads. Default: as many as the machine has cores for this process. */
  threads?: number;
  /** Calls with threads at once, at most. Default: 64 for each thread. */
  inFlightMax?: number;
}

/** The worker file beside this one: a source when this is one, compiled when this is. */
const THREAD_FILE = new URL(
  import.meta.url.endsWith(".ts") ? "./task-thread-main.ts" : "./task-thread-main.js",
  import.meta.url,
);

export class LocalPool implements TaskExecutor {
  readonly #piscina: Piscina;
  readonly #dispatcher: Dispatcher;
  readonly #keepAlive = new KeepAlive();
  readonly #inFlightMax: number;
  /** Functions and threads are of this very machine: every module of it can be named. */
  readonly #workspace = parse(process.cwd()).root;
  /** Ids of the threads that serve, or have been told to. */
  readonly #taken = new Set<number>();
  readonly #threads = new Set<Thread>();
  #nextThread = 0;
  #closing: Promise<void> | undefined;

  /** Starts the threads in the background. Throws `INVALID_ARGUMENT` for numbers that make no sense. */
  constructor(config: LocalPoolConfig = {}) {
    const threads = checkCount("threads", config.threads ?? availableParallelism(), POOL_LIMITS.workers);
    this.#inFlightMax = checkCount("inFlightMax", config.inFlightMax ?? threads * POOL_LIMITS.perWorker);
    this.#dispatcher = new Dispatcher({
      name: "LocalPool",
      inFlightMax: this.#inFlightMax,
      maxRetries: POOL_LIMITS.maxRetries,
      onBusy: (isBusy) => this.#keepAlive.hold(isBusy),
    });
    this.#piscina = new Piscina({
      filename: THREAD_FILE.href,
      minThreads: threads,
      maxThreads: threads,
      atomics: "disabled",
      recordTiming: false,
      execArgv: [...process.execArgv, "--disable-warning=ExperimentalWarning"],
      // The only tasks are those that begin to serve, one for each thread.
      loadBalancer: (_task, workers) => {
        const worker = workers.find(({ id }) => !this.#taken.has(id));
        if (worker !== undefined) this.#taken.add(worker.id);
        return worker ?? null;
      },
    });
    this.#piscina.on("workerCreate", () => void this.#serve());
    // Deaths of threads that serve are heard of otherwise; without one, threads die before they can, and no more will come.
    this.#piscina.on("error", (error: unknown) => {
      if (this.#threads.size === 0) this.#giveUp(toIrisError(error));
    });
  }

  get size(): number {
    return this.#dispatcher.size;
  }

  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): TaskFuture<R> {
    let call: Call;
    try {
      call = packCall(fn, args, this.#workspace);
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

  async shutdown(options: { drain?: boolean } = {}): Promise<void> {
    if (options.drain === true) await this.#dispatcher.drain();
    this.#dispatcher.end(new IrisError("CANCELLED", "LocalPool was shut down"));
    this.#closing ??= this.#close();
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Has the thread that was just created serve a port, and takes it in. */
  async #serve(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const thread = new Thread(`thread-${this.#nextThread++}`, port1);
    this.#threads.add(thread);
    try {
      const start = { port: port2, workspace: this.#workspace };
      const id: number = await this.#piscina.run(start, { transferList: [port2] });
      const worker = this.#piscina.threads.find(({ threadId }) => threadId === id);
      if (worker === undefined) throw new IrisError("LOST", `${thread.id} ended at once`);
      let cause: unknown;
      worker.once("error", (error) => {
        cause = error;
      });
      worker.once("exit", (status) => {
        const why = cause === undefined ? `its exit status was ${status}` : toIrisError(cause).message;
        this.#ended(thread, new IrisError("LOST", `${thread.id} ended: ${why}`, { cause }));
      });
      this.#dispatcher.add(thread);
    } catch (error) {
      this.#ended(thread, toIrisError(error, "LOST"));
    }
  }

  #ended(thread: Thread, error: IrisError): void {
    this.#threads.delete(thread);
    this.#dispatcher.remove(thread);
    thread.lose(error);
  }

  #giveUp(cause: IrisError): void {
    const message = `threads of LocalPool end before they are ready: ${cause.message}`;
    this.#dispatcher.end(new IrisError("UNAVAILABLE", message, { cause }));
    this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#piscina.removeAllListeners("workerCreate");
    await this.#piscina.destroy();
    for (const thread of this.#threads) this.#ended(thread, new IrisError("CANCELLED", "LocalPool was shut down"));
    this.#keepAlive.close();
  }
}
