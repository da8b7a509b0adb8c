/** The floors' own little protocol: length and slot, four bytes each, then the payload. Pure. */

const HEADER = 8;

/** Messages that wait for the end of the turn. */
export class Batch {
  readonly #slots: number[] = [];
  readonly #payloads: Uint8Array[] = [];
  #length = 0;

  /** True when it was empty: somebody has to take it at the end of the turn. */
  add(slot: number, payload: Uint8Array): boolean {
    this.#length += HEADER + payload.length;
    this.#payloads.push(payload);
    return this.#slots.push(slot) === 1;
  }

  /** All of it in one buffer; empty afterwards. */
  take(): Buffer {
    const all = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (let index = 0; index < this.#slots.length; index++) {
      const payload = this.#payloads[index] ?? new Uint8Array();
      all.writeUInt32LE(payload.length, at);
      all.writeUInt32LE(this.#slots[index] ?? 0, at + 4);
      all.set(payload, at + HEADER);
      at += HEADER + payload.length;
    }
    this.#slots.length = 0;
    this.#payloads.length = 0;
    this.#length = 0;
    return all;
  }
}

export type OnFrame = (slot: number, payload: Uint8Array) => void;

/** All frames of a buffer that holds whole ones; gives how many bytes of its end are the start of another. */
export function frames(buffer: Buffer, onFrame: OnFrame): number {
  let at = 0;
  while (buffer.length - at >= HEADER) {
    const end = at + HEADER + buffer.readUInt32LE(at);
    if (end > buffer.length) break;
    onFrame(buffer.readUInt32LE(at + 4), buffer.subarray(at + HEADER, end));
    at = end;
  }
  return buffer.length - at;
}

/** Frames out of the pieces that a socket gives. A long frame is gathered once, not at each piece. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #pieces: Buffer[] = [];
  #held = 0;
  #wanted = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.#held < this.#wanted) return;
    const all = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#held);
    const left = frames(all, this.#onFrame);
    const rest = all.subarray(all.length - left);
    this.#pieces = left === 0 ? [] : [rest];
    this.#held = left;
    this.#wanted = left < HEADER ? HEADER : HEADER + rest.readUInt32LE(0);
  }
}
