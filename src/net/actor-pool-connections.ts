/**
 * The connections that a resolver's pools share: one for an address, opened when first wanted, closed when the last who
 * held it lets go. It also remembers how each one fares, so that pools skip what is known to be dead. The one invariant:
 * whoever acquires releases exactly once; then none is left open.
 */
import type { SecureContextOptions } from "node:tls";
import { outsideCalls } from "../runtime/context.ts";
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type Clock, systemClock } from "../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../runtime/ports/logger.ts";
import { type Random, systemRandom } from "../runtime/ports/random.ts";
import type { Channel } from "./channel.ts";
import { Connection } from "./connection.ts";
import type { SessionLimits } from "./limits.ts";
import type { Latency } from "./poller.ts";
import type { Transport } from "./transport.ts";
import { wsTransport } from "./transport-ws.ts";

/** A channel that dials by itself and comes back when it breaks. `Connection` is one. */
export interface DialledChannel extends Channel {
  /** Rejects at once with `UNAUTHENTICATED` or `VERSION_MISMATCH`, which are final. */
  ready(options?: { timeoutMs?: number | undefined; signal?: AbortSignal | undefined }): Promise<void>;
  onUp(fn: () => void): () => void;
  onDown(fn: (error: IrisError) => void): () => void;
  readonly isUp: boolean;
  close(options?: { graceMs?: number | undefined }): Promise<void>;
}

/**
 * Makes a channel that dials `address` and shows `token`; `onAttemptFailed` hears of each attempt that led to no
 * connection: nobody was reached, or the hello failed.
 */
export type Dial = (address: string, token: string, onAttemptFailed: (error: IrisError) => void) => DialledChannel;

/** How a connection fares. `refused` is final: the other end will not have us as we are. */
export type Health =
  | { readonly at: "dialling" }
  | { readonly at: "up" }
  | { readonly at: "down"; readonly error: IrisError }
  | { readonly at: "refused"; readonly error: IrisError };

/** What connections of pools need from outside. */
export interface DialPorts {
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
  /** `low` keeps the loop awake while calls are in flight: quicker sequential calls for a busy core. Default `normal`. */
  readonly latency?: Latency | undefined;
  /** For `wss:`: whom to trust instead of the usual authorities. Only for the default transport. */
  readonly tls?: Pick<SecureContextOptions, "ca"> | undefined;
}

/** Dials real connections; what is not given is the system's. */
export function dialWith(ports: DialPorts = {}): Dial {
  const { clock = systemClock, random = systemRandom, logger = silentLogger, limits, latency, tls } = ports;
  const transport = ports.transport ?? wsTransport({ messageBytes: limits?.messageBytes, tls });
  return (address, token, onAttemptFailed) =>
    new Connection({ address, transport, token, clock, random, logger, limits, latency, onAttemptFailed });
}

/** Errors after which a connection tries no more. */
const FINAL: ReadonlySet<string> = new Set(["UNAUTHENTICATED", "PERMISSION_DENIED", "VERSION_MISMATCH"]);

/** How long a first dial may take before its member is passed over for others. Unit: ms. As the hello time-out. */
const FIRST_DIAL_MS = 5_000;

/** One open, or dialling, connection and how it fares. */
export class SharedConnection {
  readonly channel: DialledChannel;
  readonly #listeners = new Set<() => void>();
  readonly #forget: readonly (() => void)[];
  #isClosed = false;
  #health: Health = { at: "dialling" };
  #epoch = 0;

  constructor(dial: (onAttemptFailed: (error: IrisError) => void) => DialledChannel) {
    // A transport may fail at once, before there is a channel to ask.
    const channel = dial((error) => queueMicrotask(() => this.#fail(error)));
    this.channel = channel;
    this.#forget = [
      channel.onUp(() => {
        this.#epoch++;
        this.#become({ at: "up" });
      }),
      channel.onDown((error) => this.#fail(error)),
    ];
    if (channel.isUp) this.#health = { at: "up" };
    else channel.ready({ timeoutMs: FIRST_DIAL_MS }).catch((error: unknown) => this.#fail(toIrisError(error)));
  }

  get health(): Health {
    return this.#health;
  }

  /** Counts how often it came up: what failed in one epoch may do in the next. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Calls `fn` whenever the health changes, until the returned function is called. */
  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const forget of this.#forget) forget();
    this.#become({ at: "down", error: new IrisError("CANCELLED", "the connection was closed") });
    this.#listeners.clear();
    await this.channel.close({ graceMs: 0 });
  }

  #fail(error: IrisError): void {
    // A dial that failed before says nothing about a link that is up by now.
    if (this.#isClosed || this.channel.isUp || this.#health.at === "refused") return;
    this.#become({ at: FINAL.has(error.code) ? "refused" : "down", error });
  }

  #become(health: Health): void {
    this.#health = health;
    for (const listener of [...this.#listeners]) listener();
  }
}

export class ConnectionCache implements AsyncDisposable {
  readonly #dial: Dial;
  readonly #entries = new Map<string, { readonly connection: SharedConnection; holders: number }>();
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  /** How many are open. */
  get size(): number {
    return this.#entries.size;
  }

  /** The connection to `address` that shows `token`, dialled now if there is none. Release it once. */
  acquire(address: string, token: string): SharedConnection {
    if (this.#closed) throw new IrisError("CANCELLED", `not dialling ${address}: the resolver is closed`);
    const key = keyOf(address, token);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const dial = (failed: (error: IrisError) => void) => this.#dial(address, token, failed);
      entry = { connection: outsideCalls(() => new SharedConnection(dial)), holders: 0 };
      this.#entries.set(key, entry);
    }
    entry.holders++;
    return entry.connection;
  }

  /** Lets go of what `acquire` gave; the last one closes it. */
  release(address: string, token: string): void {
    const key = keyOf(address, token);
    const entry = this.#entries.get(key);
    if (entry === undefined || --entry.holders > 0) return;
    this.#entries.delete(key);
    const closing = entry.connection.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Closes all, whoever holds them. Calls under way fail. Safe to call twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const open = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all([...open.map(({ connection }) => connection.close()), ...this.#closing]);
  }
}

/** Another token is another connection: the other end knows its callers by it. */
function keyOf(address: string, token: string): string {
  return `${address} ${token}`;
}
