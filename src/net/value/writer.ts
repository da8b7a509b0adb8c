/**
 * Bytes being written: a store that messages are cut from one after another, with the numbers and texts of the value
 * format. Long runs of bytes are set aside and joined at the end, or not at all. The one invariant: what was handed out is
 * never written to again.
 */
import { SHORT_STRING, SHORT_STRING_MAX, TAG, VALUE_LIMITS } from "./format.ts";

/**
 * Messages are cut from stores of this size, which saves each an allocation and a copy. A message that is kept keeps its
 * store, so it is not larger.
 */
const STORE_BYTES = 16_384;
/** A longer message gets memory of its own: then it neither uses up the store nor keeps it. */
const CUT_BYTES_MAX = 2_048;
/** A store that has grown past this is given back after the message. Unit: bytes. */
const KEPT_BYTES_MAX = 1 << 20;
/** A text of at most so many characters is written by a loop here; a longer one is worth the call into native code. */
const LOOP_CHARACTERS_MAX = 28;
/** Bytes that are copied by a loop here, for the same reason. */
const LOOP_BYTES_MAX = 64;
/** UTF-8 takes at most so many bytes for one UTF-16 unit. */
const UTF8_BYTES_PER_UNIT = 3;
/** From so many characters on, a text's room is measured before it is written: three bytes each would be too much to spare. */
const MEASURED_CHARACTERS_MIN = 1_024;
const VARINT_BYTES_MAX = 5;
const ZEROS = new Uint8Array(8);

/** Bytes set aside, and where in the store the message goes on after them. */
interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class Writer {
  #store: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(STORE_BYTES);
  #view = new DataView(this.#store.buffer);
  #end = STORE_BYTES;
  /** Where the message begins in the store. */
  #start = 0;
  #at = 0;
  #pieces: Piece[] | undefined;
  #piecesBytes = 0;

  /** Begins anew; what was written since the last message was taken is forgotten. */
  reset(): void {
    if (this.#end > STORE_BYTES && !this.#isLongStoreOfUse()) this.#useStore(STORE_BYTES);
    this.#at = this.#start;
    this.#pieces = undefined;
    this.#piecesBytes = 0;
  }

  byte(value: number): void {
    if (this.#at === this.#end) this.#grow(1);
    this.#store[this.#at++] = value;
  }

  /** A non-negative integer below 2^32. */
  varint(value: number): void {
    if (this.#at + VARINT_BYTES_MAX > this.#end) this.#grow(VARINT_BYTES_MAX);
    const store = this.#store;
    let at = this.#at;
    let rest = value;
    while (rest > 127) {
      store[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    store[at++] = rest;
    this.#at = at;
  }

  double(value: number): void {
    if (this.#at + 8 > this.#end) this.#grow(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** Sign, byte length, magnitude with the least byte first. Linear in time, as the base is a power of two. */
  bigint(value: bigint): void {
    const negative = value < 0n;
    const digits = (negative ? -value : value).toString(16);
    const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex").reverse();
    this.byte(negative ? 1 : 0);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A string value, tag and all. */
  string(text: string): void {
    const length = text.length;
    if (length <= LOOP_CHARACTERS_MAX && this.#shortLatin1(text, length)) return;
    if (length < MEASURED_CHARACTERS_MIN) this.#text(text, length);
    else this.#longText(text, length);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    const length = bytes.length;
    if (this.#at + length > this.#end) this.#grow(length);
    if (length > LOOP_BYTES_MAX) {
      this.#store.set(bytes, this.#at);
      this.#at += length;
      return;
    }
    const store = this.#store;
    let at = this.#at;
    for (let i = 0; i < length; i++) store[at++] = bytes[i] as number;
    this.#at = at;
  }

  /** A run of bytes, aligned if it is long. A long one is only referred to until the message is taken. */
  run(bytes: Uint8Array): void {
    if (bytes.length < VALUE_LIMITS.alignedBytes) {
      this.raw(bytes);
      return;
    }
    const position = this.#at - this.#start + this.#piecesBytes;
    this.raw(ZEROS.subarray(0, -position & 7));
    this.#pieces ??= [];
    this.#pieces.push({ at: this.#at, bytes });
    this.#piecesBytes += bytes.length;
  }

  /** The message, in one. Its `buffer` may hold others, too. */
  take(): Uint8Array {
    const length = this.#at - this.#start;
    if (this.#pieces === undefined && length <= CUT_BYTES_MAX) return this.#cut(this.#start, this.#at);
    const whole = Buffer.allocUnsafeSlow(length + this.#piecesBytes);
    let from = this.#start;
    let to = 0;
    for (const piece of this.#pieces ?? []) {
      whole.set(this.#store.subarray(from, piece.at), to);
      to += piece.at - from;
      whole.set(piece.bytes, to);
      to += piece.bytes.length;
      from = piece.at;
    }
    whole.set(this.#store.subarray(from, this.#at), to);
    return whole;
  }

  /** The message as it lies: long runs are not copied but stand for themselves. */
  takePieces(): Uint8Array[] {
    const pieces = this.#pieces;
    if (pieces === undefined) return [this.take()];
    const taken: Uint8Array[] = [];
    let from = this.#start;
    for (const piece of pieces) {
      if (piece.at > from) taken.push(this.#cut(from, piece.at));
      taken.push(piece.bytes);
      from = piece.at;
    }
    if (this.#at > from) taken.push(this.#cut(from, this.#at));
    return taken;
  }

  /** A store that has grown is worth keeping while messages are long; it is bounded, and never for good. */
  #isLongStoreOfUse(): boolean {
    return this.#end <= KEPT_BYTES_MAX && this.#at - this.#start > STORE_BYTES / 4;
  }

  /** Hands out a part of the store: what is written next comes behind it. */
  #cut(from: number, to: number): Uint8Array {
    const { buffer } = this.#store;
    if (this.#end > STORE_BYTES) return new Uint8Array(buffer.slice(from, to));
    this.#start = to;
    return new Uint8Array(buffer, from, to - from);
  }

  #shortLatin1(text: string, length: number): boolean {
    if (this.#at + length >= this.#end) this.#grow(length + 1);
    const store = this.#store;
    let at = this.#at + 1;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 255) return false;
      store[at++] = unit;
    }
    store[this.#at] = SHORT_STRING + length;
    this.#at = at;
    return true;
  }

  /** Written as UTF-8, which tells whether it is ASCII and so Latin-1 as well: then its bytes are as many as its units. */
  #text(text: string, length: number): void {
    const most = length * UTF8_BYTES_PER_UNIT + 3;
    if (this.#at + most > this.#end) this.#grow(most);
    const store = this.#store;
    const at = this.#at;
    const head = length <= SHORT_STRING_MAX ? 1 : 3;
    const written = store.write(text, at + head, "utf8");
    const isAscii = written === length;
    if (!isAscii && !text.isWellFormed()) {
      this.#utf16(text);
    } else if (head === 3) {
      // Two bytes for the length, which is enough, and one more than needed for the shortest: written before it was known.
      store[at] = isAscii ? TAG.latin1 : TAG.utf8;
      store[at + 1] = (written & 127) | 128;
      store[at + 2] = written >>> 7;
      this.#at = at + 3 + written;
    } else if (isAscii) {
      store[at] = SHORT_STRING + length;
      this.#at = at + 1 + length;
    } else if (!this.#shortLatin1(text, length)) {
      this.#utf8(text, written);
    }
  }

  #longText(text: string, length: number): void {
    if (!text.isWellFormed()) {
      this.#utf16(text);
      return;
    }
    const utf8Bytes = Buffer.byteLength(text, "utf8");
    if (utf8Bytes !== length) {
      this.#utf8(text, utf8Bytes);
      return;
    }
    this.byte(TAG.latin1);
    this.varint(length);
    if (this.#at + length > this.#end) this.#grow(length);
    this.#at += this.#store.write(text, this.#at, "latin1");
  }

  #utf8(text: string, length: number): void {
    this.byte(TAG.utf8);
    this.varint(length);
    if (this.#at + length > this.#end) this.#grow(length);
    this.#at += this.#store.write(text, this.#at, "utf8");
  }

  #utf16(text: string): void {
    const length = text.length * 2;
    this.byte(TAG.utf16);
    this.varint(length);
    if (this.#at + length > this.#end) this.#grow(length);
    this.#at += this.#store.write(text, this.#at, "utf16le");
  }

  /** Goes on in another store, in which the message has room for `more` bytes. */
  #grow(more: number): void {
    const written = this.#at - this.#start;
    const old = this.#store.subarray(this.#start, this.#at);
    const start = this.#start;
    this.#useStore(Math.max(STORE_BYTES, (written + more) * 2));
    this.#store.set(old);
    this.#at = written;
    if (this.#pieces !== undefined) {
      this.#pieces = this.#pieces.map(({ at, bytes }) => ({ at: at - start, bytes }));
    }
  }

  #useStore(bytes: number): void {
    this.#store = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#store.buffer);
    this.#end = bytes;
    this.#start = 0;
    this.#at = 0;
  }
}
