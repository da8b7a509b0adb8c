/**
 * The rules that every pool of functions keeps: who runs which call and when, what becomes of a call whose worker dies,
 * and how a pool ends. It knows workers only as something that runs a call and says how that went; it does no I/O. The
 * one invariant: every call that was taken settles, exactly once.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import type { Call } from "./call.ts";
import type { PoolStatus, PoolWorkerStatus } from "./executor.ts";
import { Future } from "./future.ts";
import { type Entry, Lane, type Ran, type Runner } from "./lane.ts";
import { hasRoom, Pace } from "./pace.ts";
import { Queue } from "./queue.ts";

export interface DispatcherOptions {
  /** For messages: `LocalPool`, `WorkerPool pool-1f8k`. */
  readonly name: string;
  /** Calls with workers at once, at most. */
  readonly inFlightMax: number;
  /** Times that a call is sent again after the worker that ran it died. */
  readonly maxRetries: number;
  /** What a cancelled call that runs has left to end in, before its worker is replaced. Unit: ms. */
  readonly cancelGraceMs: number;
  readonly clock: Clock;
  /** Called when the pool begins to have calls that have not settled, and when it has none again. */
  readonly onBusy?: (isBusy: boolean) => void;
  /** Called once, when the pool has ended and everything has been rejected. */
  readonly onEnded?: () => void;
}

/** What one call may have of its own. */
export interface SubmitOptions {
  readonly timeoutMs?: number | undefined;
  readonly maxRetries?: number | undefined;
}

type State =
  | { readonly at: "open" }
  | { readonly at: "draining" }
  | { readonly at: "ended"; readonly error: IrisError };

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #pace = new Pace();
  readonly #queue = new Queue<Entry>();
  readonly #lanes = new Map<string, Lane>();
  /** Entries of the queue that were cancelled there, and only wait to be passed over. */
  #queuedSettled = 0;
  /** With workers, those among them that get nothing more included. */
  readonly #sent = new Set<Entry>();
  #done = 0;
  #failed = 0;
  #retried = 0;
  #state: State = { at: "open" };
  #waiting: (() => void)[] = [];
  #isBusy = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Workers that can be sent calls. */
  get size(): number {
    return this.#lanes.size;
  }

  get queued(): number {
    return this.#queue.size - this.#queuedSettled;
  }

  /** Calls with workers. */
  get inFlight(): number {
    return this.#sent.size;
  }

  /** What ended the pool, once something has. */
  get ended(): IrisError | undefined {
    return this.#state.at === "ended" ? this.#state.error : undefined;
  }

  /** Takes a worker in. One of the same id takes its place, and what that had in hand still settles. */
  add(runner: Runner): void {
    if (this.#state.at === "ended") return;
    const { clock, cancelGraceMs } = this.#options;
    const onOverdue = (entry: Entry) => this.#overdue(entry);
    this.#lanes.set(runner.id, new Lane({ runner, clock, cancelGraceMs, onOverdue }));
    this.#pump();
  }

  /** Sends a worker nothing more; what it has in hand it may finish. */
  remove(runner: Runner): void {
    if (this.#lanes.get(runner.id)?.runner === runner) this.#lanes.delete(runner.id);
  }

  submit(call: Call, options: SubmitOptions = {}): Future<unknown> {
    const entry: Entry = {
      call,
      future: new Future<unknown>(() => this.#cancel(entry)),
      timeoutMs: options.timeoutMs ?? Number.POSITIVE_INFINITY,
      maxRetries: options.maxRetries ?? this.#options.maxRetries,
      retries: 0,
      lane: undefined,
      isSettled: false,
    };
    if (this.#state.at !== "open") {
      entry.isSettled = true;
      entry.future.reject(this.#closedError());
      return entry.future;
    }
    this.#queue.push(entry);
    this.#pump();
    return entry.future;
  }

  async ready(): Promise<void> {
    for (;;) {
      if (this.#state.at !== "open") throw this.#closedError();
      if (this.#lanes.size > 0 && this.queued + this.#sent.size < this.#options.inFlightMax) return;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  status(): PoolStatus {
    const workers: PoolWorkerStatus[] = [...this.#lanes.values()].map(({ runner, inHand, done }) => {
      return { id: runner.id, inFlight: inHand.size, done };
    });
    return {
      queued: this.queued,
      inFlight: this.#sent.size,
      done: this.#done,
      failed: this.#failed,
      retried: this.#retried,
      workers,
    };
  }

  /** Takes no more calls and resolves when those that were taken have settled, or the pool has ended. */
  async drain(): Promise<void> {
    if (this.#state.at === "open") this.#state = { at: "draining" };
    this.#changed();
    while (this.#state.at === "draining" && this.queued + this.#sent.size > 0) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Ends the pool: every call that has not settled rejects with `error`, and so does every later one. */
  end(error: IrisError): void {
    if (this.#state.at === "ended") return;
    this.#state = { at: "ended", error };
    for (const entry of this.#queue.clear()) this.#reject(entry, error);
    this.#queuedSettled = 0;
    for (const entry of this.#sent) {
      this.#reject(entry, error);
      entry.lane?.close();
    }
    this.#lanes.clear();
    this.#changed();
    this.#options.onEnded?.();
  }

  #closedError(): IrisError {
    const { name } = this.#options;
    if (this.#state.at === "draining") return new IrisError("FAILED_PRECONDITION", `${name} is being shut down`);
    const error = this.ended;
    if (error !== undefined && error.code !== "CANCELLED") return error;
    return new IrisError("FAILED_PRECONDITION", `${name} was shut down; make a new one`);
  }

  #cancel(entry: Entry): boolean {
    if (entry.isSettled) return false;
    if (entry.lane === undefined) this.#queuedSettled += 1;
    this.#giveUp(entry, new IrisError("CANCELLED", `the call of ${entry.call.code.name} was cancelled`));
    this.#pump();
    return true;
  }

  #overdue(entry: Entry): void {
    const { call, timeoutMs, lane } = entry;
    const message = `${call.code.name} ran for longer than ${timeoutMs} ms (timeoutMs)`;
    this.#giveUp(
      entry,
      new IrisError("DEADLINE_EXCEEDED", message, { maybeExecuted: true, ...(lane && { where: lane.runner.id }) }),
    );
  }

  /** Rejects it, and has whoever runs it told. */
  #giveUp(entry: Entry, error: IrisError): void {
    this.#reject(entry, error);
    entry.lane?.giveUp(entry);
  }

  #pump(): void {
    for (let entry = this.#queue.peek(); entry !== undefined; entry = this.#queue.peek()) {
      if (entry.isSettled) {
        this.#queue.shift();
        this.#queuedSettled -= 1;
        continue;
      }
      if (this.#sent.size >= this.#options.inFlightMax) break;
      const expectedMs = this.#pace.expected(entry.call.code.hash);
      const lane = this.#laneFor(expectedMs);
      if (lane === undefined) break;
      this.#queue.shift();
      this.#send(entry, lane, expectedMs);
    }
    this.#changed();
  }

  /** Who has the least to do, if it has room. */
  #laneFor(expectedMs: number): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.inHand.size === 0) return lane;
      if (best === undefined || lane.inHandMs < best.inHandMs) best = lane;
    }
    return best !== undefined && hasRoom(best.inHand.size, best.inHandMs, expectedMs) ? best : undefined;
  }

  #send(entry: Entry, lane: Lane, expectedMs: number): void {
    lane.take(entry, expectedMs);
    this.#sent.add(entry);
    lane.runner.run(entry.call).then(
      (ran) => this.#ran(entry, lane, ran),
      (error) => {
        const cause = IrisError.is(error) ? error : new IrisError("INTERNAL", String(error), { cause: error });
        this.#ran(entry, lane, { as: "threw", error: cause, tookMs: 0 });
      },
    );
  }

  #ran(entry: Entry, lane: Lane, ran: Ran): void {
    if (ran.as === "lost" && lane.lost === undefined) {
      const [running] = lane.inHand.keys();
      lane.lost = { running: ran.reached ? running : undefined };
      this.remove(lane.runner);
    }
    if (lane.lost === undefined) lane.release(entry);
    else lane.close();
    this.#sent.delete(entry);
    if (ran.as === "lost") {
      this.#afterLoss(entry, lane, ran.error);
    } else if (!entry.isSettled) {
      lane.done += 1;
      this.#pace.learn(entry.call.code.hash, ran.tookMs);
      if (ran.as === "value") this.#resolve(entry, ran.value);
      else this.#reject(entry, ran.error);
    }
    this.#pump();
  }

  /** Only the call that was being run may have caused its worker's death, and only it is charged for it. */
  #afterLoss(entry: Entry, lane: Lane, error: IrisError): void {
    if (entry.isSettled) return;
    if (lane.lost?.running === entry) {
      if (entry.retries >= entry.maxRetries) {
        const { name } = entry.call.code;
        const message = `${name}: the worker that ran it died, ${entry.retries + 1} times: ${error.message}`;
        this.#reject(
          entry,
          new IrisError("LOST", message, { cause: error, maybeExecuted: true, where: lane.runner.id }),
        );
        return;
      }
      entry.retries += 1;
      this.#retried += 1;
    }
    entry.lane = undefined;
    this.#queue.putBack(entry);
  }

  #resolve(entry: Entry, value: unknown): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    this.#done += 1;
    entry.future.resolve(value);
  }

  #reject(entry: Entry, error: unknown): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    this.#failed += 1;
    entry.future.reject(error);
  }

  #changed(): void {
    const isBusy = this.#state.at !== "ended" && this.queued + this.#sent.size > 0;
    if (isBusy !== this.#isBusy) {
      this.#isBusy = isBusy;
      this.#options.onBusy?.(isBusy);
    }
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
