/**
 * A worker of a `WorkerPool`, inside a task of its job: an actor that runs the functions it is sent, one at a time, in the
 * order in which they come, and a host that serves it until the task is stopped or its pool is not heard of any more.
 */
import { irisCtx } from "../cluster/client/context.ts";
import { ActorServer } from "../net/server.ts";
import { IrisError } from "../runtime/errors.ts";
import { ActorSystem } from "../runtime/index.ts";
import { backgroundClock, type Clock, systemClock } from "../runtime/ports/clock.ts";
import { type Answer, answerOf, type LoadedFunction, loadCode } from "./call.ts";
import { RunningCall } from "./context.ts";
import { POOL_LIMITS } from "./limits.ts";
import { SharedValues } from "./shared.ts";

/** The worker does not have the function: send it, and the call again. */
export const MISSING = "missing";

/** Functions that a worker keeps; all are let go, and sent again, when the next one would pass it. */
const FUNCTIONS_KEPT = 4_096;

/** After a call that took so long the event loop comes first: it may bring the word that the next is not wanted. Unit: ms. */
const LOOP_AFTER_MS = 10;

/** Exit status of a worker that ended itself under a call that was given up. */
const GIVEN_UP_STATUS = 70;

export class Executor {
  readonly #workspace: string | null;
  readonly #clock: Pick<Clock, "now">;
  readonly #die: () => void;
  readonly #functions = new Map<string, Promise<LoadedFunction>>();
  /** Running or waiting for their turn, by the pool's numbers. */
  readonly #calls = new Map<number, RunningCall>();
  readonly #values = new SharedValues();
  /** Of the shared value that is on its way. */
  #parts: Uint8Array[] = [];
  #running: number | undefined;
  /** Resolves when the last call that came has ended. */
  #last: Promise<void> = Promise.resolve();
  #heardAt: number;

  /** `die` ends the process at once. */
  constructor(workspace: string | null, clock: Pick<Clock, "now">, die: () => void) {
    this.#workspace = workspace;
    this.#clock = clock;
    this.#die = die;
    this.#heardAt = clock.now();
  }

  /**
   * Runs the function of that hash when those that came before have ended. Never rejects by what the function does: that is
   * an answer. `id` is the pool's, for `cancel` and `stop`.
   */
  async run(id: number, hash: string, args: Uint8Array): Promise<Answer | typeof MISSING> {
    const load = this.#functions.get(hash);
    if (load === undefined) return MISSING;
    const call = new RunningCall(this.#values);
    this.#calls.set(id, call);
    const before = this.#last;
    const ended = Promise.withResolvers<void>();
    this.#last = ended.promise;
    await before;
    this.#running = id;
    const skipped = Promise.reject(new IrisError("CANCELLED", "the call was cancelled before it began"));
    skipped.catch(() => {});
    const answer = await answerOf(call.isAborted ? skipped : load, args, this.#clock, call);
    this.#running = undefined;
    this.#calls.delete(id);
    this.touch();
    if (answer.tookMs < LOOP_AFTER_MS) ended.resolve();
    else setImmediate(() => ended.resolve());
    return answer;
  }

  /** The same, with the function at hand. */
  teach(id: number, hash: string, code: Uint8Array, args: Uint8Array): Promise<Answer | typeof MISSING> {
    if (!this.#functions.has(hash)) {
      if (this.#functions.size >= FUNCTIONS_KEPT) this.#functions.clear();
      const load = loadCode(code, this.#workspace);
      load.catch(() => {}); // told to whoever calls it
      this.#functions.set(hash, load);
    }
    return this.run(id, hash, args);
  }

  /** A part of a shared value; they come in order, one value after the other. */
  share(index: number, part: number, parts: number, bytes: Uint8Array): void {
    if (part === 0) this.#parts = [];
    this.#parts.push(bytes);
    if (part < parts - 1) return;
    this.#values.give(index, Buffer.concat(this.#parts));
    this.#parts = [];
  }

  /** Nobody wants the call any more: one that waits never begins, one that runs is told by its signal. */
  cancel(id: number): void {
    this.#calls.get(id)?.abort();
  }

  /** Ends the process if it is this call that runs; else it says false, and does nothing. */
  stop(id: number): boolean {
    if (this.#running !== id) return false;
    this.#die();
    return true;
  }

  /** The pool is there. */
  touch(): void {
    this.#heardAt = this.#clock.now();
  }

  /** When the pool was last heard of. Not for callers: names that begin so are not callable from outside. */
  _heardAt(): number {
    return this.#heardAt;
  }
}

/**
 * What a task of a pool's job runs: serves an `Executor` under `name` in the job's namespace, until the task is asked to
 * stop or the pool has been silent for a minute. A task of a job with a workspace begins in it.
 */
export async function hostExecutor(name: string, hasWorkspace: boolean): Promise<void> {
  const { signal } = irisCtx();
  const workspace = hasWorkspace ? process.cwd() : null;
  const executor = new Executor(workspace, systemClock, () => process.exit(GIVEN_UP_STATUS));
  const system = new ActorSystem({ name });
  // It lines calls up by itself: what is said of them must not wait behind them.
  const ref = system.host(executor, { concurrency: POOL_LIMITS.perWorker * 2 });
  await using server = new ActorServer();
  await server.register(name, ref);
  await Promise.race([aborted(signal), abandoned(executor, backgroundClock, signal)]);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Resolves when the executor has heard nothing for too long: nobody is left who could end this job. */
export function abandoned(
  executor: Pick<Executor, "_heardAt" | "touch">,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    let dueAt = clock.now() + POOL_LIMITS.touchEveryMs;
    const look = (): void => {
      const now = clock.now();
      // A function kept this process busy: what the pool said meanwhile is still to be read.
      if (now - dueAt > POOL_LIMITS.touchEveryMs) executor.touch();
      if (now - executor._heardAt() > POOL_LIMITS.abandonedAfterMs) {
        resolve();
        return;
      }
      if (signal.aborted) return;
      dueAt = now + POOL_LIMITS.touchEveryMs;
      clock.setTimeout(look, POOL_LIMITS.touchEveryMs);
    };
    clock.setTimeout(look, POOL_LIMITS.touchEveryMs);
  });
}
