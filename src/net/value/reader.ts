/**
 * Bytes being read: a position, and the numbers and texts of the value format. Whatever asks for more than there is, or
 * is not what it says, is a `PROTOCOL_ERROR`; nothing is allocated before it is known that the bytes for it are there.
 */
import { isUtf8 } from "node:buffer";
import { IrisError } from "../../runtime/errors.ts";
import { SHORT_STRING, SHORT_STRING_BYTES_MAX, TAG } from "./format.ts";

/** Native readers of `Buffer`, which take any `Uint8Array` as `this`; going through `toString` costs twice as much. */
type SliceOf = (this: Uint8Array, from: number, to: number) => string;
const { latin1Slice, utf8Slice, ucs2Slice, hexSlice } = Buffer.prototype as unknown as Record<
  "latin1Slice" | "utf8Slice" | "ucs2Slice" | "hexSlice",
  SliceOf
>;

/** A text of at most so many bytes is read by a loop here. */
const LOOP_BYTES_MAX = 8;

const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);

export function malformed(what: string, cause?: unknown): IrisError {
  return new IrisError("PROTOCOL_ERROR", `not a value: ${what}`, { cause });
}

export class Reader {
  readonly bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  byte(): number {
    const byte = this.bytes[this.#at];
    if (byte === undefined) throw malformed("it ends too early");
    this.#at += 1;
    return byte;
  }

  /** A non-negative integer below 2^32. */
  varint(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first & 127;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw malformed("a number is too long");
  }

  /** How many things follow, each of which takes at least `bytesEach`. */
  count(bytesEach: number): number {
    const count = this.varint();
    if (count * bytesEach > this.remaining) throw malformed(`${count} items do not fit into ${this.remaining} bytes`);
    return count;
  }

  double(): number {
    const at = this.skip(8);
    for (let i = 0; i < 8; i++) float64Bytes[i] = this.bytes[at + i] as number;
    return float64[0] as number;
  }

  /** Passes over `length` bytes and says where they begin. */
  skip(length: number): number {
    if (length > this.remaining) throw malformed(`${length} bytes are announced, ${this.remaining} are there`);
    const at = this.#at;
    this.#at += length;
    return at;
  }

  /** What is left of a string value whose tag was read. */
  stringOf(tag: number): string {
    if (tag >= SHORT_STRING && tag <= SHORT_STRING + SHORT_STRING_BYTES_MAX) return this.utf8(tag - SHORT_STRING);
    if (tag === TAG.string) return this.utf8(this.varint());
    if (tag === TAG.string16) return this.#utf16(this.varint());
    throw malformed(`tag ${tag} where a string must be`);
  }

  string(): string {
    return this.stringOf(this.byte());
  }

  utf8(length: number): string {
    const at = this.skip(length);
    const bytes = this.bytes;
    if (length <= LOOP_BYTES_MAX) {
      let text = "";
      for (let i = at; i < at + length; i++) {
        const byte = bytes[i] as number;
        if (byte > 127) return this.#checkedUtf8(at, length);
        text += String.fromCharCode(byte);
      }
      return text;
    }
    for (let i = at; i < at + length; i++) if ((bytes[i] as number) > 127) return this.#checkedUtf8(at, length);
    return latin1Slice.call(bytes, at, at + length);
  }

  /** The integer of `length` bytes, least byte first. Linear in time, as its base is a power of two. */
  magnitude(length: number): bigint {
    const at = this.skip(length);
    if (length === 0) return 0n;
    const reversed = this.bytes.slice(at, at + length).reverse();
    return BigInt(`0x${hexSlice.call(reversed, 0, length)}`);
  }

  #checkedUtf8(at: number, length: number): string {
    if (!isUtf8(this.bytes.subarray(at, at + length))) throw malformed("a text is not UTF-8");
    return utf8Slice.call(this.bytes, at, at + length);
  }

  #utf16(length: number): string {
    if (length % 2 !== 0) throw malformed("a text of UTF-16 has half a unit");
    const at = this.skip(length);
    return ucs2Slice.call(this.bytes, at, at + length);
  }
}
