/**
 * Takes sessions at an address: each link that comes in says hello, proves who it is, and is a peer from then on. It
 * keeps the set of sessions and nothing else. The one invariant: when `stop` has resolved, no session is left.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { IrisError } from "../runtime/errors.ts";
import { opaqueId } from "../runtime/ids.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../runtime/ports/logger.ts";
import type { Random } from "../runtime/ports/random.ts";
import type { Identity, Peer, Target } from "./channel.ts";
import { type SessionLimits, sessionLimits } from "./limits.ts";
import type { Latency } from "./poller.ts";
import { Session } from "./session.ts";
import type { Link, Transport, TransportListener } from "./transport.ts";

export interface SessionListenerOptions {
  readonly transport: Transport;
  /** Interface to bind. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** TCP port; 0, the default, means any free one. */
  readonly port?: number | undefined;
  /** Path that sessions are taken at. Default `/`. */
  readonly path?: string | undefined;
  /**
   * Who the holder of a token is; `address` is for logs. Throws `UNAUTHENTICATED`, which the dialler is told and takes
   * as final. Anything else that is thrown is logged here, and the dialler learns only that it failed.
   */
  readonly authenticate: (token: string, address: string) => Identity | Promise<Identity>;
  /** What peers may call. */
  readonly targets: PeerTargets;
  /** A peer has proved who it is; `peer.closed` aborts when it is gone. */
  readonly onPeer?: ((peer: Peer) => void) | undefined;
  /** Origins of pages whose browsers may dial, besides this server's own; `*` for all. Default: none. */
  readonly origins?: readonly string[] | undefined;
  /** What else is asked over HTTP on the same port. */
  readonly onHttp?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
  /** Whether the stacks of errors are sent to peers. Default false: they show paths and code. */
  readonly stacks?: boolean | undefined;
  /** `low` keeps the loop awake for a millisecond after each message: quicker answers for a busy core. Default `normal`. */
  readonly latency?: Latency | undefined;
}

/** Looks targets up for one peer: who it is decides what it gets. `undefined` is answered with `NO_SUCH_ACTOR`. */
export type PeerTargets = (name: string, identity: Identity) => Target | undefined;

export class SessionListener implements AsyncDisposable {
  readonly #o: SessionListenerOptions;
  readonly #limits: SessionLimits;
  readonly #logger: Logger;
  readonly #node: string;
  readonly #sessions = new Set<Session>();
  /** How many of them each network address has; those that have none are not listed. */
  readonly #perAddress = new Map<string, number>();
  #listener: TransportListener | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(options: SessionListenerOptions) {
    this.#o = options;
    this.#limits = sessionLimits(options.limits);
    this.#logger = options.logger ?? silentLogger;
    this.#node = opaqueId(options.random, 16);
  }

  /** Resolves when sessions are taken. Rejects with `ALREADY_EXISTS` when the port is taken. */
  static async listen(options: SessionListenerOptions): Promise<SessionListener> {
    const listener = new SessionListener(options);
    const { transport, host, port, path, onHttp, origins } = options;
    const onLink = (link: Link) => listener.#take(link);
    listener.#listener = await transport.listen({ host, port, path, origins, onHttp, onLink });
    return listener;
  }

  get host(): string {
    return this.#bound.host;
  }

  get port(): number {
    return this.#bound.port;
  }

  /** What peers dial: `ws://host:port/path`. */
  get address(): string {
    return this.#bound.address;
  }

  /** Sessions at this moment, those that have not said hello included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /**
   * Says goodbye to every peer, lets calls in flight finish for at most `graceMs` (default 0: what is running is
   * aborted), then closes all sessions and frees the port. Safe to call twice.
   */
  stop(options: { graceMs?: number | undefined } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.graceMs ?? 0);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(graceMs: number): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.stop(graceMs)));
    await this.#bound.close();
  }

  get #bound(): TransportListener {
    if (this.#listener === undefined) throw new IrisError("FAILED_PRECONDITION", "not listening yet");
    return this.#listener;
  }

  #take(link: Link): void {
    const host = hostOf(link.remoteAddress);
    const room = this.#roomFor(host);
    if (room !== undefined) {
      if (this.#stopping === undefined) this.#logger.warn({ peer: link.remoteAddress }, room);
      link.destroy();
      return;
    }
    const { authenticate, targets, clock, onPeer, stacks, latency } = this.#o;
    const session: Session = new Session({
      link,
      role: { end: "listener", authenticate },
      node: this.#node,
      targets: (name) => targets(name, session.peer.identity),
      clock,
      limits: this.#limits,
      logger: this.#logger,
      stacks,
      latency,
      onOpen: onPeer,
      onClosed: (why) => {
        this.#sessions.delete(session);
        this.#count(host, -1);
        this.#logger.debug({ peer: link.remoteAddress, why: why.message }, "a session ended");
      },
    });
    this.#sessions.add(session);
    this.#count(host, 1);
  }

  /** Why one more session from there is not taken; `undefined` if it is. */
  #roomFor(host: string): string | undefined {
    const { sessions, sessionsPerAddress } = this.#limits;
    if (this.#stopping !== undefined) return "stopping";
    if (this.#sessions.size >= sessions)
      return `no room for one more session: there are ${sessions}, which is the most`;
    if ((this.#perAddress.get(host) ?? 0) < sessionsPerAddress) return undefined;
    return `no room for one more session from this address: it has ${sessionsPerAddress}, which is the most`;
  }

  #count(host: string, change: 1 | -1): void {
    const count = (this.#perAddress.get(host) ?? 0) + change;
    if (count === 0) this.#perAddress.delete(host);
    else this.#perAddress.set(host, count);
  }
}

/** Without the port, which is another for each link. */
function hostOf(remoteAddress: string): string {
  const at = remoteAddress.lastIndexOf(":");
  return at === -1 ? remoteAddress : remoteAddress.slice(0, at);
}
