/**
 * A pool on the threads of this machine. Piscina starts the threads, ends them and tells when one has died; each runs one
 * long task that serves a message port, through which calls go in batches.
 */
import { availableParallelism } from "node:os";
import { parse } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type Call, packCall, readAnswer } from "./call.ts";
import { checkCount } from "./config.ts";
import { Dispatcher, type Ran, type Runner } from "./dispatcher.ts";
import type { MapOptions, PoolStatus, TaskExecutor, TaskFuture } from "./executor.ts";
import { Future } from "./future.ts";
import { POOL_LIMITS } from "./limits.ts";
import { mapItems } from "./stream.ts";
import { Batch, type FromThread, readBatch, type ToThread } from "./thread-message.ts";

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
  readonly #inFlightMax: number;
  readonly #workspace: string;
  readonly #threads = new Set<Thread>();
  #startsFailed = 0;
  #nextThread = 0;
  #closing: Promise<void> | undefined;

  /** Starts the threads in the background. Throws `INVALID_ARGUMENT` for numbers that make no sense. */
  constructor(config: LocalPoolConfig = {}) {
    const threads = checkCount("threads", config.threads ?? availableParallelism(), POOL_LIMITS.workers);
    this.#inFlightMax = checkCount("inFlightMax", config.inFlightMax ?? threads * POOL_LIMITS.perWorker);
    // Functions and threads are of this very machine: every module of it can be named.
    this.#workspace = parse(process.cwd()).root;
    this.#dispatcher = new Dispatcher({
      name: "LocalPool",
      inFlightMax: this.#inFlightMax,
      maxRetries: POOL_LIMITS.maxRetries,
      onBusy: (isBusy) => {
        for (const thread of this.#threads) thread.keepProcess(isBusy);
      },
    });
    this.#piscina = new Piscina({
      filename: THREAD_FILE.href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      atomics: "disabled",
      recordTiming: false,
      execArgv: [...process.execArgv, "--disable-warning=ExperimentalWarning"],
    });
    // Deaths of threads are heard through their tasks; unheard, this event would end the process.
    this.#piscina.on("error", () => {});
    for (let i = 0; i < threads; i++) this.#start();
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
    this.#closing ??= this.#piscina.destroy().then(() => {
      for (const thread of this.#threads) thread.close();
    });
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Has Piscina start a thread, and another when it dies. */
  #start(): void {
    const { port1, port2 } = new MessageChannel();
    const thread: Thread = new Thread(`thread-${this.#nextThread++}`, port1, () => {
      this.#startsFailed = 0;
      // An idle pool keeps nobody's process alive; calls on the way do, through their ports.
      for (const worker of this.#piscina.threads) worker.unref();
      thread.keepProcess(this.#dispatcher.inFlight > 0);
      this.#dispatcher.add(thread);
    });
    this.#threads.add(thread);
    const served = this.#piscina.run({ port: port2, workspace: this.#workspace }, { transferList: [port2] });
    served.then(
      () => this.#ended(thread, new IrisError("LOST", `${thread.id} was closed`)),
      (error) => this.#ended(thread, toIrisError(error, "LOST")),
    );
  }

  #ended(thread: Thread, error: IrisError): void {
    this.#threads.delete(thread);
    this.#dispatcher.remove(thread);
    thread.lose(error);
    if (this.#closing !== undefined || this.#dispatcher.ended !== undefined) return;
    if (!thread.wasReady && ++this.#startsFailed >= POOL_LIMITS.failedStarts) {
      const message = `threads of LocalPool end before they are ready: ${error.message}`;
      this.#dispatcher.end(new IrisError("UNAVAILABLE", message, { cause: error }));
      void this.shutdown();
      return;
    }
    this.#start();
  }
}

/** One thread, as the dispatcher sees it. */
class Thread implements Runner {
  readonly id: string;
  readonly #port: MessagePort;
  readonly #out: Batch<ToThread>;
  readonly #functions = new Map<string, number>();
  readonly #calls = new Map<number, (ran: Ran) => void>();
  #nextCall = 0;
  #lost: IrisError | undefined;
  wasReady = false;

  constructor(id: string, port: MessagePort, onReady: () => void) {
    this.id = id;
    this.#port = port;
    this.#out = new Batch<ToThread>(port);
    port.on("message", (batch: Uint8Array) => {
      for (const message of readBatch<FromThread>(batch)) {
        if (message[0] === "ready") {
          this.wasReady = true;
          onReady();
        } else this.#answered(message);
      }
    });
  }

  run(call: Call): Promise<Ran> {
    return new Promise((resolve) => {
      if (this.#lost !== undefined) {
        resolve({ as: "lost", error: this.#lost, reached: false });
        return;
      }
      const id = this.#nextCall++;
      this.#calls.set(id, resolve);
      this.#out.add(["call", id, this.#functionNumber(call), call.args]);
    });
  }

  /** While calls are on the way their answers are waited for; an idle thread holds nobody. */
  keepProcess(isBusy: boolean): void {
    if (isBusy) this.#port.ref();
    else this.#port.unref();
  }

  /** The thread is no more: what it had in hand is lost. */
  lose(error: IrisError): void {
    this.#lost = error;
    this.close();
    for (const resolve of this.#calls.values()) resolve({ as: "lost", error, reached: true });
    this.#calls.clear();
  }

  close(): void {
    this.#port.close();
  }

  #functionNumber({ code }: Call): number {
    const known = this.#functions.get(code.hash);
    if (known !== undefined) return known;
    const number = this.#functions.size;
    this.#functions.set(code.hash, number);
    this.#out.add(["code", number, code.bytes]);
    return number;
  }

  #answered([, id, ok, bytes, tookMs]: Extract<FromThread, readonly ["answer", ...unknown[]]>): void {
    const resolve = this.#calls.get(id);
    this.#calls.delete(id);
    try {
      resolve?.({ as: "value", value: readAnswer({ ok, bytes }), tookMs });
    } catch (error) {
      resolve?.({ as: "threw", error, tookMs });
    }
  }
}
