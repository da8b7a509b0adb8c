/** Keeps logs in memory, for a controller that keeps nothing: they are gone with it. */
import type { LogEntry } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { type Logger, silentLogger } from "../../runtime/ports/logger.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import {
  checkUid,
  droppedNotice,
  entryBytes,
  isWanted,
  type LogListener,
  LogListeners,
  type LogOwner,
  type LogQuery,
  type LogStore,
  mergeByTime,
  newEntries,
} from "./log-store.ts";

/** One attempt's log. Entries before `head` are dropped, and cut off from time to time. */
interface Log {
  readonly owner: LogOwner;
  entries: LogEntry[];
  head: number;
  /** Number of the entry at `head`. */
  first: number;
  bytes: number;
}

export interface LogMemoryOptions {
  readonly logger?: Logger | undefined;
  /** Kept of one attempt, oldest first to go. Unit: bytes. */
  readonly attemptBytes?: number | undefined;
}

/** A `LogStore` whose entries live as long as it does. */
export class LogMemory implements LogStore {
  readonly #attemptBytes: number;
  readonly #listeners: LogListeners;
  readonly #logs = new Map<string, Log>();
  readonly #byTask = new Map<string, Set<Log>>();
  #isClosed = false;

  constructor({ logger = silentLogger, attemptBytes = CLUSTER_LIMITS.logAttemptBytes }: LogMemoryOptions = {}) {
    this.#attemptBytes = attemptBytes;
    this.#listeners = new LogListeners((error) => logger.error({ error }, "a reader of logs threw"));
  }

  async append(owner: LogOwner, firstSequence: number, entries: readonly LogEntry[]): Promise<number> {
    if (this.#isClosed) throw new IrisError("UNAVAILABLE", "the log store is closed");
    checkUid(owner.uid);
    const known = this.#logs.get(owner.uid);
    const log = known ?? { owner, entries: [], head: 0, first: 0, bytes: 0 };
    const fresh = newEntries(owner, nextOf(log), firstSequence, entries, CLUSTER_LIMITS.logLineBytes);
    if (known === undefined) this.#add(log);
    for (const entry of fresh) {
      log.entries.push(entry);
      log.bytes += entryBytes(entry);
    }
    this.#trim(log);
    if (fresh.length > 0) this.#listeners.tell(owner.taskId, fresh);
    return nextOf(log);
  }

  read(query: LogQuery): LogEntry[] {
    const logs = [...new Set(query.taskIds)].flatMap((taskId) => [...(this.#byTask.get(taskId) ?? [])]);
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
      for (const log of this.#byTask.get(taskId) ?? []) this.#logs.delete(log.owner.uid);
      this.#byTask.delete(taskId);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
  }

  #add(log: Log): void {
    this.#logs.set(log.owner.uid, log);
    const siblings = this.#byTask.get(log.owner.taskId) ?? new Set();
    this.#byTask.set(log.owner.taskId, siblings.add(log));
  }

  #readOne(log: Log, query: LogQuery): LogEntry[] {
    const kept = log.entries.slice(log.head);
    const [oldest] = kept;
    if (log.first > 0 && oldest !== undefined) {
      kept.unshift(droppedNotice(log.owner, log.first, this.#attemptBytes, oldest.timeMs));
    }
    return kept.filter((entry) => isWanted(query, entry));
  }

  #trim(log: Log): void {
    while (log.bytes > this.#attemptBytes && log.head < log.entries.length - 1) {
      const dropped = log.entries[log.head++];
      log.first++;
      if (dropped !== undefined) log.bytes -= entryBytes(dropped);
    }
    // Half of the array is dead: worth a copy.
    if (log.head > log.entries.length / 2) {
      log.entries = log.entries.slice(log.head);
      log.head = 0;
    }
  }
}

/** Number of the next entry. */
function nextOf({ first, entries, head }: Log): number {
  return first + entries.length - head;
}
