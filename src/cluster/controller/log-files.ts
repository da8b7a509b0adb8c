/**
 * Keeps logs in files below one directory, so that they outlive the controller (layout: `log-segment.ts`). Each attempt's
 * writes go one after the other; attempts do not wait for each other. An append resolves when the operating system has
 * the bytes: they survive the death of this process, though not that of the machine.
 *
 * The one invariant: nothing beyond a segment's `bytes` is ever shown, so a write that is under way or failed is unseen.
 */
import { readFileSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { LogEntry } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { type Logger, silentLogger } from "../../runtime/ports/logger.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { decodeSegment, encodeEntry, encodeOwner, segmentFirst, segmentName } from "./log-segment.ts";
import {
  checkUid,
  droppedNotice,
  isWanted,
  type LogListener,
  LogListeners,
  type LogOwner,
  type LogQuery,
  type LogStore,
  mergeByTime,
  newEntries,
} from "./log-store.ts";

/** An attempt's log is cut into so many segments: the oldest goes as a whole, so this is how finely it is bounded. */
const SEGMENTS = 64;

interface SegmentFile {
  /** Number of its first entry. */
  readonly first: number;
  /** Length of what is written for good. */
  bytes: number;
}

interface Log {
  readonly owner: LogOwner;
  /** Oldest first. */
  readonly segments: SegmentFile[];
  next: number;
  /** The write that the next one waits for. */
  writing: Promise<unknown>;
  isForgotten: boolean;
  /** The last segment may hold more than its `bytes`: a write failed, and so did taking it back. */
  isTorn: boolean;
}

export interface LogFilesOptions {
  /** Made if missing; nothing else may live in it. */
  readonly directory: string;
  readonly logger?: Logger | undefined;
  /** Kept of one attempt, oldest first to go. Unit: bytes, as written. */
  readonly attemptBytes?: number | undefined;
}

/** A `LogStore` that finds again what an earlier one in the same directory has stored. */
export class LogFiles implements LogStore {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #attemptBytes: number;
  readonly #listeners: LogListeners;
  readonly #logs = new Map<string, Log>();
  readonly #byTask = new Map<string, Set<Log>>();
  #isClosed = false;

  private constructor({
    directory,
    logger = silentLogger,
    attemptBytes = CLUSTER_LIMITS.logAttemptBytes,
  }: LogFilesOptions) {
    this.#directory = directory;
    this.#logger = logger;
    this.#attemptBytes = attemptBytes;
    this.#listeners = new LogListeners((error) => logger.error({ error }, "a reader of logs threw"));
  }

  /**
   * Opens the directory and takes stock. Last lines that a crash has torn are cut off: their senders were never told that
   * they are stored. Rejects if the directory cannot be made or read.
   */
  static async open(options: LogFilesOptions): Promise<LogFiles> {
    const store = new LogFiles(options);
    await mkdir(options.directory, { recursive: true });
    for (const uid of await readdir(options.directory)) await store.#load(uid);
    return store;
  }

  async append(owner: LogOwner, firstSequence: number, entries: readonly LogEntry[]): Promise<number> {
    if (this.#isClosed) throw new IrisError("UNAVAILABLE", "the log store is closed");
    checkUid(owner.uid);
    const log = this.#logs.get(owner.uid) ?? this.#add(owner, [], 0);
    const written = log.writing.then(() => this.#write(log, firstSequence, entries));
    log.writing = written.catch(() => {});
    return written;
  }

  read(query: LogQuery): LogEntry[] {
    const logs = [...new Set(query.taskIds)]
      .flatMap((taskId) => [...(this.#byTask.get(taskId) ?? [])])
      .filter(({ owner }) => query.attempt === undefined || query.attempt === owner.attempt);
    return mergeByTime(
      logs.map((log) => this.#readOne(log, query)),
      query.tail,
    );
  }

  subscribe(fn: LogListener): () => void {
    return this.#listeners.add(fn);
  }

  async forget(taskIds: Iterable<string>): Promise<void> {
    for (const taskId of taskIds) {
      const logs = this.#byTask.get(taskId) ?? [];
      this.#byTask.delete(taskId);
      for (const log of logs) {
        log.isForgotten = true;
        this.#logs.delete(log.owner.uid);
        await log.writing;
        await rm(this.#pathOf(log), { recursive: true, force: true });
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#logs.values()].map(({ writing }) => writing));
    this.#listeners.clear();
  }

  #add(owner: LogOwner, segments: SegmentFile[], next: number): Log {
    const log: Log = { owner, segments, next, writing: Promise.resolve(), isForgotten: false, isTorn: false };
    this.#logs.set(owner.uid, log);
    const siblings = this.#byTask.get(owner.taskId) ?? new Set();
    this.#byTask.set(owner.taskId, siblings.add(log));
    return log;
  }

  async #write(log: Log, firstSequence: number, entries: readonly LogEntry[]): Promise<number> {
    const fresh = newEntries(log.owner, log.next, firstSequence, entries, CLUSTER_LIMITS.logLineBytes);
    if (fresh.length === 0 || log.isForgotten) return log.next;
    const last = log.segments.at(-1);
    const isFull = last === undefined || last.bytes >= this.#attemptBytes / SEGMENTS;
    const segment = isFull ? { first: log.next, bytes: 0 } : last;
    const text = (isFull ? encodeOwner(log.owner) : "") + fresh.map(encodeEntry).join("");
    await this.#append(log, segment, text);
    segment.bytes += Buffer.byteLength(text);
    if (isFull) log.segments.push(segment);
    log.next += fresh.length;
    // At once: who reads and subscribes in one turn would otherwise get these entries twice.
    if (!log.isForgotten) this.#listeners.tell(log.owner.taskId, fresh);
    await this.#trim(log);
    return log.next;
  }

  async #append(log: Log, segment: SegmentFile, text: string): Promise<void> {
    const path = this.#pathOf(log, segment);
    try {
      if (log.segments.length === 0) await mkdir(this.#pathOf(log), { recursive: true });
      if (log.isTorn) await truncate(path, segment.bytes);
      log.isTorn = true;
      await appendFile(path, text);
      log.isTorn = false;
    } catch (cause) {
      const { taskId, attempt } = log.owner;
      const message = `log of ${taskId}:${attempt} could not be written: ${(cause as Error).message}; send it again`;
      throw new IrisError("UNAVAILABLE", message, { cause, where: path });
    }
  }

  /** Drops oldest segments until the attempt is within its share; the last one always stays. */
  async #trim(log: Log): Promise<void> {
    let bytes = log.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    while (bytes > this.#attemptBytes && log.segments.length > 1) {
      const oldest = log.segments.shift();
      if (oldest === undefined) return;
      bytes -= oldest.bytes;
      await rm(this.#pathOf(log, oldest), { force: true }).catch((error) => {
        this.#logger.warn({ uid: log.owner.uid, error }, "an old piece of a log could not be deleted");
      });
    }
  }

  /** From the newest segment back, as far as `tail` needs. */
  #readOne(log: Log, query: LogQuery): LogEntry[] {
    const { tail = Number.POSITIVE_INFINITY } = query;
    const parts: LogEntry[][] = [];
    let found = 0;
    for (let index = log.segments.length - 1; index >= 0 && found < tail; index--) {
      const segment = log.segments[index];
      if (segment === undefined) break;
      const entries = this.#entriesOf(log, segment);
      const [oldest] = entries;
      if (index === 0 && segment.first > 0 && oldest !== undefined) {
        entries.unshift(droppedNotice(log.owner, segment.first, this.#attemptBytes, oldest.timeMs));
      }
      const wanted = entries.filter((entry) => isWanted(query, entry));
      found += wanted.length;
      parts.push(wanted);
    }
    return parts.reverse().flat();
  }

  #entriesOf(log: Log, segment: SegmentFile): LogEntry[] {
    try {
      const bytes = readFileSync(this.#pathOf(log, segment)).subarray(0, segment.bytes);
      return [...(decodeSegment(bytes)?.entries ?? [])];
    } catch (error) {
      this.#logger.warn({ uid: log.owner.uid, error }, "a piece of a log cannot be read: its lines are missing");
      return [];
    }
  }

  async #load(uid: string): Promise<void> {
    const directory = join(this.#directory, uid);
    const firsts = (await readdir(directory))
      .map(segmentFirst)
      .filter((first) => first !== undefined)
      .sort((a, b) => a - b);
    const segments: SegmentFile[] = [];
    for (const first of firsts) segments.push({ first, bytes: (await stat(join(directory, segmentName(first)))).size });
    for (let last = segments.at(-1); last !== undefined; last = segments.at(-1)) {
      const path = join(directory, segmentName(last.first));
      const whole = decodeSegment(await readFile(path));
      if (whole !== undefined && whole.entries.length > 0) {
        if (whole.bytes < last.bytes) await truncate(path, whole.bytes);
        last.bytes = whole.bytes;
        this.#add(whole.owner, segments, last.first + whole.entries.length);
        return;
      }
      // It was being begun when the crash came.
      await rm(path);
      segments.pop();
    }
    await rm(directory, { recursive: true });
  }

  #pathOf({ owner }: Log, segment?: SegmentFile): string {
    const directory = join(this.#directory, owner.uid);
    return segment === undefined ? directory : join(directory, segmentName(segment.first));
  }
}
