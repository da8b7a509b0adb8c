/**
 * Keeps addresses registered with a controller: registers, renews the leases, registers again what the controller has
 * forgotten and everything after a reconnection, and takes it all back at the end. The one invariant: an `endpointId` is
 * made once, here, so however often a registration is sent it is one registration.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { opaqueId } from "../runtime/ids.ts";
import { type Clock, sleep, type TimerHandle } from "../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../runtime/ports/logger.ts";
import type { Random } from "../runtime/ports/random.ts";
import type { Channel } from "./channel.ts";
import { type ServiceClient, serviceClient } from "./service.ts";
import { Control, type ControlMethods, type Endpoint } from "./wire/iris.ts";

/** A channel that tells when it is (again) connected. `Connection` is one; others are taken to stay connected. */
export interface ReconnectingChannel extends Channel {
  onUp(fn: () => void): () => void;
}

export interface EndpointRegistrarOptions {
  /** To the controller. It is not closed here. */
  readonly channel: Channel | ReconnectingChannel;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  /** Namespace to register in, for callers outside any job. Default: the token's. */
  readonly namespace?: string | undefined;
}

/** Bounds of the talk with the controller. */
const REGISTRAR_LIMITS = Object.freeze({
  /** Time that `register` and `unregister` may take in all. Unit: ms. As any control call. */
  callMs: 30_000,
  /** Pause before a failed call is tried again: first and longest. Unit: ms. */
  retryMinMs: 100,
  retryMaxMs: 5_000,
  /** Time that `close` takes at most to say goodbye; what it does not reach ends with its lease. Unit: ms. */
  closeMs: 2_000,
  /** Assumed while a controller has told no lease. Unit: ms. */
  leaseMs: 30_000,
});

/** The controller was not reached, or its answer was not: the same again does no harm, and may work. */
const PASSING: ReadonlySet<string> = new Set(["UNAVAILABLE", "LOST", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"]);

interface Wanted {
  readonly endpoint: Endpoint;
  /** The controller has confirmed it once: from then on it is kept alive here. */
  isKnown: boolean;
}

export class EndpointRegistrar implements AsyncDisposable {
  readonly #client: ServiceClient<ControlMethods>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #namespace: string;
  /** What is to be registered, whether the controller knows it at this moment or not. */
  readonly #wanted = new Map<string, Wanted>();
  /** Those who pause between tries: a connection that comes up ends the pause. */
  readonly #pausing = new Set<() => void>();
  readonly #forgetUp: () => void;
  readonly #closing = new AbortController();
  #leaseMs: number = REGISTRAR_LIMITS.leaseMs;
  #timer: TimerHandle | undefined;

  constructor(options: EndpointRegistrarOptions) {
    const { channel } = options;
    this.#client = serviceClient(Control, channel);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#logger = options.logger ?? silentLogger;
    this.#namespace = options.namespace ?? "";
    this.#forgetUp = "onUp" in channel ? channel.onUp(() => this.#connected()) : () => {};
  }

  /**
   * Registers `address` under `name`; `token` is what callers show there. While the controller cannot be reached it tries
   * for 30 s. Rejects with `UNAVAILABLE` after that, `FAILED_PRECONDITION` when the attempt that it would belong to has
   * ended, `CANCELLED` when this is closed.
   */
  async register(
    name: string,
    address: string,
    metadata: Readonly<Record<string, string>> = {},
    token = "",
  ): Promise<Endpoint> {
    this.#checkOpen(`registering "${name}"`);
    const endpoint: Endpoint = {
      endpointId: opaqueId(this.#random, 16),
      name,
      namespace: this.#namespace,
      address,
      metadata: { ...metadata },
      token,
      taskId: "",
    };
    const deadlineAt = this.#clock.now() + REGISTRAR_LIMITS.callMs;
    const wanted: Wanted = { endpoint, isKnown: false };
    this.#wanted.set(endpoint.endpointId, wanted);
    try {
      const stored = await this.#persist(deadlineAt, (timeoutMs) => this.#send(wanted, timeoutMs));
      return { ...stored, token };
    } catch (error) {
      this.#wanted.delete(endpoint.endpointId);
      // Its answer may have been lost, not the registration itself.
      void this.#takeBack(endpoint.endpointId, REGISTRAR_LIMITS.closeMs);
      throw error;
    }
  }

  /** Takes a registration back; one that is not there is fine. Rejects with `UNAVAILABLE` after 30 s of trying; the lease
   *  is not renewed in any case. */
  async unregister(endpointId: string): Promise<void> {
    if (!this.#wanted.delete(endpointId)) return;
    const deadlineAt = this.#clock.now() + REGISTRAR_LIMITS.callMs;
    await this.#persist(deadlineAt, (timeoutMs) =>
      this.#client.unregisterEndpoint({ endpointId }, { timeoutMs, idempotent: true }),
    );
  }

  /** Takes everything back as far as that is possible within 2 s. Never rejects. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new IrisError("CANCELLED", "the registrar was closed"));
    this.#forgetUp();
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const ids = [...this.#wanted.keys()];
    this.#wanted.clear();
    await Promise.all(ids.map((id) => this.#takeBack(id, REGISTRAR_LIMITS.closeMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** One try at a registration. One that is no longer wanted when the answer comes is taken back. */
  async #send(wanted: Wanted, timeoutMs: number): Promise<Endpoint> {
    const { endpoint } = wanted;
    const { endpointId } = endpoint;
    const reply = await this.#client.registerEndpoint(
      { endpoint, namespace: this.#namespace },
      { timeoutMs, idempotent: true },
    );
    if (reply.leaseMs > 0) this.#leaseMs = reply.leaseMs;
    wanted.isKnown = true;
    if (this.#wanted.has(endpointId)) this.#renewLater();
    else void this.#takeBack(endpointId, REGISTRAR_LIMITS.closeMs);
    return reply.endpoint ?? endpoint;
  }

  /** Tries until it works, fails for good, or `deadlineAt` has passed. */
  async #persist<R>(deadlineAt: number, attempt: (timeoutMs: number) => Promise<R>): Promise<R> {
    for (
      let pauseMs: number = REGISTRAR_LIMITS.retryMinMs;
      ;
      pauseMs = Math.min(2 * pauseMs, REGISTRAR_LIMITS.retryMaxMs)
    ) {
      try {
        return await attempt(Math.max(1, deadlineAt - this.#clock.now()));
      } catch (thrown) {
        const error = toIrisError(thrown);
        const leftMs = deadlineAt - this.#clock.now();
        const waitMs = pauseMs * (0.5 + this.#random.next() / 2);
        if (!PASSING.has(error.code) || leftMs <= waitMs) throw error;
        await this.#pause(waitMs);
      }
    }
  }

  /** Resolves after `ms` or when the connection comes up; rejects when this is closed. */
  async #pause(ms: number): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#pausing.add(wake);
    try {
      await sleep(this.#clock, ms, AbortSignal.any([woken.signal, this.#closing.signal]));
    } catch (error) {
      if (this.#closing.signal.aborted) throw error;
    } finally {
      this.#pausing.delete(wake);
    }
  }

  /** A controller that was restarted, or cut off for longer than a lease, may have forgotten what it knew. */
  #connected(): void {
    for (const wake of [...this.#pausing]) wake();
    const known = [...this.#wanted].filter(([, { isKnown }]) => isKnown);
    void this.#restoreAll(known.map(([id]) => id));
  }

  #renewLater(): void {
    if (this.#timer !== undefined || this.#closing.signal.aborted || this.#wanted.size === 0) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      void this.#renew();
    }, this.#leaseMs / 3);
  }

  async #renew(): Promise<void> {
    const endpointIds = [...this.#wanted].filter(([, { isKnown }]) => isKnown).map(([id]) => id);
    if (endpointIds.length > 0) {
      try {
        // A try that has not been answered by the time of the next one is not worth waiting for.
        const options = { timeoutMs: this.#leaseMs / 3, idempotent: true };
        const { unknown } = await this.#client.renewEndpoints({ endpointIds }, options);
        await this.#restoreAll(unknown);
      } catch (error) {
        this.#logger.warn(
          { error, endpoints: endpointIds.length },
          "leases of endpoints were not renewed; trying again",
        );
      }
    }
    this.#renewLater();
  }

  /** Registers again what the controller may not know. What it refuses is given up: its attempt has ended. */
  async #restoreAll(endpointIds: readonly string[]): Promise<void> {
    await Promise.all(
      endpointIds.map(async (id) => {
        const wanted = this.#wanted.get(id);
        if (wanted === undefined) return;
        try {
          await this.#send(wanted, REGISTRAR_LIMITS.callMs);
        } catch (thrown) {
          const error = toIrisError(thrown);
          if (PASSING.has(error.code)) return; // the next renewal, or reconnection, finds it missing
          if (this.#wanted.delete(id))
            this.#logger.error({ error, name: wanted.endpoint.name }, "an endpoint was refused");
        }
      }),
    );
  }

  /** Best effort, one try. Never rejects. */
  async #takeBack(endpointId: string, timeoutMs: number): Promise<void> {
    try {
      await this.#client.unregisterEndpoint({ endpointId }, { timeoutMs, idempotent: true });
    } catch (error) {
      this.#logger.debug({ error, endpointId }, "an endpoint was left to its lease");
    }
  }

  #checkOpen(what: string): void {
    if (this.#closing.signal.aborted) throw new IrisError("CANCELLED", `${what}: the registrar is closed`);
  }
}
