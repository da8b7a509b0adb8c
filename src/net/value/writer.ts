/**
 * Bytes being written: a buffer that grows, with the numbers and texts of the value format. Long runs of bytes are set
 * aside and joined at the end, so each is copied once however often the buffer grows.
 */
import { SHORT_STRING, SHORT_STRING_BYTES_MAX, TAG, VALUE_LIMITS } from "./format.ts";

const FIRST_BYTES = 4_096;
/** A text of at most so many characters is written by a loop here; a longer one is worth the call into native code. */
const LOOP_CHARACTERS_MAX = 24;
/** Bytes that are copied by a loop here, for the same reason. */
const LOOP_BYTES_MAX = 48;
/** UTF-8 takes at most so many bytes for one UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT = 3;

const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);

/** Bytes set aside, and how much of the buffer comes before them. */
interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class Writer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;
  #pieces: Piece[] | undefined;

  /** Bytes that are kept between messages. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Begins anew, keeping the buffer. */
  reset(): void {
    this.#at = 0;
    this.#pieces = undefined;
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** A non-negative integer below 2^32. */
  varint(value: number): void {
    if (this.#at + 5 > this.#bytes.length) this.#grow(5);
    const bytes = this.#bytes;
    let rest = value;
    while (rest > 127) {
      bytes[this.#at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[this.#at++] = rest;
  }

  double(value: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow(8);
    float64[0] = value;
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < 8; i++) bytes[at++] = float64Bytes[i] as number;
    this.#at = at;
  }

  /** A string value, tag and all. */
  string(text: string): void {
    const length = text.length;
    if (length <= LOOP_CHARACTERS_MAX && this.#shortAscii(text, length)) return;
    if (!text.isWellFormed()) this.#utf16(text);
    else if (length * UTF8_BYTES_PER_UNIT > VALUE_LIMITS.pieceBytes) this.#longUtf8(text);
    else this.#utf8(text, length);
  }

  /** Bytes as they are. Short ones are copied now, long ones when the message is taken. */
  raw(bytes: Uint8Array): void {
    const length = bytes.length;
    if (length >= VALUE_LIMITS.pieceBytes) {
      this.#pieces ??= [];
      this.#pieces.push({ at: this.#at, bytes });
      return;
    }
    if (this.#at + length > this.#bytes.length) this.#grow(length);
    if (length > LOOP_BYTES_MAX) {
      this.#bytes.set(bytes, this.#at);
      this.#at += length;
      return;
    }
    for (let i = 0; i < length; i++) this.#bytes[this.#at++] = bytes[i] as number;
  }

  /** The message: bytes that nothing else will change, though its `buffer` may hold those of others, too. */
  take(): Uint8Array {
    const pieces = this.#pieces;
    // A short message is cut from Node's pool of buffers: several times as quick as an allocation of its own.
    if (pieces === undefined) return Buffer.copyBytesFrom(this.#bytes, 0, this.#at);
    let total = this.#at;
    for (const piece of pieces) total += piece.bytes.length;
    const whole = new Uint8Array(total);
    let from = 0;
    let to = 0;
    for (const piece of pieces) {
      whole.set(this.#bytes.subarray(from, piece.at), to);
      to += piece.at - from;
      whole.set(piece.bytes, to);
      to += piece.bytes.length;
      from = piece.at;
    }
    whole.set(this.#bytes.subarray(from, this.#at), to);
    return whole;
  }

  #shortAscii(text: string, length: number): boolean {
    if (this.#at + length + 1 > this.#bytes.length) this.#grow(length + 1);
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return false;
      bytes[at++] = code;
    }
    bytes[this.#at] = SHORT_STRING + length;
    this.#at = at;
    return true;
  }

  /** The length's varint is as wide as the longest encoding could need, so that one pass writes the text in place. */
  #utf8(text: string, length: number): void {
    const most = length * UTF8_BYTES_PER_UNIT;
    if (this.#at + most + 3 > this.#bytes.length) this.#grow(most + 3);
    const bytes = this.#bytes;
    if (most <= SHORT_STRING_BYTES_MAX) {
      const written = bytes.write(text, this.#at + 1, "utf8");
      bytes[this.#at] = SHORT_STRING + written;
      this.#at += 1 + written;
      return;
    }
    const written = bytes.write(text, this.#at + 3, "utf8");
    bytes[this.#at] = TAG.string;
    bytes[this.#at + 1] = (written & 127) | 128;
    bytes[this.#at + 2] = written >>> 7;
    this.#at += 3 + written;
  }

  #longUtf8(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    this.byte(TAG.string);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  #utf16(text: string): void {
    const bytes = Buffer.from(text, "utf16le");
    this.byte(TAG.string16);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  #grow(more: number): void {
    const next = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + more));
    next.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = next;
  }
}
