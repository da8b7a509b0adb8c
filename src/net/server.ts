/**
 * Serves actors of this process to others, by name. Inside a job it registers them with the controller by itself. It is
 * the door, not the actors: plain objects become actors of its own system and end with it, references that are handed in
 * live on. The one invariant: what can be reached here has been registered here; nobody else's names are looked up.
 */
import { outsideCalls } from "../runtime/context.ts";
import { IrisError } from "../runtime/errors.ts";
import { opaqueId } from "../runtime/ids.ts";
import { type Clock, systemClock } from "../runtime/ports/clock.ts";
import { type Environment, processEnvironment } from "../runtime/ports/environment.ts";
import { type Logger, silentLogger } from "../runtime/ports/logger.ts";
import { type Random, systemRandom } from "../runtime/ports/random.ts";
import type { ActorRef, AnyRef } from "../runtime/ref.ts";
import { ActorSystem } from "../runtime/system.ts";
import type { Identity, Target } from "./channel.ts";
import { Connection } from "./connection.ts";
import { type SessionLimits, sessionLimits } from "./limits.ts";
import type { Latency } from "./poller.ts";
import { EndpointRegistrar } from "./registrar.ts";
import { hostAndPort } from "./resolver-address.ts";
import { Access, DeniedTarget, type Grants } from "./server-access.ts";
import { planServer, type ServerPlan, type ServerPlanOptions } from "./server-plan.ts";
import { RecentResults } from "./server-results.ts";
import { ActorTarget } from "./server-target.ts";
import { SessionListener } from "./session-listener.ts";
import { userToken } from "./token.ts";
import type { Transport } from "./transport.ts";
import { type WsTransportOptions, wsTransport } from "./transport-ws.ts";
import type { Endpoint } from "./wire/iris.ts";

/** Key and certificate to serve `wss:` with, as Node's `tls` takes them. */
export type TlsOptions = NonNullable<WsTransportOptions["tls"]>;

export interface ActorServerOptions extends ServerPlanOptions {
  readonly tls?: TlsOptions | undefined;
  /**
   * Tokens, beside the server's own, that may call some names only: `{ [token]: ["calculator"] }`. Anything else that
   * their holders call is `PERMISSION_DENIED`, whether there is such a name or not.
   */
  readonly grants?: Grants | undefined;
  /**
   * Origins of pages whose browsers may connect, such as `https://app.example`, besides the server's own; `*` for all.
   * Default: none. Programs, which name no origin, need none.
   */
  readonly origins?: readonly string[] | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
  /** `low` keeps the loop awake for a millisecond after each message: quicker answers for a busy core. Default `normal`. */
  readonly latency?: Latency | undefined;
  /** Whether callers get the stacks of errors. They show paths and code. Default false. */
  readonly stacks?: boolean | undefined;
}

/** What a server needs from outside; what is not given is the system's. */
export interface ActorServerPorts {
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger?: Logger | undefined;
  readonly environment?: Environment | undefined;
}

/** Time that calls get to finish when a server stops. Unit: ms. As an actor's own grace. */
const STOP_GRACE_MS = 5_000;
/** Longest name: it stands in every call. */
const NAME_CHARS_MAX = 255;

type State =
  | { readonly at: "idle" }
  | { readonly at: "opening"; readonly listener: Promise<SessionListener> }
  | { readonly at: "listening"; readonly listener: SessionListener; readonly address: string }
  | { readonly at: "stopping"; readonly done: Promise<void> };

interface Registration {
  readonly target: ActorTarget;
  readonly ref: AnyRef;
  /** What was registered: an object, or a reference. */
  readonly actor: object;
  /** Made into an actor here, so it ends with its registration. */
  readonly isHosted: boolean;
  endpointId: string | undefined;
}

export class ActorServer implements AsyncDisposable {
  readonly #options: ActorServerOptions;
  readonly #plan: ServerPlan;
  readonly #access: Access;
  readonly #results: RecentResults;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #registrations = new Map<string, Registration>();
  readonly #stopped = Promise.withResolvers<void>();
  #state: State = { at: "idle" };
  #system: ActorSystem | undefined;
  #controller: { readonly connection: Connection; readonly registrar: EndpointRegistrar } | undefined;

  /**
   * Opens nothing yet. Throws `INVALID_ARGUMENT` for options, `RangeError` for limits that make no sense, and what
   * `userToken` throws when the user's own token is needed and cannot be had.
   */
  constructor(options: ActorServerOptions = {}, ports: ActorServerPorts = {}) {
    const { environment = processEnvironment } = ports;
    sessionLimits(options.limits);
    this.#options = options;
    this.#transport = ports.transport ?? wsTransport({ messageBytes: options.limits?.messageBytes, tls: options.tls });
    this.#clock = ports.clock ?? systemClock;
    this.#random = ports.random ?? systemRandom;
    this.#logger = ports.logger ?? silentLogger;
    const mint = () => opaqueId(this.#random, 32);
    this.#plan = planServer(options, environment, mint, () => userToken(environment));
    this.#access = new Access(this.#plan.accepted, options.grants);
    this.#results = new RecentResults(this.#clock);
  }

  /** Where callers find it, such as `ws://127.0.0.1:41234`. Throws `FAILED_PRECONDITION` while it does not listen. */
  get address(): string {
    if (this.#state.at === "listening") return this.#state.address;
    throw new IrisError("FAILED_PRECONDITION", "the server has no address: it is not listening; await listen() first");
  }

  /**
   * Serves `actor` as `name`: an instance of any class, or a reference to an actor that lives already. Begins to listen
   * if need be. Inside a job, or with a controller, it resolves once others can look the name up. An actor that ends takes
   * its name with it. Rejects with `ALREADY_EXISTS` for a name in use here, `INVALID_ARGUMENT`, what `listen` rejects
   * with, or `UNAVAILABLE` when the controller is not reached within 30 s; then nothing is registered.
   */
  async register<T extends object>(
    name: string,
    actor: T | ActorRef<T>,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<Endpoint> {
    this.#checkRegistration(name, actor, metadata);
    const registration = this.#take(name, actor);
    try {
      await this.listen();
      const { address } = this;
      const endpoint = await this.#announce(name, address, metadata);
      registration.endpointId = endpoint.endpointId;
      if (this.#registrations.get(name) === registration) return endpoint;
      await this.#withdraw(registration); // it ended, or was taken back, while the controller was asked
      throw new IrisError("CANCELLED", `registering "${name}": it was unregistered, or its actor ended, meanwhile`);
    } catch (error) {
      await this.#drop(name, registration, 0);
      throw error;
    }
  }

  /**
   * Serves the name no more; calls that are running finish. An actor that was made here for it is stopped. A name that is
   * not registered is fine. Rejects with `UNAVAILABLE` when the controller is not reached; its lease ends it then.
   */
  async unregister(name: string): Promise<void> {
    const registration = this.#registrations.get(name);
    if (registration === undefined) return;
    this.#registrations.delete(name);
    try {
      await this.#withdraw(registration);
    } finally {
      await this.#drop(name, registration, STOP_GRACE_MS);
    }
  }

  /**
   * Takes callers, in the background. Resolves when it does. Rejects with `ALREADY_EXISTS` naming the port if that is
   * taken, `FAILED_PRECONDITION` after `stop`.
   */
  async listen(): Promise<this> {
    if (this.#state.at === "stopping")
      throw new IrisError("FAILED_PRECONDITION", "the server was stopped; make a new one");
    if (this.#state.at === "idle") this.#state = { at: "opening", listener: outsideCalls(() => this.#open()) };
    if (this.#state.at !== "opening") return this;
    const opening = this.#state;
    try {
      const listener = await opening.listener;
      if (this.#state === opening) this.#state = { at: "listening", listener, address: this.#addressOf(listener) };
    } catch (error) {
      if (this.#state === opening) this.#state = { at: "idle" };
      throw error;
    }
    return this.listen(); // stopped meanwhile, perhaps
  }

  /** Listens, and resolves when the server has been stopped. */
  async serve(): Promise<void> {
    await this.listen();
    await this.#stopped.promise;
  }

  /**
   * Takes no new calls and takes the names back, lets running calls finish for at most `graceMs` (default 5 000), says
   * goodbye, frees the port, and stops the actors that were made here, which get `graceMs` too. Never rejects. Safe to
   * call twice.
   */
  stop(options: { graceMs?: number } = {}): Promise<void> {
    if (this.#state.at !== "stopping") {
      // Not before the state says so: whatever is under way must see that it is too late.
      const before = this.#state;
      const done = Promise.resolve().then(() => this.#stop(before, options.graceMs ?? STOP_GRACE_MS));
      this.#state = { at: "stopping", done };
    }
    return this.#state.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #open(): Promise<SessionListener> {
    const { host, port } = this.#plan;
    const { limits, stacks, origins, latency } = this.#options;
    return SessionListener.listen({
      transport: this.#transport,
      host,
      port,
      origins,
      authenticate: (token) => this.#access.identify(token),
      targets: (name, identity) => this.#targetFor(name, identity),
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
      limits,
      latency,
      stacks,
    });
  }

  async #stop(before: State, graceMs: number): Promise<void> {
    const listener = before.at === "opening" ? await before.listener.catch(() => undefined) : undefined;
    const open = before.at === "listening" ? before.listener : listener;
    await Promise.all([open?.stop({ graceMs }), this.#controller?.registrar.close()]);
    await this.#controller?.connection.close();
    this.#results.clear(new IrisError("CANCELLED", "the server was stopped"));
    this.#registrations.clear();
    await this.#system?.stop({ timeoutMs: graceMs });
    this.#stopped.resolve();
  }

  #targetFor(name: string, identity: Identity): Target | undefined {
    if (!this.#access.mayCall(identity, name)) return new DeniedTarget(name);
    return this.#registrations.get(name)?.target;
  }

  #addressOf(listener: SessionListener): string {
    const { advertiseHost } = this.#plan;
    if (advertiseHost === undefined) return listener.address;
    const scheme = listener.address.slice(0, listener.address.indexOf("://"));
    return `${scheme}://${hostAndPort(advertiseHost, listener.port)}`;
  }

  #take(name: string, actor: object): Registration {
    const isHosted = !isRef(actor);
    const ref: AnyRef = isHosted ? this.#host(name, actor) : actor;
    const target = new ActorTarget(name, ref, this.#clock, this.#results);
    const registration: Registration = { target, ref, actor, isHosted, endpointId: undefined };
    this.#registrations.set(name, registration);
    void ref.ended.then(() => this.#onEnded(name, registration));
    return registration;
  }

  #host(name: string, instance: object): AnyRef {
    const ports = { clock: this.#clock, random: this.#random, logger: this.#logger };
    this.#system ??= new ActorSystem({ name: "server", ...ports });
    // A name here may hold what a path may not, and a name that was taken back may be used again at once.
    return this.#system.host(instance, {
      name: `${name.replaceAll(/[^A-Za-z0-9._-]/g, "-")}-${opaqueId(this.#random, 8)}`,
    });
  }

  #onEnded(name: string, registration: Registration): void {
    if (this.#registrations.get(name) !== registration) return;
    this.#registrations.delete(name);
    this.#withdraw(registration).catch((error: unknown) => {
      this.#logger.warn({ error, name }, "the endpoint of an actor that ended was left to its lease");
    });
  }

  async #announce(name: string, address: string, metadata: Readonly<Record<string, string>>): Promise<Endpoint> {
    const { controller, registeredToken: token } = this.#plan;
    if (controller !== undefined) return this.#registrar(controller).register(name, address, metadata, token);
    const endpointId = opaqueId(this.#random, 16);
    return { endpointId, name, namespace: "default", address, metadata: { ...metadata }, token, taskId: "" };
  }

  #registrar({ address, token, namespace }: NonNullable<ServerPlan["controller"]>): EndpointRegistrar {
    this.#controller ??= outsideCalls(() => {
      const ports = { clock: this.#clock, random: this.#random, logger: this.#logger };
      const connection = new Connection({ address, token, transport: this.#transport, ...ports });
      return { connection, registrar: new EndpointRegistrar({ channel: connection, namespace, ...ports }) };
    });
    return this.#controller.registrar;
  }

  async #withdraw({ endpointId }: Registration): Promise<void> {
    if (endpointId !== undefined) await this.#controller?.registrar.unregister(endpointId);
  }

  /** Forgets a registration, and stops the actor if it was made here. */
  async #drop(name: string, registration: Registration, graceMs: number): Promise<void> {
    if (this.#registrations.get(name) === registration) this.#registrations.delete(name);
    if (registration.isHosted) await registration.ref.stop({ graceMs });
  }

  #checkRegistration(name: string, actor: unknown, metadata: Readonly<Record<string, string>>): void {
    if (this.#state.at === "stopping") {
      throw new IrisError("FAILED_PRECONDITION", `not registering "${name}": the server was stopped`);
    }
    if (typeof name !== "string" || name === "" || name.length > NAME_CHARS_MAX || /[\p{Cc}\s]/u.test(name)) {
      const rule = `1 to ${NAME_CHARS_MAX} characters, no spaces, no control characters`;
      throw new IrisError("INVALID_ARGUMENT", `${JSON.stringify(name)} is no name for an actor: ${rule}`);
    }
    if (typeof actor !== "object" || actor === null) {
      const what = typeof actor === "function" ? "a class or function" : String(actor);
      throw new IrisError("INVALID_ARGUMENT", `"${name}" is ${what}; register an instance, or a reference to an actor`);
    }
    const odd = Object.entries(metadata).find(([, value]) => typeof value !== "string");
    if (odd !== undefined) {
      throw new IrisError("INVALID_ARGUMENT", `metadata.${odd[0]} of "${name}" is not a string`);
    }
    if (this.#registrations.has(name)) {
      throw new IrisError("ALREADY_EXISTS", `"${name}" is registered at this server already; unregister it first`);
    }
    const [alias] = [...this.#registrations].find(([, known]) => known.isHosted && known.actor === actor) ?? [];
    if (alias !== undefined) {
      // Two mailboxes for one object would run two of its methods at once.
      const remedy = "make it an actor with system.host() and register the reference under both names";
      throw new IrisError("ALREADY_EXISTS", `the object is registered as "${alias}" already; ${remedy}`);
    }
  }
}

/** A reference has its actor's end; whatever a user's class looks like, it hardly has all four. */
function isRef(actor: object): actor is ActorRef<unknown> {
  const { path, call, tell, ended } = actor as Partial<Record<keyof ActorRef<unknown>, unknown>>;
  return (
    typeof path === "string" && typeof call === "function" && typeof tell === "function" && ended instanceof Promise
  );
}
