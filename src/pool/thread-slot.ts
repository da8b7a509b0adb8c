/**
 * A place for one thread of a `LocalPool`: Piscina starts the thread, starts another when it dies, and ends it. Each
 * thread that comes up is told to serve a port. The one invariant: of each thread that was taken in, the end is told once.
 */
import { MessageChannel, type Worker } from "node:worker_threads";
import { Piscina } from "piscina";
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { Thread } from "./thread.ts";

/** The worker file beside this one: a source when this is one, compiled when this is. */
const THREAD_FILE = new URL(
  import.meta.url.endsWith(".ts") ? "./task-thread-main.ts" : "./task-thread-main.js",
  import.meta.url,
);

export interface ThreadSlotOptions {
  readonly workspace: string | null;
  /** Names the next thread. */
  readonly nextId: () => string;
  /** It serves. */
  readonly onUp: (thread: Thread) => void;
  /** It serves no more; what it had in hand is lost. */
  readonly onDown: (thread: Thread) => void;
  /** Threads end before they serve, and none will come any more. */
  readonly onHopeless: (error: IrisError) => void;
}

export class ThreadSlot {
  readonly #options: ThreadSlotOptions;
  readonly #piscina: Piscina;
  #thread: Thread | undefined;

  /** Starts a thread in the background. */
  constructor(options: ThreadSlotOptions) {
    this.#options = options;
    this.#piscina = new Piscina({
      filename: THREAD_FILE.href,
      minThreads: 1,
      maxThreads: 1,
      atomics: "disabled",
      recordTiming: false,
      execArgv: [...process.execArgv, "--disable-warning=ExperimentalWarning"],
    });
    this.#piscina.on("workerCreate", () => void this.#serve());
    // Deaths of threads that serve are heard of otherwise; without one, threads die before they can, and no more will come.
    this.#piscina.on("error", (error: unknown) => {
      if (this.#thread === undefined) options.onHopeless(toIrisError(error));
    });
  }

  /** Ends the thread and resolves when it is gone. */
  async close(error: IrisError): Promise<void> {
    this.#piscina.removeAllListeners("workerCreate");
    await this.#piscina.destroy();
    if (this.#thread !== undefined) this.#ended(this.#thread, error);
  }

  /** Has the thread that was just created serve a port, and tells of it. */
  async #serve(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    let worker: Worker | undefined;
    const thread = new Thread(this.#options.nextId(), port1, () => void worker?.terminate());
    this.#thread = thread;
    try {
      const start = { port: port2, gate: thread.gate.buffer, workspace: this.#options.workspace };
      await this.#piscina.run(start, { transferList: [port2] });
      [worker] = this.#piscina.threads;
      if (worker === undefined || this.#thread !== thread) throw new IrisError("LOST", `${thread.id} ended at once`);
      let cause: unknown;
      worker.once("error", (error) => {
        cause = error;
      });
      worker.once("exit", (status) => {
        const why = cause === undefined ? `its exit status was ${status}` : toIrisError(cause).message;
        this.#ended(thread, new IrisError("LOST", `${thread.id} ended: ${why}`, { cause }));
      });
      this.#options.onUp(thread);
    } catch (error) {
      this.#ended(thread, toIrisError(error, "LOST"));
    }
  }

  #ended(thread: Thread, error: IrisError): void {
    if (this.#thread === thread) this.#thread = undefined;
    this.#options.onDown(thread);
    thread.lose(error);
  }
}
