/**
 * The seam between a session and what carries its bytes. A `Link` is one open, ordered, message-preserving way to one
 * peer; a `Transport` makes links. Nothing here knows of frames. The one invariant: messages arrive whole, in the order
 * they were sent, and none arrives after `onClose`.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { IrisError } from "../runtime/errors.ts";

/** What a link tells its user. Called on an empty stack, one at a time. */
export interface LinkHandler {
  /** One message. The bytes are the handler's own from now on. */
  onMessage(bytes: Uint8Array): void;
  /** `send` returned false earlier; what it held back has left, and there is room again. */
  onDrain(): void;
  /** The link is over, said once. With an error when it broke, without one when either end closed it on purpose. */
  onClose(error?: IrisError): void;
}

/** One open way to one peer. */
export interface Link {
  /** Network address of the other end, for logs. */
  readonly remoteAddress: string;
  /** Hands over what listens. Messages that came before are kept and delivered then. Called once. */
  attach(handler: LinkHandler): void;
  /**
   * Sends one message. False means: taken, but more than the high-water mark is waiting, so send nothing more until
   * `onDrain`. On a closed link it does nothing and returns false.
   */
  send(bytes: Uint8Array): boolean;
  /** Sends `head` and `tail` as one message, as `send` does, copying neither. Left out by links that cannot. */
  sendParts?(head: Uint8Array, tail: Uint8Array): boolean;
  /**
   * Bytes of what was sent that the link still refers to. While it is 0 the sender may write over them. A link without it
   * keeps what it is given. Unit: bytes.
   */
  readonly keptBytes?: number;
  /**
   * Whether the event loop turns before anything sent can be answered. Then what is said in one tick may leave at its end;
   * without it the sender waits for the loop to turn, or two ends in one process would never let it.
   */
  readonly turnsLoop?: boolean;
  /** Ends the link after what was sent. Safe to call twice. */
  close(): void;
  /** Ends the link now, dropping what has not left. Safe to call twice. */
  destroy(): void;
}

export interface DialOptions {
  /** Aborting gives up the attempt: the promise rejects with `CANCELLED`. */
  readonly signal?: AbortSignal | undefined;
}

export interface ListenOptions {
  /** Interface to bind. Default 127.0.0.1: nobody is on the network by accident. */
  readonly host?: string | undefined;
  /** TCP port, 0 (the default) for any free one. */
  readonly port?: number | undefined;
  /** Path that links are taken at, such as `/rpc`. Default `/`. */
  readonly path?: string | undefined;
  /**
   * Origins of pages whose browsers may dial, such as `https://app.example`, besides this server's own; `*` for all.
   * Default: none. Programs, which name no origin, are not asked. Transports without browsers ignore it.
   */
  readonly origins?: readonly string[] | undefined;
  /** A peer has dialled. Attach to the link before returning. */
  readonly onLink: (link: Link) => void;
  /** What else is asked on the same port; 404 without it. Transports without HTTP ignore it. */
  readonly onHttp?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
}

export interface TransportListener {
  /** Host that peers can dial. */
  readonly host: string;
  readonly port: number;
  /** What peers dial: `ws://host:port/path`. */
  readonly address: string;
  /** Takes no more links, destroys those that nobody has closed, resolves when all are gone. Safe to call twice. */
  close(): Promise<void>;
}

/** Makes links, one way or the other. */
export interface Transport {
  /** Opens a link to `address`. Rejects with `UNAVAILABLE` naming the address, `INVALID_ARGUMENT`, or `CANCELLED`. */
  dial(address: string, options?: DialOptions): Promise<Link>;
  /** Takes links. Rejects with `ALREADY_EXISTS` when the port is taken, `PERMISSION_DENIED` when it may not be. */
  listen(options: ListenOptions): Promise<TransportListener>;
}
