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
import type { Identity, Peer, Targets } from "./channel.ts";
import { type SessionLimits, sessionLimits } from "./limits.ts";
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
  readonly targets: Targets;
  /** A peer has proved who it is; `peer.closed` aborts when it is gone. */
  readonly onPeer?: ((peer: Peer) => void) | undefined;
  /** What else is asked over HTTP on the same port. */
  readonly onHttp?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
  /** Whether the stacks of errors are sent to peers. Default false: they show paths and code. */
  readonly stacks?: boolean | undefined;
}

export class SessionListener implements AsyncDisposable {
  readonly #o: SessionListenerOptions;
  readonly #limits: SessionLimits;
  readonly #logger: Logger;
  readonly #node: string;
  readonly #sessions = new Set<Session>();
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
    const { transport, host, port, path, onHttp } = options;
    listener.#listener = await transport.listen({ host, port, path, onHttp, onLink: (link) => listener.#take(link) });
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
    if (this.#stopping !== undefined || this.#sessions.size >= this.#limits.sessions) {
      if (this.#stopping === undefined) {
        this.#logger.warn(
          { peer: link.remoteAddress, sessions: this.#limits.sessions },
          "no room for one more session",
        );
      }
      link.destroy();
      return;
    }
    const { authenticate, targets, clock, onPeer, stacks } = this.#o;
    const session: Session = new Session({
      link,
      role: { end: "listener", authenticate },
      node: this.#node,
      targets,
      clock,
      limits: this.#limits,
      logger: this.#logger,
      stacks,
      onOpen: onPeer,
      onClosed: (why) => {
        this.#sessions.delete(session);
        this.#logger.debug({ peer: link.remoteAddress, why: why.message }, "a session ended");
      },
    });
    this.#sessions.add(session);
  }
}
