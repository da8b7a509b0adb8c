/**
 * Bytes being read: a position, and the numbers and texts of the value format. Whatever asks for more than there is, or
 * is not what it says, is a `PROTOCOL_ERROR`; nothing is allocated before it is known that the bytes for it are there.
 */
import { isUtf8 } from "node:buffer";
import { IrisError } from "../../runtime/errors.ts";
import { SHORT_STRING, SHORT_STRING_MAX, TAG } from "./format.ts";

/** Native readers of `Buffer`, which take any `Uint8Array` as `this`; going through `toString` costs twice as much. */
type SliceOf = (this: Uint8Array, from: number, to: number) => string;
const { latin1Slice, utf8Slice, ucs2Slice, hexSlice } = Buffer.prototype as unknown as Record<
  "latin1Slice" | "utf8Slice" | "ucs2Slice" | "hexSlice",
  SliceOf
>;

/** A text of at most so many bytes is read by a loop here, unless it lies in the window. */
const LOOP_BYTES_MAX = 6;
/**
 * Reading a text natively costs more than the text, so short ones are cut from a window: some of the message, read as one
 * text. The engine lets a part of a text refer to the whole, so a text that is kept may keep this many bytes: no more.
 */
const WINDOW_BYTES = 512;
/** A longer text is read by itself. */
const CUT_BYTES_MAX = 64;
/** What stands for bytes that are no UTF-8, and may stand for itself. */
const REPLACEMENT = "\ufffd";
/** So many numbers of a message are read by a loop; with more it pays to make a view for them. */
const LOOP_DOUBLES_MAX = 4;
const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);
const NO_BYTES = new Uint8Array(0);

export function malformed(what: string, cause?: unknown): IrisError {
  return new IrisError("PROTOCOL_ERROR", `not a value: ${what}`, { cause });
}

export class Reader {
  #bytes: Uint8Array = NO_BYTES;
  #at = 0;
  #end = 0;
  #doubles = 0;
  #view: DataView | undefined;
  #window = "";
  #windowFrom = 0;
  #windowTo = 0;

  /** Begins to read `bytes`. */
  open(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = bytes.length;
    this.#doubles = 0;
    this.#view = undefined;
    this.#windowTo = 0;
  }

  /** Lets go of what was read. */
  close(): void {
    this.open(NO_BYTES);
    this.#window = "";
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    const at = this.#at;
    if (at >= this.#end) throw malformed("it ends too early");
    this.#at = at + 1;
    return this.#bytes[at] as number;
  }

  /** A non-negative integer below 2^32. */
  varint(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first & 127;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    const top = this.byte();
    if (top < 16) return value + top * 2 ** 28;
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
    if (this.#doubles++ < LOOP_DOUBLES_MAX) {
      for (let i = 0; i < 8; i++) float64Bytes[i] = this.#bytes[at + i] as number;
      return float64[0] as number;
    }
    this.#view ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    return this.#view.getFloat64(at, true);
  }

  /** Passes over `length` bytes and says where they begin. */
  skip(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw malformed(`${length} bytes are announced, ${this.remaining} are there`);
    this.#at = at + length;
    return at;
  }

  /** Passes over the zeros before an aligned run of bytes. */
  align(): void {
    for (let left = -this.#at & 7; left > 0; left--) if (this.byte() !== 0) throw malformed("bytes are not aligned");
  }

  /** What is left of a string value whose tag was read. */
  stringOf(tag: number): string {
    if (tag >= SHORT_STRING && tag <= SHORT_STRING + SHORT_STRING_MAX) return this.latin1(tag - SHORT_STRING);
    if (tag === TAG.latin1) return this.latin1(this.varint());
    if (tag === TAG.utf8) return this.utf8(this.varint());
    if (tag === TAG.utf16) return this.#utf16(this.varint());
    throw malformed(`tag ${tag} where a string must be`);
  }

  string(): string {
    return this.stringOf(this.byte());
  }

  /** A text whose units are `length` bytes. */
  latin1(length: number): string {
    const at = this.skip(length);
    const end = at + length;
    if (end <= this.#windowTo && length <= CUT_BYTES_MAX && at >= this.#windowFrom) {
      return this.#window.substring(at - this.#windowFrom, end - this.#windowFrom);
    }
    const bytes = this.#bytes;
    if (length <= LOOP_BYTES_MAX) {
      let text = "";
      for (let i = at; i < end; i++) text += String.fromCharCode(bytes[i] as number);
      return text;
    }
    if (length > CUT_BYTES_MAX) return latin1Slice.call(bytes, at, end);
    this.#windowFrom = at;
    this.#windowTo = Math.min(at + WINDOW_BYTES, this.#end);
    this.#window = latin1Slice.call(bytes, at, this.#windowTo);
    return this.#window.substring(0, length);
  }

  utf8(length: number): string {
    const at = this.skip(length);
    const text = utf8Slice.call(this.#bytes, at, at + length);
    if (text.includes(REPLACEMENT) && !isUtf8(this.#bytes.subarray(at, at + length))) {
      throw malformed("a text is not UTF-8");
    }
    return text;
  }

  /** The integer of `length` bytes, least byte first. Linear in time, as its base is a power of two. */
  magnitude(length: number): bigint {
    const at = this.skip(length);
    if (length === 0) return 0n;
    const reversed = Uint8Array.prototype.slice.call(this.#bytes, at, at + length).reverse();
    return BigInt(`0x${hexSlice.call(reversed, 0, length)}`);
  }

  #utf16(length: number): string {
    if (length % 2 !== 0) throw malformed("a text of UTF-16 has half a unit");
    const at = this.skip(length);
    return ucs2Slice.call(this.#bytes, at, at + length);
  }
}
