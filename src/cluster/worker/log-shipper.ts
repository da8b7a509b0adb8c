/**
 * Brings one attempt's lines to the controller: in batches, at most `logFlushMs` late, numbered so that a batch that was
 * sent twice is stored once. Bounded: while the controller takes lines, a full buffer makes the reader wait; while it
 * does not, the oldest unsent lines make way and a line says how many, since a task must not stand still for it. The one
 * invariant: at most one batch is on its way, and its lines keep their numbers until they are acknowledged.
 */
import type { LogEntry } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { Clock, TimerHandle } from "../../runtime/ports/clock.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { WORKER_LIMITS } from "./limits.ts";

/** Where lines are stored. */
export interface LogStore {
  /** False while nothing can be sent. */
  readonly isUp: boolean;
  /** Calls `fn` when `isUp` changed; returns how to stop that. */
  onChange(fn: () => void): () => void;
  /** Resolves, when they are durable, with the number of the next line that the store wants. */
  append(uid: string, firstSequence: number, entries: readonly LogEntry[]): Promise<number>;
}

/** What the store says of an attempt that it will never take lines of again. */
const REFUSALS = ["NOT_FOUND", "INVALID_ARGUMENT", "PERMISSION_DENIED"] as const;

export interface LogShipperOptions {
  readonly uid: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly store: LogStore;
  readonly clock: Clock;
}

export class LogShipper {
  readonly #options: LogShipperOptions;
  readonly #unsubscribe: () => void;
  /** Not yet acknowledged. */
  readonly #entries: LogEntry[] = [];
  #bytes = 0;
  /** Number of the first of `#entries`. */
  #sequence = 0;
  /** So many of `#entries`, the first ones, have been sent before: their numbers are fixed. */
  #numbered = 0;
  #state: "idle" | "sending" | "closed" = "idle";
  #dropped = 0;
  #timer: TimerHandle | undefined;
  #pauseMs: number = WORKER_LIMITS.resendMinMs;
  readonly #roomWaiters: (() => void)[] = [];
  readonly #emptyWaiters: (() => void)[] = [];

  constructor(options: LogShipperOptions) {
    this.#options = options;
    this.#unsubscribe = options.store.onChange(() => this.#linkChanged());
  }

  /** Takes a line. What it returns, if anything, resolves when there is room for more. */
  push(source: LogEntry["source"], data: string, timeMs: number): Promise<void> | undefined {
    if (this.#state === "closed") return undefined;
    const { taskId, attempt, store } = this.#options;
    this.#insert(this.#entries.length, { timeMs, source, data, taskId, attempt });
    if (!store.isUp) {
      this.#makeRoom();
      return undefined;
    }
    if (this.#bytes >= WORKER_LIMITS.logBatchBytes) this.#send();
    else this.#sendWithin(CLUSTER_LIMITS.logFlushMs);
    if (this.#bytes < WORKER_LIMITS.logBufferBytes) return undefined;
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Sends at once what there is; resolves when all of it is acknowledged or will never be wanted. */
  flush(): Promise<void> {
    if (this.#entries.length === 0) return Promise.resolve();
    const empty = new Promise<void>((resolve) => this.#emptyWaiters.push(resolve));
    this.#send();
    return empty;
  }

  /** Nothing more is sent or kept; who waits is released. Safe to call twice. */
  close(): void {
    this.#unsubscribe();
    this.#forget();
    this.#state = "closed";
  }

  #linkChanged(): void {
    if (this.#options.store.isUp) {
      this.#pauseMs = WORKER_LIMITS.resendMinMs;
      this.#send();
    } else {
      this.#makeRoom();
      wakeAll(this.#roomWaiters);
    }
  }

  #insert(at: number, entry: LogEntry): void {
    this.#entries.splice(at, 0, entry);
    this.#bytes += sizeOf(entry);
  }

  #remove(at: number, count: number): void {
    for (const entry of this.#entries.splice(at, count)) this.#bytes -= sizeOf(entry);
  }

  #sendWithin(ms: number): void {
    if (this.#state !== "idle") return;
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, ms);
  }

  #send(): void {
    const { uid, store, clock } = this.#options;
    if (this.#state !== "idle" || !store.isUp) return;
    this.#tellDropped();
    const batch = firstBatch(this.#entries);
    if (batch.length === 0) return;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#state = "sending";
    this.#numbered = Math.max(this.#numbered, batch.length);
    store.append(uid, this.#sequence, batch).then(
      (next) => this.#acknowledged(next, batch.length),
      (error: unknown) => this.#failed(error),
    );
  }

  #acknowledged(next: number, sent: number): void {
    if (this.#state !== "sending") return;
    this.#state = "idle";
    const stored = Math.max(0, Math.min(next - this.#sequence, sent));
    if (stored === 0) {
      // A store that forgot wants lines that are not here any more: it gets these by the numbers it counts on from.
      if (next < this.#sequence) this.#sequence = next;
      this.#sendAfterPause();
      return;
    }
    this.#remove(0, stored);
    this.#sequence += stored;
    this.#numbered -= stored;
    this.#pauseMs = WORKER_LIMITS.resendMinMs;
    if (this.#bytes < WORKER_LIMITS.logBufferBytes) wakeAll(this.#roomWaiters);
    if (this.#entries.length === 0) wakeAll(this.#emptyWaiters);
    else if (this.#emptyWaiters.length > 0 || this.#bytes >= WORKER_LIMITS.logBatchBytes) this.#send();
    else this.#sendWithin(CLUSTER_LIMITS.logFlushMs);
  }

  #failed(error: unknown): void {
    if (this.#state !== "sending") return;
    this.#state = "idle";
    if (REFUSALS.some((code) => IrisError.is(error, code))) this.#forget();
    else if (this.#options.store.isUp) this.#sendAfterPause();
    else this.#makeRoom();
  }

  #sendAfterPause(): void {
    this.#sendWithin(this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, WORKER_LIMITS.resendMaxMs);
  }

  /** Drops the oldest of the lines that have no numbers yet, so that no gap is left. */
  #makeRoom(): void {
    let drop = 0;
    for (let bytes = this.#bytes; bytes > WORKER_LIMITS.logBufferBytes; drop++) {
      const entry = this.#entries[this.#numbered + drop];
      if (entry === undefined) break;
      bytes -= sizeOf(entry);
    }
    this.#remove(this.#numbered, drop);
    this.#dropped += drop;
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const { taskId, attempt, clock } = this.#options;
    const data = `[${this.#dropped} lines dropped: the controller was away and the worker's buffer full]`;
    const timeMs = this.#entries[this.#numbered]?.timeMs ?? clock.now();
    this.#dropped = 0;
    this.#insert(this.#numbered, { timeMs, source: "BUILD", data, taskId, attempt });
  }

  #forget(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sequence += this.#entries.length;
    this.#numbered = 0;
    this.#remove(0, this.#entries.length);
    wakeAll(this.#roomWaiters);
    wakeAll(this.#emptyWaiters);
  }
}

function firstBatch(entries: readonly LogEntry[]): LogEntry[] {
  let count = 0;
  let bytes = 0;
  for (const entry of entries) {
    bytes += sizeOf(entry);
    if (count > 0 && bytes > WORKER_LIMITS.logBatchBytes) break;
    count++;
  }
  return entries.slice(0, count);
}

function wakeAll(waiters: (() => void)[]): void {
  for (const wake of waiters.splice(0)) wake();
}

function sizeOf(entry: LogEntry): number {
  // UTF-16 units: what the text costs here; at most three times that in bytes of UTF-8 on the wire.
  return entry.data.length + WORKER_LIMITS.logEntryBytes;
}
