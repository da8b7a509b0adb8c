/**
 * How a log is laid out in files: one directory for each attempt, named by its uid, and in it segments named by the
 * number of their first entry. A segment is lines of JSON: first whose it is, then `[timeMs, source, data]` each. Only
 * the last line of the last segment can be torn by a crash.
 */
import type { LogEntry, LogSource } from "../../net/wire/iris.ts";
import type { LogOwner } from "./log-store.ts";

const SEGMENT_NAME = /^(\d{16})\.jsonl$/;
const SOURCES: readonly LogSource[] = ["STDOUT", "STDERR", "BUILD"];

/** File name of the segment that begins with entry `first`; names sort as numbers do. */
export function segmentName(first: number): string {
  return `${String(first).padStart(16, "0")}.jsonl`;
}

/** Number of the first entry of the segment of that name; `undefined` for any other file. */
export function segmentFirst(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function encodeOwner({ uid, taskId, attempt }: LogOwner): string {
  return `${JSON.stringify({ uid, taskId, attempt })}\n`;
}

export function encodeEntry({ timeMs, source, data }: LogEntry): string {
  return `${JSON.stringify([timeMs, source, data])}\n`;
}

export interface Segment {
  readonly owner: LogOwner;
  readonly entries: readonly LogEntry[];
  /** Length of what is whole; what follows in the file is torn. */
  readonly bytes: number;
}

/** Reads a segment as far as it is whole; `undefined` if not even its first line is. */
export function decodeSegment(bytes: Buffer): Segment | undefined {
  let at = bytes.indexOf(10);
  const owner = at === -1 ? undefined : decodeOwner(bytes.toString("utf8", 0, at));
  if (owner === undefined) return undefined;
  at++;
  const entries: LogEntry[] = [];
  for (let end = bytes.indexOf(10, at); end !== -1; end = bytes.indexOf(10, at)) {
    const entry = decodeEntry(bytes.toString("utf8", at, end), owner);
    if (entry === undefined) break;
    entries.push(entry);
    at = end + 1;
  }
  return { owner, entries, bytes: at };
}

function decodeOwner(line: string): LogOwner | undefined {
  const { uid, taskId, attempt } = (parse(line) ?? {}) as Partial<LogOwner>;
  if (typeof uid !== "string" || typeof taskId !== "string" || typeof attempt !== "number") return undefined;
  return { uid, taskId, attempt };
}

function decodeEntry(line: string, { taskId, attempt }: LogOwner): LogEntry | undefined {
  const fields = parse(line);
  if (!Array.isArray(fields)) return undefined;
  const [timeMs, source, data] = fields as unknown[];
  if (typeof timeMs !== "number" || typeof data !== "string" || !SOURCES.includes(source as LogSource))
    return undefined;
  return { timeMs, source: source as LogSource, data, taskId, attempt };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
