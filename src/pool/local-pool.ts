/**
 * A pool on the threads of this machine. Piscina starts the threads, replaces those that die and ends them; each serves a
 * message port, through which calls go in batches. An idle pool keeps no process alive; calls that have not settled do.
 */
import { availableParallelism } from "node:os";
import { parse } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { checkCount } from "./config.ts";
import { FunctionPool } from "./function-pool.ts";
import { POOL_LIMITS } from "./limits.ts";
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

export class LocalPool extends FunctionPool {
  readonly #piscina: Piscina;
  /** Ids of the threads that serve, or have been told to. */
  readonly #taken = new Set<number>();
  readonly #threads = new Set<Thread>();
  #nextThread = 0;

  /** Starts the threads in the background. Throws `INVALID_ARGUMENT` for numbers that make no sense. */
  constructor(config: LocalPoolConfig = {}) {
    const threads = checkCount("threads", config.threads ?? availableParallelism(), POOL_LIMITS.workers);
    super({
      label: "LocalPool",
      inFlightMax: checkCount("inFlightMax", config.inFlightMax ?? threads * POOL_LIMITS.perWorker),
      maxRetries: POOL_LIMITS.maxRetries,
      // Functions and threads are of this very machine: every module of it can be named.
      workspace: parse(process.cwd()).root,
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

  /** Has the thread that was just created serve a port, and takes it in. */
  async #serve(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const thread = new Thread(`thread-${this.#nextThread++}`, port1);
    this.#threads.add(thread);
    try {
      const start = { port: port2, workspace: this.workspace };
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
      this.dispatcher.add(thread);
    } catch (error) {
      this.#ended(thread, toIrisError(error, "LOST"));
    }
  }

  #ended(thread: Thread, error: IrisError): void {
    this.#threads.delete(thread);
    this.dispatcher.remove(thread);
    thread.lose(error);
  }

  #giveUp(cause: IrisError): void {
    const message = `threads of LocalPool end before they are ready: ${cause.message}`;
    void this.end(new IrisError("UNAVAILABLE", message, { cause }));
  }

  protected override async close(): Promise<void> {
    this.#piscina.removeAllListeners("workerCreate");
    await this.#piscina.destroy();
    for (const thread of this.#threads) this.#ended(thread, new IrisError("CANCELLED", "LocalPool was shut down"));
    this.keepAlive.close();
  }
}
