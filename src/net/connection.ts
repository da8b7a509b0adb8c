/**
 * A channel that stays: it dials, says hello, and when the link breaks dials again for ever, with backoff and jitter,
 * until it is closed. Calls made while there is no link fail at once with `UNAVAILABLE`; it queues and retries nothing.
 * The one invariant: there is at most one session at a time, and after `close` none.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import type { ExitReason } from "../runtime/exit.ts";
import { opaqueId } from "../runtime/ids.ts";
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../runtime/ports/logger.ts";
import type { Random } from "../runtime/ports/random.ts";
import type { Channel, ChannelCallOptions, Outcome, Payload, Peer, Targets } from "./channel.ts";
import {
  CONNECTION_TABLE,
  type ConnectionAction,
  type ConnectionEvent,
  type ConnectionState,
} from "./connection.machine.ts";
import { type SessionLimits, sessionLimits } from "./limits.ts";
import { refusedCall } from "./outbound-calls.ts";
import type { Latency } from "./poller.ts";
import { Session } from "./session.ts";
import type { Link, Transport } from "./transport.ts";

export interface ConnectionOptions {
  /** `ws://host:port/path`. */
  readonly address: string;
  readonly transport: Transport;
  /** Proof of who we are; empty where none is wanted. */
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  /** What the other end may call here. Default: nothing. */
  readonly targets?: Targets | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
  /** Whether the stacks of errors of our targets are sent. Default false. */
  readonly stacks?: boolean | undefined;
  /** `low` keeps the loop awake while calls are in flight: quicker sequential calls for a busy core. Default `normal`. */
  readonly latency?: Latency | undefined;
  /** Hears of each attempt that led to no connection, before the next one: nobody was reached, or the hello failed. */
  readonly onAttemptFailed?: ((error: IrisError) => void) | undefined;
}

/** Pauses between attempts. Unit: ms. */
export const RECONNECT = Object.freeze({
  /** The first: shorter than anybody notices. */
  minMs: 100,
  /** The longest: a controller that comes back is found again within it. */
  maxMs: 5_000,
  /** A connection that held this long begins again with the first pause. */
  healthyMs: 5_000,
});

/** Errors after which the same attempt can only end the same way. */
const FINAL: ReadonlySet<string> = new Set(["UNAUTHENTICATED", "PERMISSION_DENIED", "VERSION_MISMATCH"]);

export class Connection implements Channel, AsyncDisposable {
  readonly address: string;
  readonly #o: ConnectionOptions;
  readonly #limits: SessionLimits;
  readonly #logger: Logger;
  readonly #node: string;
  readonly #waiting = new Set<{ up(): void; over(error: IrisError): void }>();
  readonly #upListeners = new Set<(peer: Peer) => void>();
  readonly #downListeners = new Set<(error: IrisError) => void>();
  #state: ConnectionState = CONNECTION_TABLE.initial;
  #link: Link | undefined;
  #session: Session | undefined;
  #dialling: AbortController | undefined;
  #timer: TimerHandle;
  /** Attempts in a row that did not lead to a lasting connection. */
  #failures = 0;
  #upSince = 0;
  #lastError: IrisError | undefined;
  #closing: Promise<void> | undefined;

  /** Begins to dial at once. Throws `RangeError` for limits that make no sense. */
  constructor(options: ConnectionOptions) {
    this.#o = options;
    this.address = options.address;
    this.#limits = sessionLimits(options.limits);
    this.#logger = (options.logger ?? silentLogger).child({ address: options.address });
    this.#node = opaqueId(options.random, 16);
    this.#happened("start");
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /**
   * Resolves when there is a connection. Rejects at once with `UNAUTHENTICATED`, `PERMISSION_DENIED` or
   * `VERSION_MISMATCH`, which are final; with `UNAVAILABLE` when the address was not reached within `timeoutMs` or the
   * connection was closed; with `DEADLINE_EXCEEDED` when nothing at all was heard by then; with `CANCELLED`.
   */
  ready(options: { timeoutMs?: number | undefined; signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { timeoutMs, signal } = options;
    return new Promise((resolve, reject) => {
      if (this.isUp) return resolve();
      if (this.#state === "refused" || this.#state === "closed") return reject(this.#noLink("a connection"));
      const { clock } = this.#o;
      let timer: TimerHandle;
      const settle = (settled: () => void) => {
        this.#waiting.delete(waiter);
        if (timer !== undefined) clock.clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        settled();
      };
      const waiter = { up: () => settle(resolve), over: (error: IrisError) => settle(() => reject(error)) };
      const cancelled = () =>
        new IrisError("CANCELLED", `waiting for ${this.address} was cancelled`, { cause: signal?.reason });
      const onAbort = () => waiter.over(cancelled());
      if (signal?.aborted) return reject(cancelled());
      signal?.addEventListener("abort", onAbort, { once: true });
      if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY) {
        timer = clock.setTimeout(() => waiter.over(this.#notReached(timeoutMs)), timeoutMs);
      }
      this.#waiting.add(waiter);
    });
  }

  /** Calls `fn` after each (re)connection; at once (in a microtask) if there is one now. Returns how to stop it. */
  onUp(fn: (peer: Peer) => void): () => void {
    this.#upListeners.add(fn);
    const session = this.#session;
    if (this.isUp && session !== undefined) {
      queueMicrotask(() => {
        if (this.#upListeners.has(fn) && this.isUp && this.#session === session) this.#tell([fn], session.peer);
      });
    }
    return () => this.#upListeners.delete(fn);
  }

  /** Calls `fn` each time a connection that was up has ended. Returns how to stop it. */
  onDown(fn: (error: IrisError) => void): () => void {
    this.#downListeners.add(fn);
    return () => this.#downListeners.delete(fn);
  }

  call(target: string, method: string, payload: Payload, options?: ChannelCallOptions): Outcome {
    if (this.isUp && this.#session !== undefined) return this.#session.call(target, method, payload, options);
    const what = `${target}.${method}`;
    return refusedCall(what, this.#noLink(what));
  }

  tell(target: string, method: string, payload: Payload): boolean {
    return (this.isUp && this.#session?.tell(target, method, payload)) || false;
  }

  watch(target: string, fn: (reason: ExitReason) => void): () => void {
    if (this.isUp && this.#session !== undefined) return this.#session.watch(target, fn);
    let wanted = true;
    queueMicrotask(() => wanted && fn({ kind: "lost", node: this.address }));
    return () => {
      wanted = false;
    };
  }

  /**
   * Says goodbye, lets calls in flight finish for at most `graceMs` (default 0), and dials no more. Resolves when the
   * link is closed. Safe to call twice.
   */
  close(options: { graceMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(options.graceMs ?? 0);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    if (graceMs > 0 && this.isUp) await this.#session?.stop(graceMs);
    this.#lastError = new IrisError("UNAVAILABLE", `the connection to ${this.address} was closed at this end`);
    this.#happened("close");
  }

  /** The one door into the machine. Events that a state does not take are late, and mean nothing any more. */
  #happened(event: ConnectionEvent): void {
    const step = CONNECTION_TABLE.step(this.#state, event, undefined);
    if (step === undefined) return;
    this.#state = step.state;
    for (const action of step.actions) this.#actions[action as ConnectionAction]();
  }

  readonly #actions: Readonly<Record<ConnectionAction, () => void>> = {
    dial: () => void this.#dial(),
    greet: () => this.#greet(),
    announceUp: () => this.#announceUp(),
    announceDown: () => this.#announceDown(),
    backOff: () => {
      const { clock, random } = this.#o;
      const pauseMs = reconnectPauseMs(this.#failures++, random.next());
      this.#logger.debug({ pauseMs, error: this.#lastError?.message }, "no connection; trying again");
      this.#timer = clock.setTimeout(() => this.#happened("due"), pauseMs);
      const { onAttemptFailed } = this.#o;
      if (onAttemptFailed !== undefined) this.#tell([onAttemptFailed], this.#lastError ?? this.#noLink("a connection"));
    },
    abandon: () => {
      this.#dialling?.abort();
      if (this.#timer !== undefined) this.#o.clock.clearTimeout(this.#timer);
      void this.#session?.stop();
      this.#session = undefined;
    },
    finish: () => {
      const error = this.#noLink("a connection");
      for (const waiter of [...this.#waiting]) waiter.over(error);
    },
  };

  async #dial(): Promise<void> {
    const { transport } = this.#o;
    const dialling = new AbortController();
    this.#dialling = dialling;
    try {
      const link = await transport.dial(this.address, { signal: dialling.signal });
      if (dialling.signal.aborted) {
        link.destroy();
        return;
      }
      this.#link = link;
      this.#happened("linked");
    } catch (error) {
      if (dialling.signal.aborted) return;
      this.#lastError = toIrisError(error, "UNAVAILABLE", this.address);
      this.#happened("dialFailed");
    }
  }

  #greet(): void {
    const link = this.#link;
    if (link === undefined) return;
    const { token, targets = () => undefined, clock, stacks, latency } = this.#o;
    this.#session = new Session({
      link,
      role: { end: "dialler", token },
      node: this.#node,
      targets,
      clock,
      limits: this.#limits,
      logger: this.#logger,
      stacks,
      latency,
      onOpen: () => this.#happened("welcomed"),
      onClosed: (why) => {
        this.#lastError = why;
        this.#happened(FINAL.has(why.code) ? "rejected" : "ended");
      },
    });
  }

  #announceUp(): void {
    this.#upSince = this.#o.clock.now();
    const session = this.#session;
    if (session === undefined) return;
    for (const waiter of [...this.#waiting]) waiter.up();
    this.#tell(this.#upListeners, session.peer);
  }

  #announceDown(): void {
    if (this.#o.clock.now() - this.#upSince >= RECONNECT.healthyMs) this.#failures = 0;
    const error = this.#lastError ?? this.#noLink("a connection");
    this.#logger.debug({ error: error.message }, "a connection ended");
    this.#tell(this.#downListeners, error);
  }

  /** One listener that throws keeps no other from hearing. */
  #tell<T>(listeners: Iterable<(news: T) => void>, news: T): void {
    for (const fn of [...listeners]) {
      try {
        fn(news);
      } catch (error) {
        this.#logger.error({ error }, "a listener of a connection threw");
      }
    }
  }

  #noLink(what: string): IrisError {
    const cause = this.#lastError;
    if (this.#state === "refused" && cause !== undefined) return cause;
    const why = cause === undefined ? "it is being dialled" : cause.message;
    return new IrisError("UNAVAILABLE", `${what}: there is no connection to ${this.address} (${why})`, { cause });
  }

  #notReached(timeoutMs: number): IrisError {
    const cause = this.#lastError;
    if (cause === undefined) {
      return new IrisError("DEADLINE_EXCEEDED", `${this.address} did not answer within ${timeoutMs} ms`);
    }
    return new IrisError("UNAVAILABLE", `${this.address} was not reached within ${timeoutMs} ms: ${cause.message}`, {
      cause,
    });
  }
}

/**
 * How long to wait before the next attempt: doubling from `minMs` to `maxMs`, of which the upper half is chance, so that
 * a thousand who lost the same peer do not come back at once. `chance` is in [0, 1).
 */
export function reconnectPauseMs(failures: number, chance: number): number {
  const fullMs = Math.min(RECONNECT.maxMs, RECONNECT.minMs * 2 ** Math.min(failures, 30));
  return fullMs / 2 + (fullMs / 2) * chance;
}
