/**
 * The thread's side of a `LocalPool`: a task of Piscina's that begins to serve a message port, for as long as the thread
 * lives. Runs the calls one at a time, in the order in which they come.
 */
import { threadId } from "node:worker_threads";
import { answerOf, type LoadedFunction, loadCode } from "./call.ts";
import { Batch, type FromThread, readBatch, type ThreadStart, type ToThread } from "./thread-message.ts";

/** Answers wait for others at most so long, so that a quick call is not held back by slow ones behind it. Unit: ms. */
const ANSWERS_WAIT_MS = 1;

type CallMessage = Extract<ToThread, readonly ["call", ...unknown[]]>;

/** Begins to serve, and tells which thread this is. */
export default function serve({ port, workspace }: ThreadStart): number {
  const functions = new Map<number, Promise<LoadedFunction>>();
  const out = new Batch<FromThread>(port);
  const calls: CallMessage[] = [];
  const clock = { now: () => performance.now() };
  let isRunning = false;

  async function runAll(): Promise<void> {
    isRunning = true;
    let flushedAt = clock.now();
    for (let call = calls.shift(); call !== undefined; call = calls.shift()) {
      const [, id, fn, args] = call;
      const load = functions.get(fn) ?? Promise.reject(new Error(`function ${fn} was never sent`));
      const { ok, bytes, tookMs } = await answerOf(load, args, clock);
      out.hold([id, ok, bytes, tookMs]);
      const now = clock.now();
      if (now - flushedAt < ANSWERS_WAIT_MS && calls.length > 0) continue;
      flushedAt = now;
      out.flush();
    }
    isRunning = false;
  }

  port.on("message", (batch: Uint8Array) => {
    for (const message of readBatch<ToThread>(batch)) {
      if (message[0] === "call") calls.push(message);
      else functions.set(message[1], quiet(loadCode(message[2], workspace)));
    }
    if (!isRunning) void runAll();
  });
  return threadId;
}

/** A function that cannot be loaded is told to whoever calls it; until then nobody listens. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
