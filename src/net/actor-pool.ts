/**
 * All actors that serve one name, wherever they are, called as if they were one. Who they are is pushed by a
 * `MemberSource`; connections are shared with the other pools of the resolver. It places calls, it does not queue work:
 * each call is on its way to one member, or waiting for the first. The one invariant: after `close` nothing waits here.
 */
import { IrisError } from "../runtime/errors.ts";
import { opaqueId } from "../runtime/ids.ts";
import { type Clock, systemClock } from "../runtime/ports/clock.ts";
import { type Random, systemRandom } from "../runtime/ports/random.ts";
import type { CallOptions, MethodNames, Remote, Tell, TellOptions } from "../runtime/ref.ts";
import { callThrough, type PoolView } from "./actor-pool-call.ts";
import type { ConnectionCache } from "./actor-pool-connections.ts";
import { Member } from "./actor-pool-member.ts";
import type { MemberSource } from "./actor-pool-members.ts";
import type { Route } from "./actor-pool-route.ts";
import { callTerms, encodeArguments, failedOutcome, methodProxy } from "./remote-ref.ts";
import type { Endpoint } from "./wire/iris.ts";

export interface ActorPoolOptions {
  /** Name that the members serve. */
  readonly name: string;
  readonly source: MemberSource;
  readonly connections: ConnectionCache;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** How long a call waits while every known member is dead. Unit: ms. Default 5 000: the longest pause of a reconnection. */
  readonly patienceMs?: number | undefined;
  /** Called once, when the pool has been closed. */
  readonly onClose?: (() => void) | undefined;
}

export interface PoolCallOptions extends CallOptions {
  /**
   * Who takes the call: the next in turn (default), who has the fewest unanswered calls of this pool, or always the same
   * member for the same key as long as it is there.
   */
  route?: Route | undefined;
}

/** One member's part of a broadcast. */
export type BroadcastResult<R> =
  | { readonly endpoint: Endpoint; readonly ok: true; readonly value: R }
  | { readonly endpoint: Endpoint; readonly ok: false; readonly error: Error };

/** `T` as called at every member at once. Methods that stream fail: there is no one stream of many. */
export type Broadcast<T> = {
  readonly [K in MethodNames<T>]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<BroadcastResult<Awaited<R>>[]>
    : never;
};

/** One member, to be called by itself. */
export interface PoolMember<T> {
  readonly endpoint: Endpoint;
  /** False when it is known to be dead or was not dialled yet. */
  readonly isUp: boolean;
  /** Its calls that are unanswered, of this pool. */
  readonly outstanding: number;
  /** Calls this member and no other; fails at once with `UNAVAILABLE` if it is known to be dead, or has left. */
  call(options?: CallOptions): Remote<T>;
  /** False if it is not up. */
  tell(options?: TellOptions): Tell<T>;
}

const PATIENCE_MS = 5_000;

export class ActorPool<T> implements AsyncDisposable {
  readonly name: string;
  readonly #source: MemberSource;
  readonly #connections: ConnectionCache;
  readonly #clock: Clock;
  readonly #onClose: () => void;
  readonly #unsubscribe: () => void;
  readonly #members = new Map<string, Member>();
  readonly #listeners = new Set<() => void>();
  readonly #view: PoolView;
  #list: readonly Member[] = [];
  #turn = 0;
  #keys = 0;
  #isClosed = false;
  #failure: IrisError | undefined;

  constructor(options: ActorPoolOptions) {
    this.name = options.name;
    this.#source = options.source;
    this.#connections = options.connections;
    this.#clock = options.clock ?? systemClock;
    this.#onClose = options.onClose ?? (() => {});
    const pool = this;
    const { random = systemRandom } = options;
    let node: string | undefined; // made with the first key: most pools need none
    this.#view = {
      name: this.name,
      clock: this.#clock,
      patienceMs: options.patienceMs ?? PATIENCE_MS,
      get isClosed() {
        return pool.#isClosed;
      },
      get failure() {
        return pool.#failure;
      },
      members: () => this.#list,
      nextTurn: () => this.#turn++,
      newKey: () => {
        node ??= opaqueId(random, 22);
        return `${node}.${this.#keys++}`;
      },
      onChange: (fn) => this.onChange(fn),
    };
    this.#unsubscribe = this.#source.subscribe((endpoints) => this.#update(endpoints));
    this.#update(this.#source.current());
  }

  /** How many members are known, dead ones included until whoever names them takes them away. */
  get size(): number {
    return this.#list.length;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#list.map((member) => member.endpoint);
  }

  /**
   * Resolves once at least `n` members are known. Rejects with `DEADLINE_EXCEEDED` after `timeoutMs`, telling how many
   * there are; with `CANCELLED` when `signal` aborts or the pool is closed.
   */
  async waitForSize(n: number, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    if (!Number.isSafeInteger(n) || n < 0) throw new IrisError("INVALID_ARGUMENT", `${n} is no number of members`);
    const { deadlineAt, signal } = callTerms(options, this.#clock);
    const what = `waiting for ${n} members of pool "${this.name}"`;
    while (this.size < n) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isClosed) throw new IrisError("CANCELLED", `${what}: the pool was closed`);
      if (signal?.aborted) throw new IrisError("CANCELLED", `${what} was cancelled`, { cause: signal.reason });
      if (deadlineAt !== undefined && this.#clock.now() >= deadlineAt) {
        throw new IrisError("DEADLINE_EXCEEDED", `${what}: there are ${this.size} of ${n} and the time is over`);
      }
      await this.#change(deadlineAt, signal);
    }
  }

  /**
   * The members' methods, each call going to one member. While there is none it waits for one, until its deadline if it
   * has one. Failures that cannot have run are tried at another member; others only with `idempotent: true`, and then a
   * member that has run it already answers from memory (for a minute; streams begin again). A member that fails three
   * times in a row is asked only when there is no other, for 1 s, then for twice as long after each failed trial.
   */
  call(options: PoolCallOptions = {}): Remote<T> {
    return this.#proxy(this.#view, options, options.route ?? "roundRobin") as Remote<T>;
  }

  /**
   * The members' methods, each call going to all who are members now; resolves with one result for each, in the order of
   * `endpoints`. It never rejects because of a member: a dead one is a result with its error.
   */
  broadcast(options: CallOptions = {}): Broadcast<T> {
    const terms = callTerms(options, this.#clock);
    return methodProxy(async (method, args) => {
      const payload = encodeArguments(args);
      if (this.#isClosed) throw this.#closedError();
      return Promise.all(
        this.#list.map(async (member): Promise<BroadcastResult<unknown>> => {
          const { endpoint } = member;
          try {
            const request = { method, payload, terms, route: "roundRobin" as const };
            return { endpoint, ok: true, value: await callThrough(this.#viewOf(member), request) };
          } catch (error) {
            return { endpoint, ok: false, error: error as Error };
          }
        }),
      );
    }) as Broadcast<T>;
  }

  /** The members one by one, for those who place work themselves. */
  members(): PoolMember<T>[] {
    return this.#list.map((member) => {
      const view = this.#viewOf(member);
      return {
        get endpoint() {
          return member.endpoint;
        },
        get isUp() {
          return member.health.at === "up";
        },
        get outstanding() {
          return member.outstanding;
        },
        call: (options = {}) => this.#proxy(view, options, "roundRobin") as Remote<T>,
        tell: () =>
          methodProxy((method, args) => {
            if (this.#isClosed || member.health.at !== "up") return false;
            try {
              return member.open().tell(member.endpoint.name, method, encodeArguments(args));
            } catch {
              return false; // as with any tell: what cannot be sent is refused
            }
          }) as Tell<T>,
      };
    });
  }

  /**
   * No new calls; those that wait for a member fail with `CANCELLED`, those that were sent get their answers. Connections
   * that no other pool uses close after that. Safe to call twice.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsubscribe();
    this.#source.close();
    for (const member of this.#list) member.leave();
    this.#members.clear();
    this.#list = [];
    this.#changed();
    this.#onClose();
  }

  /** Closes it because nobody can tell its members any more: calls that wait, and later ones, fail with `error`. */
  fail(error: IrisError): Promise<void> {
    if (!this.#isClosed) this.#failure = error;
    return this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #proxy(view: PoolView, options: CallOptions, route: Route): unknown {
    const terms = callTerms(options, this.#clock);
    return methodProxy((method, args) => {
      try {
        if (this.#isClosed) throw this.#closedError();
        return callThrough(view, { method, payload: encodeArguments(args), terms, route });
      } catch (error) {
        return failedOutcome(error);
      }
    });
  }

  /** The pool as if this were its one member, with no patience: whoever asks for a member wants that one or an error. */
  #viewOf(member: Member): PoolView {
    const view = this.#view;
    return {
      name: this.name,
      clock: this.#clock,
      patienceMs: 0,
      get isClosed() {
        return view.isClosed;
      },
      get failure() {
        return view.failure;
      },
      members: () => [member],
      nextTurn: () => 0,
      newKey: () => view.newKey(),
      onChange: (fn) => this.onChange(fn),
    };
  }

  #update(endpoints: readonly Endpoint[]): void {
    const named = new Map(endpoints.map((endpoint) => [endpoint.endpointId, endpoint]));
    for (const [id, member] of this.#members) {
      const endpoint = named.get(id);
      const { address, token } = member.endpoint;
      if (endpoint?.address === address && endpoint.token === token) {
        member.endpoint = endpoint; // what its owner says about it may have changed
      } else {
        this.#members.delete(id);
        member.leave();
      }
    }
    for (const [id, endpoint] of named) {
      if (this.#members.has(id)) continue;
      this.#members.set(id, new Member(endpoint, this.#connections, () => this.#changed()));
    }
    this.#list = [...named.keys()].flatMap((id) => this.#members.get(id) ?? []);
    this.#changed();
  }

  /** Calls `fn` whenever members come, go, or change their health, and when the pool closes; until what it gives is called. */
  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Resolves at the next change, at `untilAt`, or when `signal` aborts. */
  #change(untilAt: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        forget();
        if (timer !== undefined) this.#clock.clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const forget = this.onChange(done);
      const timer =
        untilAt === undefined ? undefined : this.#clock.setTimeout(done, Math.max(0, untilAt - this.#clock.now()));
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  #closedError(): IrisError {
    return this.#failure ?? new IrisError("CANCELLED", `pool "${this.name}" is closed`);
  }
}
