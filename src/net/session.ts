/**
 * One conversation over one link: hello, then calls both ways, until it is closed. It reads frames, checks them against
 * the state, and hands them to those who know: calls made here, calls made there, watches. It does not reconnect and
 * does not retry. The one invariant: whatever arrives, at worst this session closes, and then nothing of it is left.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import type { ExitReason } from "../runtime/exit.ts";
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../runtime/ports/logger.ts";
import type { Channel, ChannelCallOptions, Identity, Outcome, Payload, Peer, Targets } from "./channel.ts";
import { type DeadlineOwner, Deadlines } from "./deadlines.ts";
import { errorToInfo, infoToError } from "./fault.ts";
import { decodeFrame, encodeFrame, type FrameKind, type Said } from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { InboundCalls } from "./inbound-calls.ts";
import type { SessionLimits } from "./limits.ts";
import { OutboundCalls, refusedCall } from "./outbound-calls.ts";
import { Outbox } from "./outbox.ts";
import { type Latency, Poller } from "./poller.ts";
import { ROUTES_FEATURE } from "./routes.ts";
import { SESSION_TABLE, type SessionAction, type SessionEvent, type SessionState } from "./session.machine.ts";
import type { Link } from "./transport.ts";
import { Watches } from "./watches.ts";
import type { Hello } from "./wire/iris.ts";

/** Version of the protocol that is spoken here; both ends must speak the same. */
export const PROTOCOL_VERSION = 1;

/** Which end this is: the dialler proves who it is, the listener checks. */
export type SessionRole =
  | { readonly end: "dialler"; readonly token: string }
  | {
      readonly end: "listener";
      /** Who the holder of the token is. Throws `UNAUTHENTICATED`. */
      readonly authenticate: (token: string, address: string) => Identity | Promise<Identity>;
    };

export interface SessionOptions {
  readonly link: Link;
  readonly role: SessionRole;
  /** Random name of this end. */
  readonly node: string;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly logger?: Logger | undefined;
  /** Whether stacks of errors are sent to the other end. Default false. */
  readonly stacks?: boolean | undefined;
  /** Whether the loop is kept awake while the other end is expected to speak. Default `normal`. */
  readonly latency?: Latency | undefined;
  /** Hello is done: calls can be made. */
  readonly onOpen?: ((peer: Peer) => void) | undefined;
  /** It is over, said once. Why: `UNAUTHENTICATED` and `VERSION_MISMATCH` are final, others are not. */
  readonly onClosed?: ((why: IrisError) => void) | undefined;
}

/** Who the listener is, to a dialler: it proved nothing but that it knows the way. */
const UNPROVED: Identity = Object.freeze({ kind: "anonymous", namespace: "default" });

export class Session implements Channel {
  readonly address: string;
  readonly #o: SessionOptions;
  readonly #logger: Logger;
  readonly #outbox: Outbox;
  readonly #reader = new FrameReader();
  readonly #deadlines: Deadlines;
  readonly #poller: Poller | undefined;
  readonly #outbound: OutboundCalls;
  readonly #inbound: InboundCalls;
  readonly #watches: Watches;
  readonly #closed = new AbortController();
  readonly #over = Promise.withResolvers<void>();
  #state: SessionState = SESSION_TABLE.initial;
  #peer: Peer;
  #hello: Hello | undefined;
  #why: IrisError | undefined;
  #helloTimer: TimerHandle;
  #keepAliveTimer: TimerHandle;
  #graceTimer: TimerHandle;
  #heard = false;
  #misses = 0;
  #nonce = 0;

  constructor(options: SessionOptions) {
    const { link, limits, clock, targets } = options;
    this.#o = options;
    this.address = link.remoteAddress;
    this.#logger = (options.logger ?? silentLogger).child({ peer: this.address });
    this.#peer = { identity: UNPROVED, address: this.address, channel: this, closed: this.#closed.signal };
    this.#outbox = new Outbox(link, limits, () => this.#happened("silent", this.#doesNotRead()));
    const onEnded = () => this.#checkIdle();
    this.#deadlines = new Deadlines(clock, this.#deadlineOwner);
    const shared = {
      outbox: this.#outbox,
      clock,
      deadlines: this.#deadlines,
      limits,
      onEnded,
    };
    this.#outbound = new OutboundCalls({ ...shared, address: this.address });
    this.#inbound = new InboundCalls({
      ...shared,
      logger: this.#logger,
      targets,
      peer: () => this.#peer,
      stacks: options.stacks ?? false,
    });
    // A caller waits for answers; a listener never knows when the next call comes.
    const isWanted = () => options.role.end === "listener" || this.#outbound.size > 0;
    this.#poller = options.latency === "low" ? new Poller(clock, isWanted) : undefined;
    this.#watches = new Watches(this.#outbox, limits, targets, this.#logger);
    this.#helloTimer = clock.setTimeout(() => {
      const message = `${this.address} did not complete its hello within ${limits.helloMs} ms`;
      this.#happened("helloTimedOut", new IrisError("UNAVAILABLE", message));
    }, limits.helloMs);
    link.attach({
      onMessage: (bytes) => this.#received(bytes),
      onDrain: () => this.#outbox.drained(),
      onClose: (error) => this.#happened("linkClosed", error ?? this.#linkClosed()),
    });
    if (options.role.end === "dialler") this.#sayHello(options.role.token);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The other end, as far as it has proved who it is. */
  get peer(): Peer {
    return this.#peer;
  }

  call(target: string, method: string, payload: Payload, options: ChannelCallOptions = {}): Outcome {
    if (this.#state === "open") {
      this.#poller?.poke();
      return this.#outbound.call(target, method, payload, options);
    }
    return refusedCall(`${target}.${method}`, this.#notOpen(`${target}.${method}`));
  }

  tell(target: string, method: string, payload: Payload): boolean {
    return this.#state === "open" && this.#outbound.tell(target, method, payload);
  }

  watch(target: string, fn: (reason: ExitReason) => void): () => void {
    if (this.#state === "open") return this.#watches.watch(target, fn);
    let wanted = true;
    queueMicrotask(() => wanted && fn({ kind: "lost", node: this.address }));
    return () => {
      wanted = false;
    };
  }

  /**
   * Says goodbye, lets calls in flight finish for at most `graceMs` (default 0), closes. Resolves when it is closed.
   * What then is still pending fails with `LOST`; what is still running is aborted.
   */
  stop(graceMs = 0): Promise<void> {
    const why = new IrisError("UNAVAILABLE", `the session with ${this.address} was closed at this end`);
    this.#happened("stop", why);
    if (this.#state === "leaving") {
      if (graceMs <= 0) this.#happened("graceOver", why);
      else this.#graceTimer ??= this.#o.clock.setTimeout(() => this.#happened("graceOver", why), graceMs);
      this.#checkIdle();
    }
    return this.#over.promise;
  }

  /** The one door into the machine. Events that a state does not take are late, and mean nothing any more. */
  #happened(event: SessionEvent, why?: IrisError): void {
    const step = SESSION_TABLE.step(this.#state, event, undefined);
    if (step === undefined) return;
    this.#state = step.state;
    this.#why ??= why;
    for (const action of step.actions) this.#actions[action as SessionAction]();
  }

  /** Calls made here have their ids for keys, calls made there the same below zero. */
  readonly #deadlineOwner: DeadlineOwner = {
    deadlineOf: (key) => (key > 0 ? this.#outbound.deadlineOf(key) : this.#inbound.deadlineOf(-key)),
    expire: (key) => (key > 0 ? this.#outbound.expire(key) : this.#inbound.expire(-key)),
  };

  readonly #actions: Readonly<Record<SessionAction, () => void>> = {
    authenticate: () => void this.#authenticate(this.#hello?.token ?? ""),
    sayHello: () => this.#sayHello(""),
    opened: () => {
      this.#o.clock.clearTimeout(this.#helloTimer);
      this.#keepAlive();
      if (this.#hello?.supports.includes(ROUTES_FEATURE)) this.#outbound.numberRoutes();
      this.#tellOwner(() => this.#o.onOpen?.(this.#peer));
    },
    sayGoodbye: () => {
      this.#inbound.refuse("this end is stopping");
      this.#outbox.put(encodeFrame("goodbye", { why: this.#why?.message ?? "" }));
    },
    peerLeaves: () => this.#logger.debug({}, "the other end is leaving"),
    sayWhy: () => {
      this.#outbox.put(encodeFrame("fault", { id: 0, error: errorToInfo(this.#why, { stacks: false }) }));
    },
    closeLink: () => {
      this.#outbox.flush(true);
      this.#o.link.close();
    },
    destroyLink: () => this.#o.link.destroy(),
    finish: () => this.#finish(this.#why ?? this.#linkClosed()),
  };

  #received(bytes: Uint8Array): void {
    this.#heard = true;
    const { limits } = this.#o;
    const greeting = this.#state === "greeting" || this.#state === "authenticating";
    const reader = this.#reader;
    if (!greeting) this.#poller?.poke(); // strangers keep no loop awake
    try {
      reader.open(bytes, greeting ? limits.helloBytes : limits.messageBytes, limits);
      for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
        if (this.#state === "closed") return;
        this.#take(kind);
      }
    } catch (error) {
      if (IrisError.is(error, "PROTOCOL_ERROR")) {
        this.#logger.warn({ error }, "closing a session that broke the protocol");
        this.#happened("breach", error);
      } else {
        this.#logger.error({ error }, "closing a session over an error of our own");
        this.#happened("breach", toIrisError(error));
      }
    } finally {
      reader.close();
    }
  }

  /** Nothing but the hello, or a refusal, is decoded before the hello is done. */
  #take(kind: FrameKind): void {
    if (this.#state === "open" || this.#state === "leaving" || this.#state === "left") {
      this.#handle(kind);
    } else if (this.#state === "greeting" && kind === "hello") {
      this.#greeted(decodeFrame({ kind, body: this.#reader.body }).body as Hello);
    } else if (this.#state === "greeting" && kind === "fault" && this.#o.role.end === "dialler") {
      this.#handle(kind);
    } else {
      throw new IrisError("PROTOCOL_ERROR", `${this.address} sent ${kind} before the hello was done`);
    }
  }

  #handle(kind: FrameKind): void {
    const reader = this.#reader;
    switch (kind) {
      case "call":
        this.#inbound.onCall(reader.readCall());
        break;
      case "tell":
        this.#inbound.onTell(reader.readTell());
        break;
      case "reply":
        this.#outbound.onReply(reader.readAnswer());
        break;
      case "cancel":
        this.#inbound.onCancel(reader.readNumber(1));
        break;
      case "streamItem":
        this.#outbound.onStreamItem(reader.readAnswer());
        break;
      case "streamEnd":
        this.#outbound.onStreamEnd(reader.readNumber(1));
        break;
      case "credit":
        this.#inbound.onCredit(reader.readNumber(1), reader.readNumber(2));
        break;
      default:
        this.#handleRare(decodeFrame({ kind, body: reader.body }));
    }
  }

  #handleRare(said: Said): void {
    switch (said.kind) {
      case "fault":
        if (said.body.id !== 0) this.#outbound.onFault(said.body);
        else this.#happened("refused", toIrisError(infoToError(said.body.error), "UNAVAILABLE"));
        break;
      case "watch":
        this.#watches.onWatch(said.body);
        break;
      case "down":
        this.#watches.onDown(said.body);
        break;
      case "ping":
        this.#outbox.put(encodeFrame("pong", { nonce: said.body.nonce }));
        break;
      case "pong":
        break; // that it came is what counts
      case "goodbye":
        // Owners tell by this whether the other end left on purpose or was cut off.
        this.#happened("goodbye", new IrisError("UNAVAILABLE", `${this.address} said goodbye: ${said.body.why}`));
        break;
      case "hello":
        throw new IrisError("PROTOCOL_ERROR", `${this.address} said hello twice`);
    }
  }

  #greeted(hello: Hello): void {
    if (hello.version !== PROTOCOL_VERSION) {
      const message = `${this.address} speaks version ${hello.version} of the protocol, this end version ${PROTOCOL_VERSION}; install the same version of iris at both`;
      this.#happened("denied", new IrisError("VERSION_MISMATCH", message));
      return;
    }
    this.#hello = hello;
    this.#happened(this.#o.role.end === "dialler" ? "welcome" : "credentials");
  }

  async #authenticate(token: string): Promise<void> {
    if (this.#o.role.end !== "listener") return;
    try {
      const identity = await this.#o.role.authenticate(token, this.address);
      this.#peer = { ...this.#peer, identity };
      this.#happened("accepted");
    } catch (error) {
      // What went wrong inside an authenticator is nothing that a stranger should read.
      if (!IrisError.is(error)) this.#logger.error({ error }, "the authenticator failed");
      this.#happened("denied", IrisError.is(error) ? error : new IrisError("INTERNAL", "authentication failed"));
    }
  }

  #sayHello(token: string): void {
    const supports = [ROUTES_FEATURE];
    this.#outbox.put(encodeFrame("hello", { version: PROTOCOL_VERSION, token, supports, node: this.#o.node }));
  }

  /**
   * Counts in turns of the timer, not by the wall: a loop that stood still misses one turn, not all. It asks in every
   * turn, heard or not, so that the interval in which the other end fell silent is one of those that count.
   */
  #keepAlive(): void {
    const { clock, limits } = this.#o;
    this.#keepAliveTimer = clock.setTimeout(() => {
      if (this.#heard) this.#misses = 0;
      else if (++this.#misses >= Math.max(1, limits.keepAliveMisses - 1)) {
        const message = `${this.address} has given no sign of life for ${this.#misses} to ${this.#misses + 1} × ${limits.keepAliveEveryMs} ms`;
        this.#happened("silent", new IrisError("LOST", message));
        return;
      }
      this.#outbox.put(encodeFrame("ping", { nonce: this.#nonce++ >>> 0 }));
      this.#heard = false;
      this.#keepAlive();
    }, limits.keepAliveEveryMs);
  }

  #checkIdle(): void {
    if (this.#state === "leaving" && this.#inbound.size === 0 && this.#outbound.size === 0) this.#happened("idle");
  }

  #finish(why: IrisError): void {
    const { clock, onClosed } = this.#o;
    for (const timer of [this.#helloTimer, this.#keepAliveTimer, this.#graceTimer]) {
      if (timer !== undefined) clock.clearTimeout(timer);
    }
    this.#outbound.failAll(`the session with ${this.address} ended`, why);
    this.#outbox.close();
    this.#inbound.abortAll(new IrisError("CANCELLED", `the caller's session ended: ${why.message}`, { cause: why }));
    this.#deadlines.close();
    this.#poller?.stop();
    this.#watches.loseAll(this.address);
    this.#closed.abort(why);
    this.#over.resolve();
    this.#tellOwner(() => onClosed?.(why));
  }

  /** What the owner does wrong when it is told something is no reason to end a session half-way. */
  #tellOwner(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#logger.error({ error }, "a listener of a session threw");
    }
  }

  #notOpen(what: string): IrisError {
    const states = {
      greeting: "is not open yet",
      authenticating: "is not open yet",
      leaving: "is stopping",
      left: "is stopping at the other end",
    };
    const how = this.#state === "closed" || this.#state === "open" ? "is closed" : states[this.#state];
    return new IrisError("UNAVAILABLE", `${what} was not sent: the session with ${this.address} ${how}`, {
      cause: this.#why,
    });
  }

  #linkClosed(): IrisError {
    return new IrisError("LOST", `${this.address} closed the link`);
  }

  #doesNotRead(): IrisError {
    const message = `${this.address} does not read: ${this.#outbox.queuedBytes} bytes are waiting, at most ${this.#o.limits.queueBytesFinal} may`;
    return new IrisError("RESOURCE_EXHAUSTED", message);
  }
}
