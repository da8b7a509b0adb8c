/**
 * What one end of a session has to say: frames queue up during a turn of the event loop and leave as one message. A
 * full link holds the queue back; what has left cannot be taken back, what has not can. Not a mailbox: it decides
 * nothing, it only keeps order. The one invariant: frames leave in the order they were put.
 */
import { joinFrames } from "./frame.ts";
import type { SessionLimits } from "./limits.ts";
import type { Link } from "./transport.ts";

/** A frame that is waiting, or has left. */
export interface Queued {
  /** Empty once it was taken back. */
  bytes: Uint8Array;
  /** Given to the link: the other end may have seen it. */
  left: boolean;
}

const NOTHING = new Uint8Array(0);

export class Outbox {
  readonly #link: Link;
  readonly #limits: SessionLimits;
  readonly #onOverflow: () => void;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #full = false;
  #flushing: NodeJS.Immediate | undefined;
  #roomWaiters: (() => void)[] = [];

  /** `onOverflow` is told when the peer does not read and even the last bound is passed. */
  constructor(link: Link, limits: SessionLimits, onOverflow: () => void) {
    this.#link = link;
    this.#limits = limits;
    this.#onOverflow = onOverflow;
  }

  /** Bytes that have not left. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether new work may be queued; answers to old work may always, up to the last bound. */
  get hasRoom(): boolean {
    return this.#queuedBytes < this.#limits.queueBytes;
  }

  put(bytes: Uint8Array): Queued {
    const queued = { bytes, left: false };
    this.#queue.push(queued);
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > this.#limits.queueBytesFinal) this.#onOverflow();
    else if (this.#full) return queued;
    else if (this.#queuedBytes >= this.#limits.batchBytes) this.flush();
    else this.#flushing ??= setImmediate(() => this.flush());
    return queued;
  }

  /** Takes a frame back. False if it has left. */
  takeBack(queued: Queued): boolean {
    if (queued.left) return false;
    this.#queuedBytes -= queued.bytes.length;
    queued.bytes = NOTHING;
    return true;
  }

  /** Resolves when the link takes more; at once if it does now. What streams wait for between items. */
  room(): Promise<void> | undefined {
    if (!this.#full) return undefined;
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** The link has room again. */
  drained(): void {
    this.#full = false;
    this.flush();
    if (!this.#full) this.#wake();
  }

  /** Sends what is queued, now, as far as the link takes it; all of it when `forced`. */
  flush(forced = false): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    let from = 0;
    while (from < this.#queue.length && (forced || !this.#full)) {
      const pieces: Uint8Array[] = [];
      let bytes = 0;
      for (; from < this.#queue.length; from++) {
        const queued = this.#queue[from] as Queued;
        if (bytes > 0 && bytes + queued.bytes.length > this.#limits.messageBytes) break;
        queued.left = true;
        if (queued.bytes.length === 0) continue;
        pieces.push(queued.bytes);
        bytes += queued.bytes.length;
      }
      this.#queuedBytes -= bytes;
      if (bytes > 0 && !this.#link.send(joinFrames(pieces, bytes))) this.#full = true;
    }
    this.#queue = from === this.#queue.length ? [] : this.#queue.slice(from);
  }

  /** Forgets what is queued and lets nobody wait. */
  close(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}
