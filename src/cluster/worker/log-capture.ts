/**
 * Reads what a task prints and hands it on line by line, with the time at which it was read. Reads no faster than its
 * sink takes: the pipe fills up and the task waits. The one invariant: each byte read is in exactly one line handed on,
 * unless that line was cut and says so.
 */
import type { LogSource } from "../../net/wire/iris.ts";
import type { Clock, TimerHandle } from "../../runtime/ports/clock.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { LineCutter } from "./log-lines.ts";

/** Takes a line; what it returns is waited for before more is read. */
export type LineSink = (source: LogSource, data: string, timeMs: number) => Promise<void> | undefined;

/** Resolves when the stream has ended and all of it was taken. Never rejects: a stream that breaks ends there. */
export async function captureLines(
  stream: AsyncIterable<Uint8Array>,
  source: LogSource,
  sink: LineSink,
  clock: Clock,
): Promise<void> {
  const cutter = new LineCutter();
  let timer: TimerHandle | undefined;
  let chunks = 0;
  let ended = false;
  const flushPartial = () => {
    const before = chunks;
    // A late timer may come before bytes that wait in the pipe: they are read first, and a line is not torn by our own haste.
    setImmediate(() => {
      timer = undefined;
      if (ended) return;
      if (chunks !== before) {
        if (cutter.partial) timer = clock.setTimeout(flushPartial, CLUSTER_LIMITS.logFlushMs);
        return;
      }
      const text = cutter.flush(false);
      if (text !== undefined) void sink(source, text, clock.now());
    });
  };
  try {
    for await (const chunk of stream) {
      chunks++;
      const timeMs = clock.now();
      for (const line of cutter.push(chunk)) {
        const room = sink(source, line, timeMs);
        if (room !== undefined) await room;
      }
      if (cutter.partial) timer ??= clock.setTimeout(flushPartial, CLUSTER_LIMITS.logFlushMs);
    }
  } catch {
    // The pipe broke: what it held is lost, what was read is not.
  }
  ended = true;
  clock.clearTimeout(timer);
  const rest = cutter.flush(true);
  if (rest !== undefined) await sink(source, rest, clock.now());
}
