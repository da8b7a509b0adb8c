/**
 * Reading what tasks printed. The invariant: a reader whose link was cut goes on where it was, each line once. Lines of
 * one attempt come in their order; lines of several are merged by time as far as they have arrived.
 */
import type { ReadLogsRequest, LogEntry as WireLogEntry, LogSource as WireLogSource } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { ControlLink } from "./control-link.ts";

/** Which stream a line came from; `build` is the worker, while it got things ready. */
export type LogSource = "stdout" | "stderr" | "build";

/** One line that a task printed. */
export interface LogEntry {
  /** When the worker read it. Unit: ms since the epoch. */
  readonly timeMs: number;
  readonly source: LogSource;
  /** The line, without its end. */
  readonly data: string;
  readonly taskId: string;
  /** Number of the attempt, from 0. */
  readonly attempt: number;
}

export interface LogQuery {
  /** Go on with what is printed later, until all is ended. Default false. */
  follow?: boolean;
  /** Only the last so many lines of what is there. Default: all. */
  tail?: number;
  /** Only lines from this time on. Unit: ms since the epoch. */
  sinceMs?: number;
  /** Only lines that contain this. */
  contains?: string;
  /** Only this stream. Default: all. */
  source?: LogSource;
  /** Lines of the job's descendants too. Default false. */
  recursive?: boolean;
  /** Only this attempt of each task, from 0. Default: all. */
  attempt?: number;
  /** Aborting ends the reading with `CANCELLED`. */
  signal?: AbortSignal;
}

const SOURCES: Readonly<Record<LogSource, WireLogSource>> = { stdout: "STDOUT", stderr: "STDERR", build: "BUILD" };

const PUBLIC_SOURCES: Readonly<Record<WireLogEntry["source"], LogSource>> = {
  // Never sent; a source that a newer controller knows and we do not is decoded as this.
  LOG_SOURCE_UNSPECIFIED: "stdout",
  STDOUT: "stdout",
  STDERR: "stderr",
  BUILD: "build",
};

/** How far back a cut reader looks for lines of other attempts that arrived late. Unit: ms. */
const LATE_LINES_MS = 60_000;

/** The lines of a job or task. Throws `INVALID_ARGUMENT` for a query that makes no sense. */
export function readLogs(link: ControlLink, id: string, query: LogQuery = {}): AsyncIterable<LogEntry> {
  const request = toRequest(id, query);
  return entries(link, request, query.signal);
}

async function* entries(
  link: ControlLink,
  request: ReadLogsRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogEntry, void, undefined> {
  const place = new Place(request);
  const batches = link.stream((control, options) => control.readLogs(place.resume(), options), signal);
  for await (const batch of batches) {
    for (const entry of batch.entries) if (place.take(entry)) yield toLogEntry(entry);
  }
}

/** How far a reader has come: for each attempt the time of its last line, and how many lines had that time. */
class Place {
  readonly #request: ReadLogsRequest;
  readonly #attempts = new Map<string, { lastMs: number; atLast: number; toSkip: number }>();
  #firstMs = Number.POSITIVE_INFINITY;

  constructor(request: ReadLogsRequest) {
    this.#request = request;
  }

  /** What to ask for now: the first time as it was asked, later from a little before where the slowest attempt is. */
  resume(): ReadLogsRequest {
    if (this.#attempts.size === 0) return this.#request;
    let slowestMs = Number.POSITIVE_INFINITY;
    for (const place of this.#attempts.values()) {
      place.toSkip = place.atLast;
      slowestMs = Math.min(slowestMs, place.lastMs);
    }
    const { tail: _, ...request } = this.#request;
    return { ...request, sinceMs: Math.max(request.sinceMs, this.#firstMs, slowestMs - LATE_LINES_MS) };
  }

  /** Whether the entry is new to the reader. */
  take(entry: WireLogEntry): boolean {
    const key = `${entry.taskId}:${entry.attempt}`;
    const place = this.#attempts.get(key);
    if (place === undefined) {
      this.#attempts.set(key, { lastMs: entry.timeMs, atLast: 1, toSkip: 0 });
      this.#firstMs = Math.min(this.#firstMs, entry.timeMs);
      return true;
    }
    if (place.toSkip > 0) {
      // Reading again what was read: older lines go by uncounted, those of the last line's time are counted off.
      if (entry.timeMs < place.lastMs) return false;
      if (entry.timeMs === place.lastMs) {
        place.toSkip--;
        return false;
      }
      place.toSkip = 0;
    }
    if (entry.timeMs === place.lastMs) place.atLast++;
    else {
      place.lastMs = entry.timeMs;
      place.atLast = 1;
    }
    return true;
  }
}

function toRequest(id: string, query: LogQuery): ReadLogsRequest {
  const { follow = false, tail, sinceMs = 0, contains = "", source, recursive = false, attempt } = query;
  checkCount("tail", tail);
  checkCount("attempt", attempt);
  if (typeof sinceMs !== "number" || !(sinceMs >= 0)) {
    throw new IrisError("INVALID_ARGUMENT", `sinceMs ${String(sinceMs)} is no time: give ms since the epoch`);
  }
  if (source !== undefined && !Object.hasOwn(SOURCES, source)) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `source ${JSON.stringify(source)} is not known: use ${Object.keys(SOURCES).join(", ")}`,
    );
  }
  return {
    id,
    recursive,
    sinceMs,
    contains,
    source: source === undefined ? "LOG_SOURCE_UNSPECIFIED" : SOURCES[source],
    follow,
    ...(tail === undefined ? {} : { tail }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}

function checkCount(key: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff)) {
    throw new IrisError("INVALID_ARGUMENT", `${key} ${String(value)} is not allowed: use a whole number from 0`);
  }
}

function toLogEntry(entry: WireLogEntry): LogEntry {
  const { timeMs, source, data, taskId, attempt } = entry;
  return { timeMs, source: PUBLIC_SOURCES[source] ?? "stdout", data, taskId, attempt };
}
