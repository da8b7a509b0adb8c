/**
 * Reading what tasks printed: what is there, then, if asked, what comes, until every asked task is final and its worker
 * has confirmed that nothing of it is left. Workers send an attempt's last lines before its end, so nothing comes after.
 */
import type { Identity } from "../../net/channel.ts";
import type { LogBatch, LogEntry, ReadLogsRequest } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { parseId } from "../job/id.ts";
import { isFinalTask } from "../job/status.ts";
import { jobOf, taskOf } from "./access.ts";
import { isWanted, type LogQuery, type LogStore } from "./log-store.ts";
import { isHeld, type View } from "./state.ts";
import { Bell, topicOf, type Watches } from "./watches.ts";

/** Entries in one batch: bounds the memory of one answer, and hides the cost of a message. */
const BATCH_ENTRIES_MAX = 500;
/** Text in one batch, far below what one message may carry. Unit: characters. */
const BATCH_CHARS_MAX = 1024 * 1024;
/** Entries that wait for a follower that does not read, after which it is told to come back. */
const WAITING_ENTRIES_MAX = 100_000;

export interface LogReader {
  view(): View;
  readonly logs: LogStore;
  readonly watches: Watches;
}

export async function* readLogs(
  reader: LogReader,
  request: ReadLogsRequest,
  by: Identity,
  signal: AbortSignal,
): AsyncGenerator<LogBatch> {
  const { follow } = request;
  if (!follow) {
    const tasks = tasksAsked(reader.view(), request, by);
    yield* inBatches(reader.logs.read(queryOf(request, tasks)));
    return;
  }
  const bell = new Bell();
  const waiting: LogEntry[] = [];
  let asked: ReadonlySet<string> = new Set();
  let overrun = false;
  const { jobId } = parseId(request.id);
  const query = queryOf(request, new Set());
  const leave = [
    reader.logs.subscribe((taskId, entries) => {
      const isAsked = asked.has(taskId) || (request.recursive && taskId.startsWith(`${jobId}/`));
      if (!isAsked) return;
      for (const entry of entries) if (isWanted(query, entry)) waiting.push(entry);
      if (waiting.length > WAITING_ENTRIES_MAX) overrun = true;
      bell.ring();
    }),
    reader.watches.listen(topicOf.job(jobId), bell.ring),
    reader.watches.listen(topicOf.tree(jobId), bell.ring),
  ];
  try {
    asked = tasksAsked(reader.view(), request, by);
    yield* inBatches(reader.logs.read(queryOf(request, asked)));
    while (!signal.aborted) {
      if (overrun) {
        throw new IrisError(
          "RESOURCE_EXHAUSTED",
          `the reader of ${request.id} is more than ${WAITING_ENTRIES_MAX} lines behind: read again from where it came to`,
        );
      }
      yield* inBatches(waiting.splice(0));
      asked = tasksAsked(reader.view(), request, by);
      const isOver = [...asked].every((taskId) => isDrained(reader.view(), taskId));
      if (isOver && waiting.length === 0) return;
      if (!isOver) await bell.wait(signal);
    }
  } finally {
    for (const stop of leave) stop();
  }
}

function queryOf(
  { attempt, sinceMs, tail, contains, source }: ReadLogsRequest,
  taskIds: ReadonlySet<string>,
): LogQuery {
  return { taskIds: [...taskIds], attempt, sinceMs, tail, contains, source };
}

function tasksAsked(view: View, { id, recursive }: ReadLogsRequest, by: Identity): ReadonlySet<string> {
  if (parseId(id).kind === "task") return new Set([taskOf(view, id, by).id]);
  const found = new Set<string>();
  const visit = (jobId: string): void => {
    for (const task of view.tasks.by("job", jobId)) found.add(task.id);
    if (recursive) for (const child of view.jobs.by("children", jobId)) visit(child.id);
  };
  visit(jobOf(view, id, by).id);
  return found;
}

function isDrained(view: View, taskId: string): boolean {
  const task = view.tasks.get(taskId);
  return task === undefined || (isFinalTask(task.state) && !view.attempts.by("task", taskId).some(isHeld));
}

function* inBatches(entries: readonly LogEntry[]): Generator<LogBatch> {
  let batch: LogEntry[] = [];
  let chars = 0;
  for (const entry of entries) {
    if (batch.length >= BATCH_ENTRIES_MAX || (batch.length > 0 && chars + entry.data.length > BATCH_CHARS_MAX)) {
      yield { entries: batch };
      batch = [];
      chars = 0;
    }
    batch.push(entry);
    chars += entry.data.length;
  }
  if (batch.length > 0) yield { entries: batch };
}
