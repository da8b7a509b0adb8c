/**
 * Links over WebSocket, binary messages only, uncompressed. The server side shares its port with plain HTTP. `ws` shakes
 * hands, reads and closes; messages are written here, each in one turn of the socket, a big payload where it lies. Knows
 * nothing of frames, and keeps no link longer than its socket. The one invariant is `Transport`'s: whole messages, in
 * order, none after `onClose`.
 *
 * The dialling end must mask (RFC 6455, 5.3), which guards proxies against pages that choose the bytes a browser sends.
 * No page chooses ours, so the mask is four zeros: it is there, every server takes it, and neither end touches a byte.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions } from "node:tls";
import { WebSocket, WebSocketServer } from "ws";
import { IrisError } from "../runtime/errors.ts";
import { DEFAULT_SESSION_LIMITS } from "./limits.ts";
import type { Link, LinkHandler, Transport, TransportListener } from "./transport.ts";
import { isOriginAllowed } from "./transport-origin.ts";

export interface WsTransportOptions {
  /** Largest message taken. Unit: bytes. Default 16 MiB; a larger one ends its link. */
  readonly messageBytes?: number | undefined;
  /** Waiting in one socket, from which on `send` says false. Unit: bytes. Default 1 MiB: a full pipe, no more. */
  readonly highWaterBytes?: number | undefined;
  /** Time to open a link. Unit: ms. Default 5 000. */
  readonly dialMs?: number | undefined;
  /** Time that a closing link has to deliver what was sent and to hear the other end agree. Unit: ms. Default 1 000. */
  readonly closeMs?: number | undefined;
  /** Whether a dialled link keeps the process alive. Default true; false for links that only serve what else goes on. */
  readonly keepsProcess?: boolean | undefined;
  /** Serves `wss:` with these keys, and dials `wss:` trusting `ca`. */
  readonly tls?: Pick<SecureContextOptions, "key" | "cert" | "ca"> | undefined;
}

const NOBODY_NAMED: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Makes links over WebSocket. Stateless: one may serve a whole process. */
export function wsTransport(options: WsTransportOptions = {}): Transport {
  const {
    messageBytes = DEFAULT_SESSION_LIMITS.messageBytes,
    highWaterBytes = 1024 * 1024,
    dialMs = 5_000,
    closeMs = 1_000,
    keepsProcess = true,
    tls,
  } = options;
  const common = {
    perMessageDeflate: false,
    maxPayload: messageBytes,
    closeTimeout: closeMs,
    allowSynchronousEvents: true,
  };

  return {
    dial(address, { signal } = {}) {
      return new Promise<Link>((resolve, reject) => {
        if (signal?.aborted) {
          reject(new IrisError("CANCELLED", `dialling ${address} was cancelled`, { cause: signal.reason }));
          return;
        }
        let socket: WebSocket;
        try {
          socket = new WebSocket(address, {
            ...common,
            handshakeTimeout: dialMs,
            ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
          });
        } catch (cause) {
          reject(new IrisError("INVALID_ARGUMENT", `"${address}" is no ws:// or wss:// address`, { cause }));
          return;
        }
        const onAbort = () => socket.terminate();
        const onError = (cause: Error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(
            signal?.aborted
              ? new IrisError("CANCELLED", `dialling ${address} was cancelled`, { cause: signal.reason })
              : new IrisError("UNAVAILABLE", `cannot reach ${address}: ${reasonOf(cause)}`, { cause }),
          );
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        socket.once("error", onError);
        let wire: Socket | undefined;
        socket.once("upgrade", (response) => {
          wire = response.socket;
          if (!keepsProcess) wire.unref();
        });
        socket.once("open", () => {
          signal?.removeEventListener("abort", onAbort);
          socket.off("error", onError);
          resolve(new WsLink(socket, wire as Socket, MASKED, address, highWaterBytes));
        });
      });
    },

    async listen(listening) {
      const { host = "127.0.0.1", port = 0, path = "/", onHttp = notFound } = listening;
      const server = tls?.key === undefined ? createServer(onHttp) : createTlsServer({ ...tls }, onHttp);
      const sockets = new WebSocketServer({ ...common, noServer: true });
      server.on("upgrade", (request, socket, head) => {
        if (pathOf(request) !== path) {
          refuseUpgrade(socket, 404);
          return;
        }
        if (!isOriginAllowed(request.headers.origin, request.headers.host, listening.origins)) {
          refuseUpgrade(socket, 403);
          return;
        }
        sockets.handleUpgrade(request, socket, head, (opened) => {
          const { remoteAddress = "unknown", remotePort = 0 } = request.socket;
          const from = hostAndPort(remoteAddress, remotePort);
          listening.onLink(new WsLink(opened, request.socket, UNMASKED, from, highWaterBytes));
        });
      });
      await bind(server, host, port);
      // A listener that lives through an error of accept() (out of descriptors) goes on when there are some again.
      server.on("error", () => {});
      const bound = (server.address() as AddressInfo).port;
      const dialled = NOBODY_NAMED.has(host) ? "127.0.0.1" : host;
      let closing: Promise<void> | undefined;
      return {
        host: dialled,
        port: bound,
        address: `${tls?.key === undefined ? "ws" : "wss"}://${hostAndPort(dialled, bound)}${path === "/" ? "" : path}`,
        close() {
          closing ??= new Promise((resolve) => {
            // A link that is closing still has something to deliver; it is ended after `closeMs` at the latest.
            for (const client of sockets.clients) {
              if (client.readyState !== WebSocket.CLOSING) client.terminate();
            }
            sockets.close();
            server.close(() => resolve());
            server.closeAllConnections();
          });
          return closing;
        },
      } satisfies TransportListener;
    },
  };
}

/** The mask bit of a frame's second byte. */
const MASKED = 0x80;
const UNMASKED = 0;
/** A whole message, binary. */
const FIN_BINARY = 0x82;
/** A message of so few bytes is sooner copied behind its opening than written as two pieces. Unit: bytes. */
const JOINED_BYTES_MAX = 2_048;

class WsLink implements Link {
  readonly remoteAddress: string;
  /** What is sent is answered by a socket's event. */
  readonly turnsLoop = true;
  readonly #socket: WebSocket;
  readonly #wire: Socket;
  readonly #mask: number;
  readonly #highWaterBytes: number;
  #handler: LinkHandler | undefined;
  /** What came before there was a handler. */
  #early: Uint8Array[] = [];
  #full = false;
  #over: { error?: IrisError } | undefined;

  constructor(socket: WebSocket, wire: Socket, mask: number, remoteAddress: string, highWaterBytes: number) {
    this.#socket = socket;
    this.#wire = wire;
    this.#mask = mask;
    this.remoteAddress = remoteAddress;
    this.#highWaterBytes = highWaterBytes;
    wire.on("drain", () => this.#drained());
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Buffer, isBinary: boolean) => this.#received(data, isBinary));
    socket.on("error", (cause) => {
      const code = (cause as { code?: unknown }).code;
      const breach = typeof code === "string" && code.startsWith("WS_ERR");
      this.#end(
        breach
          ? new IrisError("PROTOCOL_ERROR", `${remoteAddress} broke the protocol: ${cause.message}`, { cause })
          : new IrisError("LOST", `the link to ${remoteAddress} broke: ${cause.message}`, { cause }),
      );
    });
    socket.on("close", (code) => {
      if (code === 1000 || code === 1001) this.#end();
      else this.#end(new IrisError("LOST", `the link to ${remoteAddress} broke (WebSocket status ${code})`));
    });
  }

  get keptBytes(): number {
    return this.#wire.writableLength;
  }

  attach(handler: LinkHandler): void {
    this.#handler = handler;
    const early = this.#early;
    this.#early = [];
    if (early.length === 0 && this.#over === undefined) return;
    queueMicrotask(() => {
      for (const bytes of early) handler.onMessage(bytes);
      if (this.#over !== undefined) handler.onClose(this.#over.error);
    });
  }

  send(bytes: Uint8Array): boolean {
    return this.#write(bytes, undefined);
  }

  sendParts(head: Uint8Array, tail: Uint8Array): boolean {
    return this.#write(head, tail);
  }

  /** `ws` writes its own frames (pings, closes) whole, in the turn it is asked to, so that ours do not end up within. */
  #write(head: Uint8Array, tail: Uint8Array | undefined): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    const wire = this.#wire;
    const bytes = head.length + (tail?.length ?? 0);
    const openingBytes = openingBytesOf(bytes, this.#mask);
    if (bytes <= JOINED_BYTES_MAX && tail === undefined) {
      const message = Buffer.allocUnsafe(openingBytes + bytes);
      writeOpening(message, bytes, this.#mask);
      message.set(head, openingBytes);
      wire.write(message);
    } else {
      const opening = Buffer.allocUnsafe(openingBytes);
      writeOpening(opening, bytes, this.#mask);
      wire.cork();
      wire.write(opening);
      wire.write(head);
      if (tail !== undefined) wire.write(tail);
      wire.uncork();
    }
    if (wire.writableLength < this.#highWaterBytes || !wire.writableNeedDrain) return true;
    this.#full = true;
    return false;
  }

  close(): void {
    this.#socket.close(1000);
  }

  destroy(): void {
    this.#socket.terminate();
  }

  #received(data: Buffer, isBinary: boolean): void {
    if (!isBinary) {
      this.#end(
        new IrisError("PROTOCOL_ERROR", `${this.remoteAddress} sent text; only binary messages are spoken here`),
      );
      this.#socket.close(1003);
    } else if (this.#over !== undefined) {
      return;
    } else if (this.#handler === undefined) {
      this.#early.push(data);
    } else {
      this.#handler.onMessage(data);
    }
  }

  #drained(): void {
    if (!this.#full || this.#over !== undefined) return;
    this.#full = false;
    this.#handler?.onDrain();
  }

  #end(error?: IrisError): void {
    if (this.#over !== undefined) return;
    this.#over = error === undefined ? {} : { error };
    this.#handler?.onClose(error);
  }
}

/** Bytes that come before a message of so many bytes. */
function openingBytesOf(bytes: number, mask: number): number {
  return 2 + (bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8) + (mask === MASKED ? 4 : 0);
}

function writeOpening(into: Buffer, bytes: number, mask: number): void {
  let at = 2;
  into[0] = FIN_BINARY;
  if (bytes < 126) {
    into[1] = mask | bytes;
  } else if (bytes < 65_536) {
    into[1] = mask | 126;
    at = into.writeUInt16BE(bytes, at);
  } else {
    into[1] = mask | 127;
    at = into.writeUInt32BE(0, at);
    at = into.writeUInt32BE(bytes, at);
  }
  if (mask === MASKED) into.writeUInt32BE(0, at);
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) => reject(bindError(cause, host, port));
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function bindError(cause: NodeJS.ErrnoException, host: string, port: number): IrisError {
  switch (cause.code) {
    case "EADDRINUSE":
      return new IrisError(
        "ALREADY_EXISTS",
        `port ${port} on ${host} is taken by another program; stop that one, choose another port, or 0 for any free one`,
        { cause },
      );
    case "EACCES":
      return new IrisError(
        "PERMISSION_DENIED",
        `port ${port} on ${host} may not be used by this user; choose one above 1023`,
        {
          cause,
        },
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new IrisError("INVALID_ARGUMENT", `${host} is no address of this machine (${cause.code})`, { cause });
    default:
      return new IrisError("UNAVAILABLE", `cannot listen on ${hostAndPort(host, port)}: ${cause.message}`, { cause });
  }
}

/** Node reports a refusal by several addresses of one host as an `AggregateError` without a message. */
function reasonOf(cause: Error & { code?: unknown }): string {
  return cause.message !== "" ? cause.message : String(cause.code ?? cause.name);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function notFound(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404).end();
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy()); // whoever was refused may not hold the port by staying
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
