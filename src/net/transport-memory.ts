/**
 * Links inside one process, for tests and for a cluster that lives in one program: named nodes, the same addresses as
 * WebSocket's, no sockets. Messages are delivered in order, each on a stack of its own (a microtask). No faults: those
 * are a decorator's business. The one invariant: what was sent before `close` arrives before the close does.
 */
import { IrisError } from "../runtime/errors.ts";
import { DEFAULT_SESSION_LIMITS } from "./limits.ts";
import type { Link, LinkHandler, ListenOptions, Transport, TransportListener } from "./transport.ts";

/** Hosts that mean "this node". */
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"]);
/** First port given to who asks for any. */
const FREE_PORT_FIRST = 41_000;

export class MemoryNetwork {
  /** By `host:port`. */
  readonly #listeners = new Map<string, ListenOptions>();

  /**
   * The way of the node called `name` to this network. It listens as `ws://<name>:<port><path>` whatever loopback host
   * is asked for, and dials loopback hosts as itself.
   */
  transport(name: string): Transport {
    return {
      dial: (address, options) => this.#dial(name, address, options?.signal),
      listen: (options) => this.#listen(name, options),
    };
  }

  /** How many listeners there are: zero when a test has left the room empty. */
  get listeners(): number {
    return this.#listeners.size;
  }

  async #dial(from: string, address: string, signal: AbortSignal | undefined): Promise<Link> {
    const url = URL.parse(address);
    if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:")) {
      throw new IrisError("INVALID_ARGUMENT", `"${address}" is no ws:// or wss:// address`);
    }
    await Promise.resolve(); // a dial takes a turn, as on any network
    if (signal?.aborted) {
      throw new IrisError("CANCELLED", `dialling ${address} was cancelled`, { cause: signal.reason });
    }
    const host = bare(url.hostname);
    const listener = this.#listeners.get(`${LOOPBACK.has(host) ? from.toLowerCase() : host}:${portOf(url)}`);
    if (listener === undefined || (listener.path ?? "/") !== url.pathname) {
      throw new IrisError("UNAVAILABLE", `cannot reach ${address}: nobody listens there`);
    }
    const here = new MemoryLink(address);
    const there = new MemoryLink(from);
    here.join(there);
    there.join(here);
    listener.onLink(there);
    return here;
  }

  async #listen(name: string, options: ListenOptions): Promise<TransportListener> {
    const asked = options.host ?? "127.0.0.1";
    const host = LOOPBACK.has(asked) ? name : asked;
    let port = options.port ?? 0;
    const keyOf = (candidate: number) => `${host.toLowerCase()}:${candidate}`;
    if (port === 0) {
      port = FREE_PORT_FIRST;
      while (this.#listeners.has(keyOf(port))) port++;
    }
    const key = keyOf(port);
    if (this.#listeners.has(key)) {
      throw new IrisError(
        "ALREADY_EXISTS",
        `port ${port} on ${host} is taken by another program; stop that one, choose another port, or 0 for any free one`,
      );
    }
    const links = new Set<MemoryLink>();
    this.#listeners.set(key, {
      ...options,
      onLink: (link) => {
        links.add(link as MemoryLink);
        (link as MemoryLink).onOver = () => links.delete(link as MemoryLink);
        options.onLink(link);
      },
    });
    const path = options.path ?? "/";
    return {
      host,
      port,
      address: `ws://${host}:${port}${path === "/" ? "" : path}`,
      close: async () => {
        this.#listeners.delete(key);
        for (const link of [...links]) link.destroy();
      },
    };
  }
}

type Delivery = { bytes: Uint8Array } | { over: IrisError | undefined };

class MemoryLink implements Link {
  readonly remoteAddress: string;
  onOver: () => void = () => {};
  #other: MemoryLink | undefined;
  #handler: LinkHandler | undefined;
  #inbox: Delivery[] = [];
  #delivering = false;
  #over = false;

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  join(other: MemoryLink): void {
    this.#other = other;
  }

  attach(handler: LinkHandler): void {
    this.#handler = handler;
    this.#deliverSoon();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#over) return false;
    if (bytes.byteLength > DEFAULT_SESSION_LIMITS.messageBytes) {
      this.#break(
        new IrisError(
          "PROTOCOL_ERROR",
          `a message of ${bytes.byteLength} bytes was sent; at most ${DEFAULT_SESSION_LIMITS.messageBytes} are taken`,
        ),
      );
      return false;
    }
    this.#other?.take({ bytes });
    return true;
  }

  close(): void {
    this.#break(undefined);
  }

  destroy(): void {
    if (this.#over) return;
    this.#other?.take({ over: new IrisError("LOST", `the link to ${this.#other.remoteAddress} broke`) });
    this.take({ over: undefined });
  }

  /** Puts something into this end's inbox. Only the other end calls it. */
  take(delivery: Delivery): void {
    if (this.#over) return;
    if ("over" in delivery) this.#over = true;
    this.#inbox.push(delivery);
    this.#deliverSoon();
  }

  #break(error: IrisError | undefined): void {
    if (this.#over) return;
    this.#other?.take({ over: error });
    this.take({ over: error });
  }

  #deliverSoon(): void {
    if (this.#delivering || this.#handler === undefined || this.#inbox.length === 0) return;
    this.#delivering = true;
    queueMicrotask(() => {
      this.#delivering = false;
      const next = this.#inbox.shift();
      if (next === undefined || this.#handler === undefined) return;
      this.#deliverSoon();
      if ("bytes" in next) {
        this.#handler.onMessage(next.bytes);
      } else {
        this.onOver();
        this.#handler.onClose(next.over);
      }
    });
  }
}

function bare(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "wss:" ? 443 : 80;
}
