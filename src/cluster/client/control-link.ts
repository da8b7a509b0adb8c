/**
 * A client's way to its controller: one connection that comes back by itself, and the policy of calls over it. The one
 * invariant: whatever is called here may be called again (reads, submissions with a key, terminations), so a call whose
 * link broke is repeated until its deadline, and a watch is taken up where it was cut.
 */
import { Connection } from "../../net/connection.ts";
import { controllerRpcAddress } from "../../net/controller-address.ts";
import type { ServiceClient } from "../../net/service.ts";
import { serviceClient } from "../../net/service.ts";
import type { Transport } from "../../net/transport.ts";
import { Control, type ControlMethods } from "../../net/wire/iris.ts";
import { IrisError, toIrisError } from "../../runtime/errors.ts";
import { type Clock, sleep, systemClock, type TimerHandle } from "../../runtime/ports/clock.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import type { Random } from "../../runtime/ports/random.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { type CallOptions, cancelled } from "./call-options.ts";

type Unary = {
  [K in keyof ControlMethods]: ControlMethods[K]["stream"] extends true ? never : K;
}[keyof ControlMethods];

export interface ControlLinkOptions {
  /** The controller's, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  /**
   * For a clock and a transport that do not keep the process alive: this does so while calls or streams go on, so that a
   * program neither hangs for an idle link nor ends in the middle of a call. Default false.
   */
  readonly isBackground?: boolean | undefined;
}

/** A timer that only keeps the process alive; it begins anew when it is over. Unit: ms. */
const HOLD_MS = 3_600_000;

export class ControlLink implements AsyncDisposable {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** For what else travels to the same controller. */
  readonly connection: Connection;
  readonly #control: ServiceClient<ControlMethods>;
  readonly #closed = new AbortController();
  readonly #isBackground: boolean;
  #underWay = 0;
  #hold: TimerHandle | undefined;
  /** Set once the controller has answered: from then on it is known to exist, and is waited for. */
  #wasUp = false;

  /** Begins to connect at once. Throws `INVALID_ARGUMENT` for a bad URL. */
  constructor(options: ControlLinkOptions) {
    const { url, token, transport, clock, random, logger } = options;
    this.url = url;
    this.clock = clock;
    this.random = random;
    this.#isBackground = options.isBackground ?? false;
    this.connection = new Connection({ address: controllerRpcAddress(url), token, transport, clock, random, logger });
    this.connection.onUp(() => {
      this.#wasUp = true;
    });
    this.#control = serviceClient(Control, this.connection);
  }

  /** Resolves when the controller has let us in; rejects like a call that takes no longer than `timeoutMs` (30 s). */
  async ready(options: CallOptions = {}): Promise<void> {
    using _held = this.hold();
    const timeoutMs = options.timeoutMs ?? CLUSTER_LIMITS.controlCallMs;
    await this.#whenUp(timeoutMs, timeoutMs, options.signal);
  }

  /**
   * Calls `method`, again after a broken link, until its deadline (30 s unless told otherwise). Rejects with
   * `UNAVAILABLE` when no controller answers in that time, and with whatever the controller says.
   */
  async call<K extends Unary>(
    method: K,
    request: ControlMethods[K]["request"],
    options: CallOptions = {},
  ): Promise<ControlMethods[K]["response"]> {
    using _held = this.hold();
    const timeoutMs = options.timeoutMs ?? CLUSTER_LIMITS.controlCallMs;
    const deadlineAt = this.clock.now() + timeoutMs;
    const call = this.#control[method] as (
      request: ControlMethods[K]["request"],
      options: CallOptions & { idempotent: true },
    ) => Promise<ControlMethods[K]["response"]>;
    let maybeExecuted = false;
    for (let tries = 0; ; tries++) {
      const waitMs = Math.max(0, deadlineAt - this.clock.now());
      await this.#whenUp(waitMs, timeoutMs, options.signal, maybeExecuted);
      const leftMs = Math.max(1, deadlineAt - this.clock.now());
      try {
        return await call(request, { timeoutMs: leftMs, signal: options.signal, idempotent: true });
      } catch (error) {
        if (!this.#mayRepeat(error, options.signal)) throw this.#unlessEnded(error, options.signal);
        if (!IrisError.is(error, "UNAVAILABLE")) maybeExecuted = true;
        const pauseMs = this.#pauseMs(tries);
        if (this.clock.now() + pauseMs >= deadlineAt) throw error;
        await this.#pause(pauseMs, options.signal);
      }
    }
  }

  /**
   * A stream that outlives its link: `open` begins it, and again after each cut, each time from where its owner has
   * come to. `isComplete` tells an end that is meant from one that only means that the controller stops; without it
   * every end is meant. A controller that was never there fails the stream with `UNAVAILABLE` within 30 s; one that was
   * is waited for until the signal aborts.
   */
  async *stream<Item>(
    open: (control: ServiceClient<ControlMethods>, options: { signal: AbortSignal | undefined }) => AsyncIterable<Item>,
    signal: AbortSignal | undefined,
    isComplete: () => boolean = () => true,
  ): AsyncGenerator<Item, void, undefined> {
    using _held = this.hold();
    for (let tries = 0; ; tries++) {
      await this.#whenUp(this.#wasUp ? undefined : CLUSTER_LIMITS.controlCallMs, CLUSTER_LIMITS.controlCallMs, signal);
      let hasMoved = false;
      try {
        for await (const item of open(this.#control, { signal })) {
          hasMoved = true;
          tries = 0;
          yield item;
        }
        if (isComplete()) return;
      } catch (error) {
        // A reader too slow for what is pushed is told to come back: it goes on from where it is.
        const fellBehind = hasMoved && IrisError.is(error, "RESOURCE_EXHAUSTED");
        if (!fellBehind && !this.#mayRepeat(error, signal)) throw this.#unlessEnded(error, signal);
      }
      await this.#pause(this.#pauseMs(tries), signal);
    }
  }

  /** Something is under way until the result is disposed: a process that only runs for it must not end. */
  hold(): Disposable {
    if (this.#underWay++ === 0 && this.#isBackground) this.#keepAlive();
    return {
      [Symbol.dispose]: () => {
        if (--this.#underWay === 0) systemClock.clearTimeout(this.#hold);
      },
    };
  }

  /** Ends the connection; calls in flight fail. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed.abort(new IrisError("CANCELLED", `the client of ${this.url} was closed`));
    await this.connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The system's own clock on purpose: it is the process that is kept, whatever time the link goes by. */
  #keepAlive(): void {
    this.#hold = systemClock.setTimeout(() => this.#keepAlive(), HOLD_MS);
  }

  async #whenUp(
    leftMs: number | undefined,
    boundMs: number,
    signal: AbortSignal | undefined,
    maybeExecuted = false,
  ): Promise<void> {
    if (this.#closed.signal.aborted) throw this.#closed.signal.reason;
    if (this.connection.isUp) return;
    try {
      await this.connection.ready({ timeoutMs: leftMs, signal: this.#until(signal) });
    } catch (thrown) {
      const error = this.#unlessEnded(thrown, signal);
      if (error.code !== "UNAVAILABLE" && error.code !== "DEADLINE_EXCEEDED" && error.code !== "LOST") throw error;
      throw new IrisError(
        "UNAVAILABLE",
        `no controller answers at ${this.url} (waited ${boundMs} ms; ${error.message}): start one with "iris up", or give the URL of one that runs`,
        { cause: error, where: this.url, maybeExecuted },
      );
    }
  }

  /** Broken links, a controller that is there but not ready yet, and one that stops and aborts what it has in hand. */
  #mayRepeat(error: unknown, signal: AbortSignal | undefined): boolean {
    if (this.#closed.signal.aborted || signal?.aborted || !IrisError.is(error)) return false;
    return error.code === "LOST" || error.code === "UNAVAILABLE" || error.code === "CANCELLED";
  }

  /** From 100 ms, doubling to 5 s; half of it is chance, so that a thousand clients do not come back as one. */
  #pauseMs(tries: number): number {
    const fullMs = Math.min(CLUSTER_LIMITS.reconnectMaxMs, CLUSTER_LIMITS.reconnectMinMs * 2 ** Math.min(tries, 16));
    return fullMs * (0.5 + 0.5 * this.random.next());
  }

  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await sleep(this.clock, ms, this.#until(signal));
    } catch (thrown) {
      throw this.#unlessEnded(thrown, signal);
    }
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closed.signal : AbortSignal.any([signal, this.#closed.signal]);
  }

  /** What was thrown, unless it only echoes that this link was closed or that the caller gave up. */
  #unlessEnded(thrown: unknown, signal: AbortSignal | undefined): IrisError {
    if (this.#closed.signal.aborted) return cancelled(this.#closed.signal);
    return signal?.aborted ? cancelled(signal) : toIrisError(thrown);
  }
}
