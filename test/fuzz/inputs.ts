/**
 * Bytes to feed to decoders: well-formed messages and values, the same with their structure bent (fields doubled, numbers
 * out of range, lengths that lie), and plain rubbish. All of it follows from a seed.
 */

import { TAG } from "../../src/net/value/format.ts";
import { encodeValue } from "../../src/net/value/index.ts";
import { BatchCodec, type ErrorInfo, type Frame, HelloCodec } from "../../src/net/wire/iris.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

/** Numbers at which decoders err. */
const EDGES = [0, 1, 2, 7, 127, 128, 255, 256, 16_383, 16_384, 65_535, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const NAMES = ["calc", "add", "items", "nobody", "", "constructor", "__proto__", "ÿ", "\u0000", "x".repeat(300)];
/** Messages made ahead, to bend and to splice. */
const CORPUS_MAX = 512;

export class Inputs {
  readonly #random: SeededRandom;
  readonly #values: Uint8Array[] = [];
  readonly #messages: Uint8Array[] = [];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  /** What a decoder of values may be given. */
  value(): Uint8Array {
    switch (this.below(8)) {
      case 0:
        return this.#kept(this.#values, () => encodeValue(this.#plain(0)));
      case 1:
        return this.#tagged();
      case 2:
        return this.#rubbish();
      default:
        return this.#bent(
          this.#kept(this.#values, () => encodeValue(this.#plain(0))),
          this.#values,
        );
    }
  }

  /** What a session may be sent. */
  message(): Uint8Array {
    const make = () => BatchCodec.encode({ frames: this.#some(4, () => this.#frame()) });
    switch (this.below(8)) {
      case 0:
      case 1:
      case 2:
        return this.#bent(this.#kept(this.#messages, make), this.#messages);
      case 3:
        return this.below(2) === 0 ? this.#fields(0) : this.#rubbish();
      default:
        return this.#kept(this.#messages, make); // most are good, or no session would live to see a second one
    }
  }

  /** What comes first, from whoever it is. */
  hello(): Uint8Array {
    if (this.below(3) === 0) return this.message();
    const hello = { version: this.#edge(), token: this.#name(), supports: this.#some(3, () => this.#name()), node: "" };
    const bytes = BatchCodec.encode({ frames: [{ hello }] });
    return this.below(2) === 0 ? bytes : this.#bent(bytes, [HelloCodec.encode(hello)]);
  }

  #frame(): Frame {
    const id = this.below(3) === 0 ? this.#edge() : 1 + this.below(40);
    const names = { target: this.#name(), method: this.#name(), ...this.#route() };
    const said = { codec: this.#codec(), payload: this.value(), trace: "", ...names };
    const { codec, payload, target } = said;
    switch (this.below(14)) {
      case 0:
        if (this.below(8) > 0) return { cancel: { id } };
        return { hello: { version: 1, token: "good", supports: [], node: "again" } };
      case 1:
      case 2:
      case 3: {
        const [remainingMs, credit, isKeyed] = [this.below(2) * this.#edge(), this.#edge(), this.below(2) === 0];
        const key = isKeyed ? `k${this.below(20)}` : "";
        return { call: { ...said, id, remainingMs, credit, idempotent: isKeyed, key } };
      }
      case 4:
        return { tell: said };
      case 5:
        return { reply: { id, codec, payload } };
      case 6:
        return { fault: { id: Math.max(1, id), error: this.#errorInfo(0) } };
      case 7:
        return { cancel: { id } };
      case 8:
        return { streamItem: { id, codec, payload } };
      case 9:
        return { streamEnd: { id } };
      case 10:
        return { credit: { id, items: this.#edge() } };
      case 11:
        return { watch: { id, target, cancel: this.below(2) === 0 } };
      case 12:
        return { down: { id, reason: this.#name(), why: this.#name() } };
      default:
        return this.below(2) === 0 ? { ping: { nonce: this.#edge() } } : { pong: { nonce: this.#edge() } };
    }
  }

  /** A number for the names, with them or in their place. */
  #route(): { route?: number; target?: string; method?: string } {
    if (this.below(2) === 0) return {};
    const route = this.below(4) === 0 ? this.#edge() : 1 + this.below(8);
    return this.below(2) === 0 ? { route } : { route, target: "", method: "" };
  }

  #errorInfo(depth: number): ErrorInfo {
    return {
      code: this.below(2) === 0 ? "LOST" : this.#name(),
      message: this.#name(),
      name: this.#name(),
      retryable: this.below(2) === 0,
      maybeExecuted: this.below(2) === 0,
      where: this.#name(),
      stack: this.#name(),
      fromUser: this.below(2) === 0,
      userCode: this.#name(),
      cause: depth < 12 && this.below(2) === 0 ? this.#errorInfo(depth + 1) : undefined,
    };
  }

  #codec(): "VALUE" | "PROTOBUF" | "CODEC_UNSPECIFIED" {
    const odds = this.below(10);
    return odds === 0 ? "PROTOBUF" : odds === 1 ? "CODEC_UNSPECIFIED" : "VALUE";
  }

  /** Anything that can be sent. */
  #plain(depth: number): unknown {
    const isLeaf = depth > 4;
    switch (this.below(isLeaf ? 12 : 19)) {
      case 0:
        return undefined;
      case 1:
        return null;
      case 2:
        return this.below(2) === 0;
      case 3:
        return this.#edge() - this.below(2) * 0x1_0000_0000;
      case 4:
        return this.#random.next() * 1e300;
      case 5:
        return [Number.NaN, -0, Number.POSITIVE_INFINITY][this.below(3)];
      case 6:
        return this.#name();
      case 7:
        return ["\ud800", "añ€😀", "a".repeat(this.below(200))][this.below(3)];
      case 8:
        return BigInt(this.#edge()) ** BigInt(this.below(9)) * (this.below(2) === 0 ? 1n : -1n);
      case 9:
        return new Date(this.below(2) === 0 ? Number.NaN : this.#edge());
      case 10:
        return [/a+b/giu, new URL("https://a.example/b?c#d"), Symbol.for("s")][this.below(3)];
      case 11:
        return this.#view();
      case 12:
        return new Map(this.#some(4, () => [this.#plain(depth + 1), this.#plain(depth + 1)] as const));
      case 13:
        return new Set(this.#some(4, () => this.#plain(depth + 1)));
      case 14:
        return Object.assign(new RangeError(this.#name(), { cause: this.#plain(depth + 1) }), { code: this.#name() });
      case 15: {
        const sparse = [this.#plain(depth + 1)];
        sparse[this.below(50)] = this.#plain(depth + 1);
        return sparse;
      }
      case 16: {
        const circle: Record<string, unknown> = { a: this.#plain(depth + 1) };
        circle["self"] = circle;
        return circle;
      }
      case 17:
        return this.#some(6, () => this.#plain(depth + 1));
      default:
        return Object.fromEntries(this.#some(6, () => [`k${this.below(9)}`, this.#plain(depth + 1)]));
    }
  }

  #view(): unknown {
    const bytes = this.#random.bytes(8 * this.below(6));
    const { buffer } = bytes;
    return [bytes, new Float64Array(buffer), new Uint16Array(buffer), new DataView(buffer), buffer][this.below(5)];
  }

  /** A value's tags in an order that no encoder writes. */
  #tagged(): Uint8Array {
    const tags = Object.values(TAG);
    const bytes = [1 + (this.below(20) === 0 ? this.below(255) : 0)];
    for (let count = 1 + this.below(60); count > 0; count--) {
      if (this.below(4) === 0) bytes.push(...this.#varint(this.#edge()));
      else if (this.below(6) === 0) bytes.push(this.below(256));
      else bytes.push(tags[this.below(tags.length)] ?? 0);
    }
    return Uint8Array.from(bytes);
  }

  /** Protobuf fields of every number and type, within each other. */
  #fields(depth: number): Uint8Array {
    const parts: number[] = [];
    for (let count = this.below(6); count > 0; count--) {
      const number = depth === 0 ? 1 : this.below(18);
      const type = depth === 0 || this.below(3) > 0 ? 2 : this.below(8);
      parts.push(...this.#varint(number * 8 + type));
      if (type === 2) {
        const inner = depth < 3 ? this.#fields(depth + 1) : this.#rubbish().subarray(0, 20);
        parts.push(...this.#varint(this.below(12) === 0 ? this.#edge() : inner.length), ...inner);
      } else if (type === 0) parts.push(...this.#varint(this.#edge()));
      else parts.push(...this.#random.bytes(type === 1 ? 8 : 4));
    }
    return Uint8Array.from(parts);
  }

  #bent(original: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
    let bytes: Uint8Array = Uint8Array.from(original);
    for (let times = 1 + this.below(4); times > 0; times--) bytes = this.#bentOnce(bytes, others);
    return bytes;
  }

  #bentOnce(bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
    if (bytes.length === 0) return this.#rubbish();
    const [at, to] = [this.below(bytes.length), this.below(bytes.length + 1)];
    switch (this.below(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
        return bytes;
      case 1:
        bytes[at] = this.below(256);
        return bytes;
      case 2:
        return bytes.subarray(0, at);
      case 3:
        return joined(bytes.subarray(0, at), bytes.subarray(Math.max(at, to)));
      case 4:
        return joined(bytes.subarray(0, at), Uint8Array.from(this.#varint(this.#edge())), bytes.subarray(at + 1));
      case 5:
        return joined(bytes.subarray(0, at), bytes.subarray(Math.min(at, to)));
      case 6:
        return joined(bytes.subarray(0, at), Uint8Array.from(this.#varint(this.#edge())), bytes.subarray(at));
      default: {
        const other = others[this.below(others.length)] ?? bytes;
        return joined(bytes.subarray(0, at), other.subarray(this.below(other.length + 1)));
      }
    }
  }

  #rubbish(): Uint8Array {
    return this.#random.bytes(this.below(40));
  }

  #varint(number: number): number[] {
    const bytes: number[] = [];
    let rest = number;
    while (rest >= 0x80) {
      bytes.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    bytes.push(rest);
    if (this.below(30) === 0) return [...bytes.slice(0, -1), rest | 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0];
    return bytes;
  }

  #edge(): number {
    return EDGES[this.below(EDGES.length)] ?? 0;
  }

  #name(): string {
    return NAMES[this.below(this.below(3) === 0 ? NAMES.length : 3)] ?? "";
  }

  #some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  /** One of those made before, mostly; making them is dear. */
  #kept(made: Uint8Array[], make: () => Uint8Array): Uint8Array {
    if (made.length === CORPUS_MAX && this.below(50) > 0) return made[this.below(CORPUS_MAX)] ?? new Uint8Array(0);
    const bytes = make();
    if (made.length < CORPUS_MAX) made.push(bytes);
    else made[this.below(CORPUS_MAX)] = bytes;
    return bytes;
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
