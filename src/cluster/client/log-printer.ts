/**
 * Shows a job's log while it is waited for. The invariant: whatever happens to the log or to where it is shown, the
 * waiting goes on; what went wrong is said in its place.
 */
import type { Writable } from "node:stream";
import { toIrisError } from "../../runtime/errors.ts";
import type { LogEntry } from "./logs.ts";

/** Where lines go: `true` means this process's own, stdout to stdout and the rest to stderr. */
export type LogDestination = true | Writable;

/** Writes the lines until they end, at the pace that the destination takes them. Never rejects. */
export async function printLogs(
  lines: AsyncIterable<LogEntry>,
  destination: LogDestination,
  format: (entry: LogEntry) => string,
): Promise<void> {
  const streamOf = (entry: LogEntry | undefined): Writable => {
    if (destination !== true) return destination;
    return entry?.source === "stdout" ? process.stdout : process.stderr;
  };
  if (destination !== true) destination.on("error", ignore);
  try {
    for await (const entry of lines) {
      if (!(await write(streamOf(entry), `${format(entry)}\n`))) return;
    }
  } catch (thrown) {
    const error = toIrisError(thrown);
    // An end of the waiting ends this too, and is told by the waiting.
    if (error.code !== "CANCELLED" && error.code !== "DEADLINE_EXCEEDED")
      await write(streamOf(undefined), `[iris: the log broke off: ${error.message}]\n`);
  } finally {
    // A failed write is told by an event after its callback: listen one turn longer.
    if (destination !== true) setImmediate(() => destination.off("error", ignore));
  }
}

/** A destination that fails is noticed by its writes; its event must not end the process. */
function ignore(): void {}

/** True when there is room for more; false when nobody will ever read. */
function write(stream: Writable, text: string): Promise<boolean> {
  if (stream.destroyed || stream.writableEnded || stream.errored) return Promise.resolve(false);
  return new Promise((resolve) => {
    // The callback of `write` comes when the text has left, with an error if it could not: an own pace, no listener.
    stream.write(text, (error) => resolve(error === null || error === undefined));
  });
}
