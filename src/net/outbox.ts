/**
 * What one end of a session has to say: frames queue up during a turn and leave as one message. A full link holds the
 * queue back; what has left cannot be taken back, what has not can. Not a mailbox: it decides nothing, it only keeps
 * order. The one invariant: frames leave in the order they were put.
 */
import { Batch } from "./batch.ts";
import type { SessionLimits } from "./limits.ts";
import type { Link } from "./transport.ts";

/** A payload of so many bytes leaves as a message of its own, without being copied. Unit: bytes. */
export const BIG_PAYLOAD_BYTES = 64 * 1024;
/** Beyond this a batch is handed over as it lies; below, copying it is cheaper than giving its buffer away. Unit: bytes. */
const COPIED_BYTES_MAX = 32 * 1024;
const NOTHING = new Uint8Array(0);

/** A frame whose payload lies where its owner made it. Empty once it was taken back. */
interface Big {
  readonly firstTicket: number;
  readonly count: 1;
  head: Uint8Array;
  payload: Uint8Array;
}

export class Outbox {
  readonly #link: Link;
  readonly #limits: SessionLimits;
  readonly #onOverflow: () => void;
  /** Where frames go now. */
  #open: Batch | undefined;
  /** Complete, and not sent: the link is full. */
  #closed: (Batch | Big)[] = [];
  #closedBytes = 0;
  #nextTicket = 1;
  /** Ticket of the first frame that has not left. */
  #firstKept = 1;
  /** Where `begin` said to write. */
  into: Buffer = Buffer.alloc(0);
  #full = false;
  #isSealed = false;
  #isDue = false;
  #roomWaiters: (() => void)[] = [];
  readonly #onDue = () => {
    if (this.#isDue) this.flush();
  };
  readonly hasLeft = (ticket: number): boolean => ticket < this.#firstKept;

  /** `onOverflow` is told when the peer does not read and even the last bound is passed. */
  constructor(link: Link, limits: SessionLimits, onOverflow: () => void) {
    this.#link = link;
    this.#limits = limits;
    this.#onOverflow = onOverflow;
  }

  /** Bytes that have not left. */
  get queuedBytes(): number {
    return this.#closedBytes + (this.#open?.end ?? 0);
  }

  /** Whether new work may be queued; answers to old work may always, up to the last bound. */
  get hasRoom(): boolean {
    return this.queuedBytes < this.#limits.queueBytes;
  }

  /** Puts a frame that is encoded already; its ticket. */
  put(frame: Uint8Array): number {
    const at = this.begin(frame.length, 0);
    this.into.set(frame, at);
    return this.finish(at + frame.length, NOTHING);
  }

  /**
   * Makes room for one frame of `frameBytes`, of which the last `payloadBytes` are its payload, and returns from where on
   * to write the others to `into`. `finish` must follow before anything else is put.
   */
  begin(frameBytes: number, payloadBytes: number): number {
    if (payloadBytes >= BIG_PAYLOAD_BYTES) {
      this.into = Buffer.allocUnsafe(frameBytes - payloadBytes);
      return 0;
    }
    let open = this.#open;
    if (open !== undefined && !this.#fits(open, frameBytes)) {
      this.#close(open);
      open = undefined;
    }
    if (open === undefined) {
      open = Batch.take(frameBytes, this.#nextTicket);
      this.#open = open;
    }
    this.into = open.bytes;
    return open.end;
  }

  /** What comes before the payload has been written up to `at`. Returns the frame's ticket. */
  finish(at: number, payload: Uint8Array): number {
    const ticket = this.#nextTicket++;
    if (payload.length >= BIG_PAYLOAD_BYTES) {
      if (this.#open !== undefined) this.#close(this.#open);
      this.#closed.push({ firstTicket: ticket, count: 1, head: this.into, payload });
      this.#closedBytes += this.into.length + payload.length;
    } else {
      const open = this.#open as Batch;
      if (payload.length > 0) open.bytes.set(payload, at);
      open.grew(at + payload.length);
    }
    this.#leaveSoon();
    return ticket;
  }

  /** Takes a frame back. False if it has left. */
  takeBack(ticket: number): boolean {
    if (ticket < this.#firstKept) return false;
    const open = this.#open;
    if (open !== undefined && ticket >= open.firstTicket) {
      open.remove(ticket);
      return true;
    }
    const holder = this.#closed.find((each) => ticket < each.firstTicket + each.count);
    if (holder instanceof Batch) {
      this.#closedBytes -= holder.remove(ticket);
    } else if (holder !== undefined) {
      this.#closedBytes -= holder.head.length + holder.payload.length;
      holder.head = NOTHING;
      holder.payload = NOTHING;
    }
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
    this.#isDue = false;
    if (this.#closed.length > 0) this.#sendClosed(forced);
    const open = this.#open;
    if (open === undefined || (this.#full && !forced)) return;
    this.#open = undefined;
    this.#send(open);
  }

  /** Forgets what is queued and lets nobody wait. */
  close(): void {
    this.#isDue = false;
    this.#isSealed = true;
    this.#open?.recycle();
    this.#open = undefined;
    this.#closed = [];
    this.#closedBytes = 0;
    this.#wake();
  }

  #fits(open: Batch, frameBytes: number): boolean {
    return open.hasRoom(frameBytes) && open.end + frameBytes <= this.#limits.messageBytes;
  }

  #close(open: Batch): void {
    this.#open = undefined;
    this.#closed.push(open);
    this.#closedBytes += open.end;
  }

  #leaveSoon(): void {
    const queuedBytes = this.queuedBytes;
    if (this.#isSealed)
      this.close(); // what is said after the end is heard by nobody
    else if (queuedBytes > this.#limits.queueBytesFinal) this.#onOverflow();
    else if (this.#full) this.#closeFull();
    else if (queuedBytes >= this.#limits.batchBytes) this.flush();
    else if (!this.#isDue) {
      this.#isDue = true;
      // Where an answer cannot come before the loop has turned, the end of the tick is the end of the turn.
      if (this.#link.turnsLoop === true) process.nextTick(this.#onDue);
      else setImmediate(this.#onDue);
    }
  }

  /** While nothing leaves, batches stay as small as they would have been. */
  #closeFull(): void {
    const open = this.#open;
    if (open !== undefined && open.end >= this.#limits.batchBytes) this.#close(open);
  }

  #sendClosed(forced: boolean): void {
    let sent = 0;
    for (const each of this.#closed) {
      if (this.#full && !forced) break;
      sent++;
      if (each instanceof Batch) {
        this.#closedBytes -= each.end;
        this.#send(each);
      } else {
        this.#closedBytes -= each.head.length + each.payload.length;
        this.#sendBig(each);
      }
    }
    this.#closed = sent === this.#closed.length ? [] : this.#closed.slice(sent);
  }

  #send(batch: Batch): void {
    this.#firstKept = batch.firstTicket + batch.count;
    if (batch.end === 0) {
      batch.recycle(); // all of it was taken back
      return;
    }
    const link = this.#link;
    // A link that keeps what it was given would keep a whole buffer for a few bytes.
    const apart = link.keptBytes !== 0 && batch.end <= COPIED_BYTES_MAX;
    if (!link.send(batch.message(apart))) this.#full = true;
    if (apart || link.keptBytes === 0) batch.recycle();
  }

  #sendBig({ firstTicket, head, payload }: Big): void {
    this.#firstKept = firstTicket + 1;
    if (head.length === 0) return;
    const link = this.#link;
    const taken =
      link.sendParts === undefined ? link.send(Buffer.concat([head, payload])) : link.sendParts(head, payload);
    if (!taken) this.#full = true;
  }

  #wake(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}
