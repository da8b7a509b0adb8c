import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../runtime/ports/clock.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { Random } from "../runtime/ports/random.ts";
import type { Identity, Peer, Targets } from "./channel.ts";
import type { SessionLimits } from "./limits.ts";
import type { Transport } from "./transport.ts";

export interface SessionListenerOptions {
  readonly transport: Transport;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly authenticate: (token: string, address: string) => Identity | Promise<Identity>;
  readonly targets: Targets;
  readonly onPeer?: ((peer: Peer) => void) | undefined;
  readonly onHttp?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
}

export declare class SessionListener implements AsyncDisposable {
  private constructor();
  static listen(options: SessionListenerOptions): Promise<SessionListener>;
  readonly host: string;
  readonly port: number;
  readonly address: string;
  stop(options?: { graceMs?: number | undefined }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
