/**
 * Bytes to lines (no I/O, no clock). A line ends with LF or CRLF; one that is too long is cut and says so; characters
 * may be split over chunks; bytes that are no UTF-8 become U+FFFD. The one invariant: it holds at most one line.
 */
import { CLUSTER_LIMITS } from "../job/limits.ts";

const LF = 0x0a;
const CR = 0x0d;

export class LineCutter {
  readonly #lineBytesMax: number;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #mark: string;
  readonly #keepBytes: number;
  /** The unfinished line. */
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** The rest of a line that was cut is left out. */
  #skipping = false;

  constructor(lineBytesMax: number = CLUSTER_LIMITS.logLineBytes) {
    this.#lineBytesMax = lineBytesMax;
    this.#mark = ` [line cut: over ${lineBytesMax} bytes]`;
    this.#keepBytes = Math.max(0, lineBytesMax - this.#mark.length);
  }

  /** Whether there is an unfinished line to flush. */
  get partial(): boolean {
    return this.#bytes > 0;
  }

  /** The lines that `chunk` completes. Keeps no reference to it. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LF, from);
      const piece = chunk.subarray(from, end === -1 ? undefined : end);
      this.#append(piece, lines);
      if (end === -1) return lines;
      if (this.#skipping) this.#skipping = false;
      else lines.push(this.#take(true));
      from = end + 1;
    }
  }

  /**
   * The unfinished line as far as it came, for one that waits for input or draws a progress bar. Keeps back the bytes of
   * an unfinished character unless this is the end.
   */
  flush(end: boolean): string | undefined {
    if (this.#bytes === 0) return undefined;
    const bytes = Buffer.concat(this.#chunks);
    const whole = end ? bytes.length : wholeCharacters(bytes);
    this.#chunks = whole === bytes.length ? [] : [bytes.subarray(whole)];
    this.#bytes = bytes.length - whole;
    return whole === 0 ? undefined : this.#decoder.decode(bytes.subarray(0, whole));
  }

  #append(piece: Uint8Array, lines: string[]): void {
    if (piece.length === 0 || this.#skipping) {
      // A progress bar goes back to the start of its line: what follows is new.
      if (this.#skipping && piece.includes(CR)) this.#skipping = false;
      return;
    }
    if (this.#bytes + piece.length <= this.#lineBytesMax) {
      this.#chunks.push(Uint8Array.from(piece));
      this.#bytes += piece.length;
      return;
    }
    const head = Buffer.concat([...this.#chunks, piece.subarray(0, this.#lineBytesMax - this.#bytes)]);
    const kept = head.subarray(0, this.#keepBytes);
    lines.push(this.#decoder.decode(kept.subarray(0, wholeCharacters(kept))) + this.#mark);
    this.#chunks = [];
    this.#bytes = 0;
    this.#skipping = true;
  }

  #take(stripCr: boolean): string {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    if (bytes === undefined) return "";
    return this.#decoder.decode(stripCr && bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes);
  }
}

/** How many of `bytes` are left when an unfinished UTF-8 character at their end is not counted. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue; // the middle of a character
    const length = byte >= 0b1111_0000 ? 4 : byte >= 0b1110_0000 ? 3 : byte >= 0b1100_0000 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
