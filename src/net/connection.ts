import type { IrisError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { Random } from "../runtime/ports/random.ts";
import type { Channel, ChannelCallOptions, Outcome, Payload, Peer, Targets } from "./channel.ts";
import type { SessionLimits } from "./limits.ts";
import type { Transport } from "./transport.ts";

export interface ConnectionOptions {
  readonly address: string;
  readonly transport: Transport;
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
  readonly targets?: Targets | undefined;
  readonly limits?: Partial<SessionLimits> | undefined;
}

export declare class Connection implements Channel, AsyncDisposable {
  constructor(options: ConnectionOptions);
  readonly address: string;
  readonly isUp: boolean;
  ready(options?: { timeoutMs?: number | undefined; signal?: AbortSignal | undefined }): Promise<void>;
  onUp(fn: (peer: Peer) => void): () => void;
  onDown(fn: (error: IrisError) => void): () => void;
  call(target: string, method: string, payload: Payload, options?: ChannelCallOptions): Outcome;
  tell(target: string, method: string, payload: Payload): boolean;
  close(options?: { graceMs?: number | undefined }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
