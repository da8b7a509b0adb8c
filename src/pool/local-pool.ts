/**
 * A pool on the threads of this machine. Piscina starts the threads, replaces those that die and ends them; each serves a
 * message port, through which calls go in batches. An idle pool keeps no process alive; calls that have not settled do.
 */
import { availableParallelism } from "node:os";
import { parse } from "node:path";
import { IrisError } from "../runtime/errors.ts";
import { backgroundClock } from "../runtime/ports/clock.ts";
import { checkCount } from "./config.ts";
import { FunctionPool } from "./function-pool.ts";
import { POOL_LIMITS } from "./limits.ts";
import { ThreadSlot } from "./thread-slot.ts";

export interface LocalPoolConfig {
  /** Threads. Default: as many as the machine has cores for this process. */
  threads?: number;
  /** Calls with threads at once, at most. Default: 64 for each thread. */
  inFlightMax?: number;
  /** Times that a call is sent again after the thread that ran it died. Default 3. */
  maxRetries?: number;
  /** What a cancelled call that runs has left to end in, before its thread is replaced. Unit: ms. Default 2000. */
  cancelGraceMs?: number;
}

export class LocalPool extends FunctionPool {
  readonly #slots: ThreadSlot[] = [];
  #nextThread = 0;

  /** Starts the threads in the background. Throws `INVALID_ARGUMENT` for numbers that make no sense. */
  constructor(config: LocalPoolConfig = {}) {
    const threads = checkCount("threads", config.threads ?? availableParallelism(), POOL_LIMITS.workers);
    super({
      label: "LocalPool",
      workers: threads,
      inFlightMax: config.inFlightMax,
      maxRetries: config.maxRetries,
      cancelGraceMs: config.cancelGraceMs,
      clock: backgroundClock,
      // Functions and threads are of this very machine: every module of it can be named.
      workspace: parse(process.cwd()).root,
    });
    for (let i = 0; i < threads; i++) this.#slots.push(this.#slot());
  }

  #slot(): ThreadSlot {
    return new ThreadSlot({
      workspace: this.workspace,
      nextId: () => `thread-${this.#nextThread++}`,
      onUp: (thread) => this.dispatcher.add(thread),
      onDown: (thread) => this.dispatcher.remove(thread),
      onHopeless: (cause) => {
        const message = `threads of LocalPool end before they are ready: ${cause.message}`;
        void this.end(new IrisError("UNAVAILABLE", message, { cause }));
      },
    });
  }

  protected override async close(): Promise<void> {
    const error = new IrisError("CANCELLED", "LocalPool was shut down");
    await Promise.all(this.#slots.splice(0).map((slot) => slot.close(error)));
    this.keepAlive.close();
  }
}
