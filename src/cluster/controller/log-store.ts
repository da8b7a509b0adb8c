/**
 * Where the lines that tasks print are kept: the interface, and what any store does alike. Log lines never pass through
 * the kernel. The one invariant: the entries of an attempt are numbered from 0 without a gap, so a batch that is sent
 * twice is stored once.
 */
import type { LogEntry, LogSource } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";

/** The attempt that printed: its uid says where its lines are kept, the rest is what readers ask by. */
export interface LogOwner {
  readonly uid: string;
  readonly taskId: string;
  readonly attempt: number;
}

export interface LogQuery {
  /** Of these tasks, merged by time. */
  readonly taskIds: readonly string[];
  /** Only of the attempts of this number. */
  readonly attempt?: number | undefined;
  /** Only what was printed at this time or later. Unit: ms since the epoch. */
  readonly sinceMs?: number | undefined;
  /** Only the last so many of what the other conditions leave. */
  readonly tail?: number | undefined;
  /** Only lines that contain this; case counts. */
  readonly contains?: string | undefined;
  /** Only this stream; absent and `LOG_SOURCE_UNSPECIFIED` mean all. */
  readonly source?: LogSource | undefined;
}

export type LogListener = (taskId: string, entries: readonly LogEntry[]) => void;

export interface LogStore {
  /**
   * Keeps `entries`, the first of which has number `firstSequence`; those that are there already are skipped. Resolves,
   * once they are durable and can be read, with the number of the next entry that is wanted. Rejects with
   * `PROTOCOL_ERROR` if entries before `firstSequence` are missing, `INVALID_ARGUMENT` for a uid that is none,
   * `UNAVAILABLE` if they could not be written: nothing of the batch is kept then, and it may be sent again.
   */
  append(owner: LogOwner, firstSequence: number, entries: readonly LogEntry[]): Promise<number>;
  /**
   * What is there, oldest first. Of an attempt that printed more than is kept, a `BUILD` line says how much is missing.
   * Nothing lies between a read and a `subscribe` in the same turn.
   */
  read(query: LogQuery): LogEntry[];
  /** Calls `fn` with what is appended from now on, in order, as soon as it can be read. Returns how to end that. */
  subscribe(fn: LogListener): () => void;
  /** Deletes what these tasks printed. */
  forget(taskIds: Iterable<string>): Promise<void>;
  /** Waits for what is being written. Nothing can be appended afterwards. Safe to call twice. */
  close(): Promise<void>;
}

/** Bytes that an entry is counted with beside its text. */
const ENTRY_BYTES = 32;

/** What an entry costs of its attempt's share. */
export function entryBytes(entry: LogEntry): number {
  return Buffer.byteLength(entry.data) + ENTRY_BYTES;
}

/**
 * Those of a batch that are new to an attempt whose next entry has number `next`, with the owner's names instead of
 * theirs. Throws `PROTOCOL_ERROR` when entries in between are missing.
 */
export function newEntries(
  owner: LogOwner,
  next: number,
  firstSequence: number,
  entries: readonly LogEntry[],
  lineBytes: number,
): LogEntry[] {
  const { uid, taskId, attempt } = owner;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(uid)) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `attempt uid ${JSON.stringify(uid.slice(0, 80))} is none: 1 to 64 of A-Z a-z 0-9 _ -`,
    );
  }
  if (!Number.isSafeInteger(firstSequence) || firstSequence < 0) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `log entries of ${taskId}:${attempt} begin at ${firstSequence}: use a whole number from 0`,
    );
  }
  if (firstSequence > next) {
    const message = `log of ${taskId}:${attempt} has a gap: entry ${next} is wanted next, ${firstSequence} came; nothing was stored`;
    throw new IrisError("PROTOCOL_ERROR", message, { where: taskId });
  }
  return entries
    .slice(next - firstSequence)
    .map(({ timeMs, source, data }) => ({ timeMs, source, data: cut(data, lineBytes), taskId, attempt }));
}

/** Throws `INVALID_ARGUMENT` unless it is the uid of an attempt, and so fit to name a directory. */
export function checkUid(uid: string): void {
  if (typeof uid === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(uid)) return;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `attempt uid ${JSON.stringify(uid)?.slice(0, 80)} is none: use 1 to 64 of A-Z a-z 0-9 _ -`,
  );
}

/** Whether a reader who asks so wants this entry; `tail` and the tasks are another's business. */
export function isWanted({ sinceMs = 0, contains = "", source, attempt }: LogQuery, entry: LogEntry): boolean {
  return (
    entry.timeMs >= sinceMs &&
    (source === undefined || source === "LOG_SOURCE_UNSPECIFIED" || source === entry.source) &&
    (attempt === undefined || attempt === entry.attempt) &&
    (contains === "" || entry.data.includes(contains))
  );
}

/** The line that stands for the oldest `count` entries of an attempt, which made way for later ones. */
export function droppedNotice(owner: LogOwner, count: number, attemptBytes: number, timeMs: number): LogEntry {
  const data = `${count} earlier lines were dropped: the log of an attempt keeps its last ${attemptBytes} bytes`;
  return { timeMs, source: "BUILD", data, taskId: owner.taskId, attempt: owner.attempt };
}

/**
 * Merges the logs of several attempts by time and keeps the last `tail`. Each attempt's own order is kept, also where
 * its times run backwards.
 */
export function mergeByTime(logs: readonly (readonly LogEntry[])[], tail: number | undefined): LogEntry[] {
  const timed: { at: number; entry: LogEntry }[] = [];
  for (const log of logs) {
    let at = Number.NEGATIVE_INFINITY;
    for (const entry of log) {
      at = Math.max(at, entry.timeMs);
      timed.push({ at, entry });
    }
  }
  if (logs.length > 1) timed.sort((one, other) => one.at - other.at);
  const kept = tail === undefined ? timed : tail > 0 ? timed.slice(-tail) : [];
  return kept.map(({ entry }) => entry);
}

/** Tells listeners one after the other; one that throws does not keep the others from hearing. */
export class LogListeners {
  readonly #listeners = new Set<LogListener>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(fn: LogListener): () => void {
    // A function of its own for each, so that the same listener may be added twice.
    const listener: LogListener = (taskId, entries) => fn(taskId, entries);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(taskId: string, entries: readonly LogEntry[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(taskId, entries);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** A line over the limit is cut at a character's border and says so. */
function cut(data: string, lineBytes: number): string {
  const bytes = Buffer.byteLength(data);
  if (bytes <= lineBytes) return data;
  let end = lineBytes;
  const text = Buffer.from(data);
  // Bytes 10xxxxxx go on with a character that began before.
  while (end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${text.toString("utf8", 0, end)} (cut: ${bytes} bytes, ${lineBytes} are kept)`;
}
