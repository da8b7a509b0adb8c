/**
 * What pools on threads and pools on workers have in common: calls are packed, given to a dispatcher, and settle. Where
 * they run is each pool's own. The one invariant: once shut down, everything has been rejected and nothing is taken.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import { type Call, packCall } from "./call.ts";
import { checkCount, checkMs } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import type {
  MapOptions,
  PoolProgress,
  PoolStatus,
  TaskExecutor,
  TaskFuture,
  TaskOptions,
  TaskSender,
} from "./executor.ts";
import { Future } from "./future.ts";
import { KeepAlive } from "./keep-alive.ts";
import { POOL_LIMITS } from "./limits.ts";
import { progressOf } from "./progress.ts";
import { type Shared, SharedList } from "./shared.ts";
import { mapItems } from "./stream.ts";

export interface FunctionPoolOptions {
  /** What it is called in messages. */
  readonly label: string;
  /** Threads or workers that it is to have. */
  readonly workers: number;
  /** By default some for each worker. */
  readonly inFlightMax: number | undefined;
  readonly maxRetries: number | undefined;
  readonly cancelGraceMs: number | undefined;
  readonly clock: Clock;
  /** Directory that functions are named from; null: they travel by their text alone. */
  readonly workspace: string | null;
}

/** As often as a bar that somebody looks at needs. */
const PROGRESS_EVERY_MS = 500;

export abstract class FunctionPool implements TaskExecutor {
  protected readonly dispatcher: Dispatcher;
  protected readonly keepAlive = new KeepAlive();
  protected readonly workspace: string | null;
  readonly #label: string;
  readonly #clock: Clock;
  readonly #shared = new SharedList();
  readonly #ended = new AbortController();
  readonly #inFlightMax: number;
  #closing: Promise<void> | undefined;

  /** Throws `INVALID_ARGUMENT` for numbers that make no sense. */
  protected constructor({ label, workers, workspace, clock, ...given }: FunctionPoolOptions) {
    const { timeoutMsMax, perWorker } = POOL_LIMITS;
    const inFlightMax = checkCount("inFlightMax", given.inFlightMax ?? workers * perWorker);
    const maxRetries = checkCount("maxRetries", given.maxRetries ?? POOL_LIMITS.maxRetries, undefined, 0);
    const cancelGraceMs = checkMs("cancelGraceMs", given.cancelGraceMs ?? POOL_LIMITS.cancelGraceMs, timeoutMsMax);
    this.#label = label;
    this.#clock = clock;
    this.#inFlightMax = inFlightMax;
    this.workspace = workspace;
    const onBusy = (isBusy: boolean) => this.keepAlive.hold(isBusy);
    const onEnded = () => this.#ended.abort();
    this.dispatcher = new Dispatcher({ name: label, inFlightMax, maxRetries, cancelGraceMs, clock, onBusy, onEnded });
  }

  get size(): number {
    return this.dispatcher.size;
  }

  share<T>(value: T): Shared<T> {
    return this.#shared.add(value);
  }

  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): TaskFuture<R> {
    return this.#submit(fn, args, {});
  }

  map<T, R>(
    fn: (item: T) => R | Promise<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options: MapOptions = {},
  ): AsyncIterable<R> {
    return this.#map(fn, items, options, {});
  }

  with(options: TaskOptions): TaskSender {
    const { timeoutMs, maxRetries } = options;
    const own: TaskOptions = {
      ...(timeoutMs !== undefined && { timeoutMs: checkMs("timeoutMs", timeoutMs, POOL_LIMITS.timeoutMsMax) }),
      ...(maxRetries !== undefined && { maxRetries: checkCount("maxRetries", maxRetries, undefined, 0) }),
    };
    return {
      submit: (fn, ...args) => this.#submit(fn, args, own),
      map: (fn, items, mapOptions = {}) => this.#map(fn, items, mapOptions, own),
    };
  }

  ready(): Promise<void> {
    return this.dispatcher.ready();
  }

  status(): PoolStatus {
    return this.dispatcher.status();
  }

  progress({ everyMs = PROGRESS_EVERY_MS }: { everyMs?: number } = {}): AsyncIterable<PoolProgress> {
    return progressOf({
      status: () => this.status(),
      clock: this.#clock,
      everyMs: checkMs("everyMs", everyMs, POOL_LIMITS.timeoutMsMax),
      ended: this.#ended.signal,
    });
  }

  async shutdown(options: { drain?: boolean } = {}): Promise<void> {
    if (options.drain === true) await this.dispatcher.drain();
    await this.end(new IrisError("CANCELLED", `${this.#label} was shut down`));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Rejects everything with `cause` and closes, once. */
  protected end(cause: IrisError): Promise<void> {
    this.dispatcher.end(cause);
    this.#closing ??= this.close();
    return this.#closing;
  }

  #submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, args: A, options: TaskOptions): TaskFuture<R> {
    let call: Call;
    try {
      call = packCall(fn, args, this.workspace, this.#shared);
    } catch (error) {
      return Future.rejected(error);
    }
    return this.dispatcher.submit(call, options) as Future<R>;
  }

  #map<T, R>(
    fn: (item: T) => R | Promise<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options: MapOptions,
    own: TaskOptions,
  ): AsyncIterable<R> {
    const submit = (item: T) => this.#submit(fn, [item], own);
    return mapItems({ submit, items, options, inFlightMax: this.#inFlightMax });
  }

  /** Lets go of what runs the calls; called once. */
  protected abstract close(): Promise<void>;
}
