/**
 * What pools on threads and pools on workers have in common: calls are packed, given to a dispatcher, and settle. Where
 * they run is each pool's own. The one invariant: once shut down, everything has been rejected and nothing is taken.
 */
import { IrisError } from "../runtime/errors.ts";
import { type Call, packCall } from "./call.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { MapOptions, PoolStatus, TaskExecutor, TaskFuture } from "./executor.ts";
import { Future } from "./future.ts";
import { KeepAlive } from "./keep-alive.ts";
import { mapItems } from "./stream.ts";

export interface FunctionPoolOptions {
  /** What it is called in messages. */
  readonly label: string;
  readonly inFlightMax: number;
  readonly maxRetries: number;
  /** Directory that functions are named from; null: they travel by their text alone. */
  readonly workspace: string | null;
}

export abstract class FunctionPool implements TaskExecutor {
  protected readonly dispatcher: Dispatcher;
  protected readonly keepAlive = new KeepAlive();
  protected readonly workspace: string | null;
  readonly #label: string;
  readonly #inFlightMax: number;
  #closing: Promise<void> | undefined;

  protected constructor({ label, inFlightMax, maxRetries, workspace }: FunctionPoolOptions) {
    this.#label = label;
    this.#inFlightMax = inFlightMax;
    this.workspace = workspace;
    const onBusy = (isBusy: boolean) => this.keepAlive.hold(isBusy);
    this.dispatcher = new Dispatcher({ name: label, inFlightMax, maxRetries, onBusy });
  }

  get size(): number {
    return this.dispatcher.size;
  }

  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): TaskFuture<R> {
    let call: Call;
    try {
      call = packCall(fn, args, this.workspace);
    } catch (error) {
      return Future.rejected(error);
    }
    return this.dispatcher.submit(call) as Future<R>;
  }

  map<T, R>(
    fn: (item: T) => R | Promise<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options: MapOptions = {},
  ): AsyncIterable<R> {
    return mapItems({ submit: (item) => this.submit(fn, item), items, options, inFlightMax: this.#inFlightMax });
  }

  ready(): Promise<void> {
    return this.dispatcher.ready();
  }

  status(): PoolStatus {
    return this.dispatcher.status();
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

  /** Lets go of what runs the calls; called once. */
  protected abstract close(): Promise<void>;
}
