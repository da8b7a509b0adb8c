/**
 * A wire between two programs that misbehaves when told to: it delays, cuts, freezes, and trickles byte by byte, per
 * connection. Bytes are never lost, doubled or reordered on a connection that lives, since TCP does none of that.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface WireOptions {
  /** What arrives is handed on so much later; `connection` counts from 0. Unit: ms. Default 0: at once. */
  readonly delayMs?: (connection: number) => number;
  /** Hands on one byte in each turn of the loop, each a packet of its own. */
  readonly trickles?: boolean;
}

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #options: WireOptions;
  readonly #wires = new Set<Wire>();
  #isFrozen = false;
  #refuses = false;
  #connections = 0;

  private constructor(server: Server, targetPort: number, options: WireOptions) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#targetPort = targetPort;
    this.#options = options;
    server.on("connection", (socket) => this.#take(socket));
  }

  /** In front of `address`, such as `ws://127.0.0.1:41234/rpc`. */
  static async before(address: string, options: WireOptions = {}): Promise<TcpProxy> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, Number(new URL(address).port), options);
  }

  /** `address` as it is dialled through here. */
  address(address: string): string {
    const url = new URL(address);
    url.port = String(this.port);
    return url.href.replace(/\/$/, "");
  }

  /** Connections that were made, all in all. */
  get connections(): number {
    return this.#connections;
  }

  /** Nothing passes, nothing breaks, nobody is told: a cable is out. New connections are taken and lead nowhere. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** What was held back arrives. */
  thaw(): void {
    this.#isFrozen = false;
    for (const wire of this.#wires) wire.pump();
  }

  /** Resets every connection. They can be made again at once, unless `refuses`. */
  cut(options: { refuses?: boolean } = {}): void {
    this.#refuses = options.refuses ?? false;
    for (const wire of [...this.#wires]) wire.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut({ refuses: true });
    this.#server.close();
    await once(this.#server, "close");
  }

  #take(near: Socket): void {
    if (this.#refuses) {
      near.resetAndDestroy();
      return;
    }
    const connection = this.#connections++;
    const delayMs = this.#options.delayMs?.(connection) ?? 0;
    const far = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const wire = new Wire(near, far, delayMs, this.#options.trickles ?? false, () => this.#isFrozen);
    this.#wires.add(wire);
    wire.onGone(() => this.#wires.delete(wire));
  }
}

class Wire {
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: readonly [Lane, Lane];

  constructor(near: Socket, far: Socket, delayMs: number, trickles: boolean, isFrozen: () => boolean) {
    this.#sockets = [near, far];
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      socket.on("error", () => this.cut());
    }
    this.#lanes = [new Lane(near, far, delayMs, trickles, isFrozen), new Lane(far, near, delayMs, trickles, isFrozen)];
  }

  onGone(fn: () => void): void {
    for (const socket of this.#sockets) socket.once("close", fn);
  }

  pump(): void {
    for (const lane of this.#lanes) lane.pump();
  }

  cut(): void {
    for (const lane of this.#lanes) lane.stop();
    for (const socket of this.#sockets) if (!socket.destroyed) socket.resetAndDestroy();
  }
}

/** One direction. */
class Lane {
  readonly #to: Socket;
  readonly #trickles: boolean;
  readonly #isFrozen: () => boolean;
  readonly #queue: (Buffer | "end")[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #isTrickling = false;
  #isOver = false;

  constructor(from: Socket, to: Socket, delayMs: number, trickles: boolean, isFrozen: () => boolean) {
    this.#to = to;
    this.#trickles = trickles;
    this.#isFrozen = isFrozen;
    const later = (piece: Buffer | "end") => {
      if (delayMs === 0) return this.#arrived(piece);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#arrived(piece);
      }, delayMs);
      this.#timers.add(timer);
    };
    from.on("data", later);
    from.on("end", () => later("end"));
    from.resume();
  }

  stop(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  pump(): void {
    while (!this.#isFrozen() && !this.#isOver && !this.#isTrickling) {
      const piece = this.#queue.shift();
      if (piece === undefined) return;
      if (piece === "end") this.#to.end();
      else if (this.#trickles) void this.#trickle(piece);
      else this.#to.write(piece);
    }
  }

  #arrived(piece: Buffer | "end"): void {
    this.#queue.push(piece);
    this.pump();
  }

  async #trickle(piece: Buffer): Promise<void> {
    this.#isTrickling = true;
    for (let at = 0; at < piece.length && !this.#isOver; at++) {
      this.#to.write(piece.subarray(at, at + 1));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#isTrickling = false;
    this.pump();
  }
}
