/**
 * A network that misbehaves when told to: it wraps the links that are dialled through it and delays, freezes, cuts or
 * refuses them. Works over any transport; delays come from a seed. Messages are never reordered, lost or doubled on a
 * link that lives, since TCP does none of that.
 */

import type { Link, LinkHandler, Transport } from "../../src/net/transport.ts";
import { MemoryNetwork } from "../../src/net/transport-memory.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import type { Clock } from "../../src/runtime/ports/clock.ts";
import { SeededRandom } from "./seeded-random.ts";

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "0.0.0.0", "[::1]"]);

export interface FaultyNetworkOptions {
  readonly clock: Clock;
  readonly seed?: number;
  readonly network?: MemoryNetwork;
  /** Held back in one link, from which on its `send` says false. Unit: bytes. */
  readonly highWaterBytes?: number;
}

export class FaultyNetwork {
  readonly clock: Clock;
  readonly highWaterBytes: number;
  readonly #network: MemoryNetwork;
  readonly #random: SeededRandom;
  readonly #links = new Set<FaultyLink>();
  readonly #frozen = new Set<string>();
  readonly #cut = new Set<string>();
  readonly #refusing = new Set<string>();
  #thawed: (() => void)[] = [];
  #delay = { minMs: 0, maxMs: 0 };

  constructor(options: FaultyNetworkOptions) {
    this.clock = options.clock;
    this.highWaterBytes = options.highWaterBytes ?? 1024 * 1024;
    this.#network = options.network ?? new MemoryNetwork();
    this.#random = new SeededRandom(options.seed ?? 1);
  }

  /** Links that are open. */
  get links(): number {
    return this.#links.size;
  }

  /** How many listeners there are. */
  get listeners(): number {
    return this.#network.listeners;
  }

  transport(name: string): Transport {
    const inner = this.#network.transport(name);
    return {
      listen: (options) => inner.listen(options),
      dial: async (address, options) => {
        const host = URL.parse(address)?.hostname ?? "";
        const to = LOOPBACK.has(host) ? name : host;
        while (this.isFrozen(name, to)) {
          await new Promise<void>((resolve) => {
            this.#thawed.push(resolve);
            options?.signal?.addEventListener("abort", () => resolve(), { once: true });
          });
          if (options?.signal?.aborted) throw new IrisError("CANCELLED", `dialling ${address} was cancelled`);
        }
        if (this.#refusing.has(to) || this.#isCut(name, to)) {
          throw new IrisError("UNAVAILABLE", `cannot reach ${address}: connection refused`);
        }
        const link = new FaultyLink(this, await inner.dial(address, options), name, to);
        this.#links.add(link);
        return link;
      },
    };
  }

  /** Each message takes between `minMs` and `maxMs`, in order all the same. */
  delay(minMs: number, maxMs = minMs): void {
    this.#delay = { minMs, maxMs };
  }

  /** Breaks the links of `a` (to `b` only, if given), and refuses new ones until `heal`. */
  cut(a: string, b?: string): void {
    this.#cut.add(pair(a, b));
    for (const link of [...this.#links]) if (link.joins(a, b)) link.break();
  }

  /** Breaks the links of `a` (to `b` only, if given); they can be dialled again at once. */
  drop(a: string, b?: string): void {
    for (const link of [...this.#links]) if (link.joins(a, b)) link.break();
  }

  /** Nothing passes, nothing breaks, nobody is told, until `heal`: a cable is out. */
  freeze(a: string, b?: string): void {
    this.#frozen.add(pair(a, b));
  }

  /** Nobody gets a link to `name` until `heal`; those that are there stay. */
  refuse(name: string): void {
    this.#refusing.add(name);
  }

  /** All is well again; what was held back arrives. */
  heal(): void {
    this.#frozen.clear();
    this.#cut.clear();
    this.#refusing.clear();
    for (const resolve of this.#thawed.splice(0)) resolve();
    for (const link of [...this.#links]) link.thaw();
  }

  isFrozen(a: string, b: string): boolean {
    return touches(this.#frozen, a, b);
  }

  nextDelayMs(): number {
    const { minMs, maxMs } = this.#delay;
    return minMs === maxMs ? minMs : minMs + Math.floor(this.#random.next() * (maxMs - minMs + 1));
  }

  forget(link: FaultyLink): void {
    this.#links.delete(link);
  }

  #isCut(a: string, b: string): boolean {
    return touches(this.#cut, a, b);
  }
}

class FaultyLink implements Link {
  readonly #network: FaultyNetwork;
  readonly #inner: Link;
  readonly #from: string;
  readonly #to: string;
  readonly #out: Gate;
  readonly #in: Gate;
  #handler: LinkHandler | undefined;
  #over = false;
  #heldBytes = 0;
  #full = false;

  constructor(network: FaultyNetwork, inner: Link, from: string, to: string) {
    this.#network = network;
    this.#inner = inner;
    this.#from = from;
    this.#to = to;
    const frozen = () => network.isFrozen(from, to);
    this.#out = new Gate(network, frozen);
    this.#in = new Gate(network, frozen);
  }

  get remoteAddress(): string {
    return this.#inner.remoteAddress;
  }

  joins(a: string, b: string | undefined): boolean {
    return touches(new Set([pair(a, b)]), this.#from, this.#to);
  }

  attach(handler: LinkHandler): void {
    this.#handler = handler;
    this.#inner.attach({
      onMessage: (bytes) => this.#in.pass(() => this.#over || handler.onMessage(bytes)),
      onDrain: () => handler.onDrain(),
      onClose: (error) => this.#in.pass(() => this.#end(error)),
    });
  }

  send(bytes: Uint8Array): boolean {
    if (this.#over) return false;
    this.#heldBytes += bytes.length;
    this.#out.pass(() => {
      this.#heldBytes -= bytes.length;
      this.#inner.send(bytes);
      if (this.#full && this.#heldBytes < this.#network.highWaterBytes / 2) {
        this.#full = false;
        queueMicrotask(() => this.#over || this.#handler?.onDrain());
      }
    });
    if (this.#heldBytes < this.#network.highWaterBytes) return true;
    this.#full = true;
    return false;
  }

  close(): void {
    if (this.#over) return;
    this.#out.pass(() => this.#inner.close());
    queueMicrotask(() => this.#end());
  }

  destroy(): void {
    if (this.#over) return;
    this.#out.pass(() => this.#inner.destroy());
    queueMicrotask(() => this.#end());
  }

  break(): void {
    // Queued before the other end hears of it: here it is a break, not a wish.
    queueMicrotask(() => this.#end(new IrisError("LOST", `the link to ${this.remoteAddress} broke`)));
    this.#inner.destroy();
  }

  thaw(): void {
    this.#out.pump();
    this.#in.pump();
    if (this.#over && !this.#network.isFrozen(this.#from, this.#to)) this.#network.forget(this);
  }

  #end(error?: IrisError): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler?.onClose(error);
    if (!this.#network.isFrozen(this.#from, this.#to)) this.#network.forget(this);
  }
}

/** Lets things pass in order, each after its delay, none while frozen. */
class Gate {
  readonly #network: FaultyNetwork;
  readonly #frozen: () => boolean;
  readonly #queue: { dueAt: number; fn: () => void }[] = [];
  #timed = false;

  constructor(network: FaultyNetwork, frozen: () => boolean) {
    this.#network = network;
    this.#frozen = frozen;
  }

  pass(fn: () => void): void {
    const earliest = this.#queue.at(-1)?.dueAt ?? 0;
    const dueAt = Math.max(earliest, this.#network.clock.now() + this.#network.nextDelayMs());
    this.#queue.push({ dueAt, fn });
    this.pump();
  }

  pump(): void {
    const { clock } = this.#network;
    while (!this.#frozen()) {
      const next = this.#queue[0];
      if (next === undefined) return;
      const waitMs = next.dueAt - clock.now();
      if (waitMs > 0) {
        if (this.#timed) return;
        this.#timed = true;
        clock.setTimeout(() => {
          this.#timed = false;
          this.pump();
        }, waitMs);
        return;
      }
      this.#queue.shift();
      next.fn();
    }
  }
}

function pair(a: string, b: string | undefined): string {
  return b === undefined ? a : [a, b].sort().join(" ");
}

function touches(pairs: ReadonlySet<string>, a: string, b: string): boolean {
  return pairs.has(a) || pairs.has(b) || pairs.has(pair(a, b));
}
