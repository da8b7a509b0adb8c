/**
 * Frames side by side in one buffer, to leave as one message. Buffers of the usual size go from one batch to the next,
 * whosever it is, so that a session which says nothing holds none. The one invariant: a buffer is given on only when
 * nobody reads it any more.
 */

/** Room of a batch: the bytes at which it leaves, and one more frame that is not worth a message of its own. Unit: bytes. */
const BUFFER_BYTES = 80 * 1024;
/** Buffers kept for the next: more batches are seldom open within one turn. */
const SPARE_MAX = 16;

const spare: Batch[] = [];

export class Batch {
  readonly bytes: Buffer;
  /** Ticket of the first frame. */
  firstTicket = 0;
  /** Frames in it, those taken back included. */
  count = 0;
  /** Where the next frame goes. */
  end = 0;
  /** Where each frame begins. */
  readonly #starts: number[] = [];

  private constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** An empty one that has room for `bytes` at least. */
  static take(bytes: number, firstTicket: number): Batch {
    const batch = bytes > BUFFER_BYTES ? new Batch(bytes) : (spare.pop() ?? new Batch(BUFFER_BYTES));
    batch.firstTicket = firstTicket;
    return batch;
  }

  /** Gives the buffer on. Nobody may read it any more. */
  recycle(): void {
    if (this.bytes.length !== BUFFER_BYTES || spare.length >= SPARE_MAX) return;
    this.count = 0;
    this.end = 0;
    spare.push(this);
  }

  hasRoom(bytes: number): boolean {
    return this.end + bytes <= this.bytes.length;
  }

  /** A frame was written from `end` to `to`. */
  grew(to: number): void {
    this.#starts[this.count++] = this.end;
    this.end = to;
  }

  /** Takes a frame out; how many bytes that were. */
  remove(ticket: number): number {
    const index = ticket - this.firstTicket;
    const from = this.#starts[index] as number;
    const to = index + 1 < this.count ? (this.#starts[index + 1] as number) : this.end;
    const removed = to - from;
    this.bytes.copyWithin(from, to, this.end);
    for (let i = index + 1; i < this.count; i++) this.#starts[i] = (this.#starts[i] as number) - removed;
    this.end -= removed;
    return removed;
  }

  /** The message. It shows the buffer itself; with `apart` it is a copy. */
  message(apart: boolean): Uint8Array {
    return apart ? Buffer.copyBytesFrom(this.bytes, 0, this.end) : this.bytes.subarray(0, this.end);
  }
}
