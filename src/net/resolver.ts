/**
 * From a name to those who serve it. `FixedResolver` knows them from the program; a cluster's resolver, elsewhere, is told
 * by the controller. Both give the same pools. The one invariant: what a resolver opened ends with it, pools and
 * connections alike.
 */
import { IrisError } from "../runtime/errors.ts";
import { type Clock, systemClock } from "../runtime/ports/clock.ts";
import type { Random } from "../runtime/ports/random.ts";
import { ActorPool } from "./actor-pool.ts";
import { ConnectionCache, type DialPorts, dialWith } from "./actor-pool-connections.ts";
import { MemberList } from "./actor-pool-members.ts";
import { parseAddress } from "./resolver-address.ts";
import { userToken } from "./token.ts";
import type { Endpoint } from "./wire/iris.ts";

export interface ResolveOptions {
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface Resolver extends AsyncDisposable {
  /** All who serve `name`, now and later. Does not wait: a pool that is empty now may fill. */
  lookup<T>(name: string): ActorPool<T>;
  /** Who serves `name` at this moment. */
  resolve(name: string, options?: ResolveOptions): Promise<Endpoint[]>;
}

export interface FixedResolverOptions extends DialPorts {
  /** What to show at the addresses. Default: the user's own token; null shows none. */
  readonly token?: string | null | undefined;
}

/**
 * Knows addresses by name: `new FixedResolver({ inference: "ws://127.0.0.1:41234", workers: ["host-a:9000", "host-b:9000"] })`.
 * Throws `INVALID_ARGUMENT` for what is no address. A name that it was not given is `NOT_FOUND` at once.
 */
export class FixedResolver implements Resolver {
  readonly #endpoints: ReadonlyMap<string, readonly Endpoint[]>;
  readonly #connections: ConnectionCache;
  readonly #clock: Clock;
  readonly #random: Random | undefined;
  readonly #pools = new Set<ActorPool<unknown>>();
  #isClosed = false;

  constructor(addresses: Readonly<Record<string, string | readonly string[]>>, options: FixedResolverOptions = {}) {
    const token = options.token === undefined ? userToken() : (options.token ?? "");
    this.#endpoints = new Map(
      Object.entries(addresses).map(([name, given]) => {
        const distinct = new Set((typeof given === "string" ? [given] : given).map(parseAddress));
        return [name, [...distinct].map((address) => fixedEndpoint(name, address, token))];
      }),
    );
    this.#connections = new ConnectionCache(dialWith(options));
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random;
  }

  lookup<T>(name: string): ActorPool<T> {
    if (this.#isClosed) throw new IrisError("FAILED_PRECONDITION", `not looking up "${name}": the resolver is closed`);
    const pool: ActorPool<T> = new ActorPool<T>({
      name,
      source: new MemberList(this.#known(name)),
      connections: this.#connections,
      clock: this.#clock,
      random: this.#random,
      onClose: () => this.#pools.delete(pool),
    });
    this.#pools.add(pool);
    return pool;
  }

  async resolve(name: string, { signal }: ResolveOptions = {}): Promise<Endpoint[]> {
    if (signal?.aborted) {
      throw new IrisError("CANCELLED", `resolving "${name}" was cancelled`, { cause: signal.reason });
    }
    return [...this.#known(name)];
  }

  /** Closes its pools and their connections; calls under way fail. Safe to call twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#pools].map((pool) => pool.close()));
    await this.#connections[Symbol.asyncDispose]();
  }

  #known(name: string): readonly Endpoint[] {
    const endpoints = this.#endpoints.get(name);
    if (endpoints !== undefined) return endpoints;
    const names = [...this.#endpoints.keys()].map((known) => `"${known}"`).join(", ");
    throw new IrisError(
      "NOT_FOUND",
      `no address is known for "${name}"; known are ${names === "" ? "no names" : names}`,
    );
  }
}

/** Its id follows from name and address, so that `hash` routes keep to the same members in every program. */
function fixedEndpoint(name: string, address: string, token: string): Endpoint {
  return { endpointId: `${name}@${address}`, name, namespace: "", address, metadata: {}, token, taskId: "" };
}
