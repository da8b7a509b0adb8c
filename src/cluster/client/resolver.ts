/**
 * Finds actors by the names they are registered under with a controller. Names are seen only within one namespace: the
 * hierarchy of the job that asks, or the user's own outside any job; the controller holds to that, not this.
 */
import { ActorPool } from "../../net/actor-pool.ts";
import { ConnectionCache, dialWith } from "../../net/actor-pool-connections.ts";
import type { SessionLimits } from "../../net/limits.ts";
import type { Resolver } from "../../net/resolver.ts";
import { userToken } from "../../net/token.ts";
import type { Transport } from "../../net/transport.ts";
import { wsTransport } from "../../net/transport-ws.ts";
import { IrisError } from "../../runtime/errors.ts";
import { type Clock, systemClock } from "../../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../../runtime/ports/logger.ts";
import { type Random, systemRandom } from "../../runtime/ports/random.ts";
import { checkName } from "../job/id.ts";
import type { CallOptions } from "./call-options.ts";
import { ControlLink } from "./control-link.ts";
import { EndpointWatch } from "./endpoint-watch.ts";
import type { Endpoint } from "./status.ts";

export interface ClusterResolverOptions {
  /** Namespace to look in, outside any job. Default: the token's own; a task's is always its hierarchy's. */
  namespace?: string | undefined;
  /** Default: `IRIS_TOKEN`, or this user's own of `~/.iris/token`. */
  token?: string | undefined;
  /** Bounds of the sessions with actors, such as how long one may be silent before it is taken for lost. */
  limits?: Partial<SessionLimits> | undefined;
  transport?: Transport | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  logger?: Logger | undefined;
  /** Called once, when it was closed. */
  onClose?: (() => void) | undefined;
}

export class ClusterResolver implements Resolver {
  readonly #link: ControlLink;
  /** Closed with this, unless somebody lent it. */
  readonly #ownLink: ControlLink | undefined;
  readonly #namespace: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #connections: ConnectionCache;
  readonly #pools = new Set<ActorPool<unknown>>();
  readonly #onClose: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** `controller` is its URL, or a client's link to it. Throws `INVALID_ARGUMENT` for a bad URL. */
  constructor(controller: string | ControlLink, options: ClusterResolverOptions = {}) {
    const { transport = wsTransport(), random = systemRandom, logger = silentLogger } = options;
    const lent = typeof controller === "string" ? undefined : controller;
    this.#clock = options.clock ?? lent?.clock ?? systemClock;
    this.#namespace = options.namespace ?? "";
    if (this.#namespace !== "") checkNamespace(this.#namespace);
    this.#logger = logger;
    this.#onClose = options.onClose;
    const ports = { transport, clock: this.#clock, random, logger };
    if (typeof controller === "string") {
      this.#link = new ControlLink({ url: controller, token: options.token ?? userToken(), ...ports });
      this.#ownLink = this.#link;
    } else {
      this.#link = controller;
    }
    this.#connections = new ConnectionCache(dialWith({ ...ports, limits: options.limits }));
  }

  /**
   * The actors of that name as one pool; members come and go as the controller tells. Asks nothing by itself: the first
   * call waits for a member. Throws `INVALID_ARGUMENT` for a bad name, `CANCELLED` once this is closed.
   */
  lookup<T>(name: string): ActorPool<T> {
    checkName(name, "endpoint name");
    if (this.#closing !== undefined) throw new IrisError("CANCELLED", `the resolver of ${this.#link.url} is closed`);
    const onFailed = (error: IrisError) => void pool.fail(error);
    const source = new EndpointWatch(this.#link, name, this.#namespace, this.#logger, onFailed);
    const pool: ActorPool<T> = new ActorPool<T>({
      name,
      source,
      connections: this.#connections,
      clock: this.#clock,
      onClose: () => this.#pools.delete(pool),
    });
    this.#pools.add(pool);
    return pool;
  }

  /** Who serves exactly that name now, by age; empty when nobody does. */
  async resolve(name: string, options: CallOptions = {}): Promise<Endpoint[]> {
    checkName(name, "endpoint name");
    const request = { prefix: name, namespace: this.#namespace };
    const { endpoints } = await this.#link.call("listEndpoints", request, options);
    return endpoints.filter((endpoint) => endpoint.name === name);
  }

  /** Closes its pools and their connections. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#pools].map((pool) => pool.close()));
    await this.#connections[Symbol.asyncDispose]();
    await this.#ownLink?.close();
    this.#onClose?.();
  }
}

/** `default`, a name of the same form, or a root job's id. */
function checkNamespace(namespace: string): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(namespace)) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `namespace ${JSON.stringify(namespace)} is not allowed: use 1 to 63 of a-z, 0-9, ".", "_", "-"`,
    );
  }
}
