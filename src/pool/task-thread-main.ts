/**
 * The thread's side of a `LocalPool`: a task of Piscina's that begins to serve a message port, for as long as the thread
 * lives. Runs the calls one at a time, in the order in which they come.
 */
import { receiveMessageOnPort } from "node:worker_threads";
import { encodeValue } from "../net/value/index.ts";
import { answerOf, type LoadedFunction, loadCode } from "./call.ts";
import { RunningCall } from "./context.ts";
import { SharedValues } from "./shared.ts";
import { ThreadGate } from "./thread-gate.ts";
import { Batch, type FromThread, readBatch, type ThreadStart, type ToThread } from "./thread-message.ts";

/** Answers wait for others at most so long, so that a quick call is not held back by slow ones behind it. Unit: ms. */
const ANSWERS_WAIT_MS = 1;

/**
 * How long a thread that has run a call looks out for the next one before it goes back to its event loop. Longer than a
 * caller takes to read a result and call again, shorter than what a timer in the thread is late by anyway. Unit: ms.
 */
const LOOK_OUT_MS = 1;

/** Calls that never wait keep a thread from its event loop at most so long. Unit: ms. */
const LOOP_EVERY_MS = 10;

type CallMessage = Extract<ToThread, readonly ["call", ...unknown[]]>;

/** Begins to serve. */
export default function serve({ port, gate: shared, workspace }: ThreadStart): void {
  const functions = new Map<number, Promise<LoadedFunction>>();
  const out = new Batch<FromThread>(port);
  const values = new SharedValues();
  const gate = new ThreadGate(shared);
  const clock = { now: () => performance.now() };
  let calls: CallMessage[] = [];
  let running: { readonly id: number; readonly call: RunningCall } | undefined;

  async function runAll(): Promise<void> {
    let flushedAt = clock.now();
    let loopedAt = flushedAt;
    for (let message = next(); message !== undefined; message = next()) {
      const [, id, fn, args] = message;
      if (!gate.begin(id)) return;
      running = { id, call: new RunningCall(values) };
      const load = functions.get(fn) ?? Promise.reject(new Error(`function ${fn} was never sent`));
      const { ok, bytes, tookMs } = await answerOf(load, args, clock, running.call);
      if (!gate.end(id)) return;
      out.hold([id, ok, bytes, tookMs]);
      const now = clock.now();
      if (now - flushedAt >= ANSWERS_WAIT_MS || calls.length === 0) {
        flushedAt = now;
        out.flush();
      }
      if (now - loopedAt < LOOP_EVERY_MS) continue;
      out.flush();
      await new Promise<void>((resolve) => setImmediate(resolve));
      flushedAt = clock.now();
      loopedAt = flushedAt;
    }
    running = undefined;
  }

  /** The next call: one at hand, or one that comes while it looks out. */
  function next(): CallMessage | undefined {
    if (calls.length === 0) {
      const knocks = gate.knocks();
      if (!readAll()) {
        gate.waitForKnock(knocks, LOOK_OUT_MS);
        readAll();
      }
    }
    return calls.shift();
  }

  function readAll(): boolean {
    let received = receiveMessageOnPort(port);
    if (received === undefined) return false;
    for (; received !== undefined; received = receiveMessageOnPort(port)) take(received.message);
    return true;
  }

  function take(batch: Uint8Array): void {
    for (const message of readBatch<ToThread>(batch)) {
      if (message[0] === "call") calls.push(message);
      else if (message[0] === "cancel") cancel(message[1]);
      else if (message[0] === "share") values.give(message[1], message[2]);
      else functions.set(message[1], quiet(loadCode(message[2], workspace)));
    }
  }

  /** One that runs is told; one that waits is answered at once, by something that nobody reads; one that ended is past. */
  function cancel(id: number): void {
    if (running?.id === id) running.call.abort();
    const waiting = calls.filter(([, other]) => other !== id);
    if (waiting.length === calls.length) return;
    calls = waiting;
    out.add([id, true, encodeValue(undefined), 0]);
  }

  port.on("message", (batch: Uint8Array) => {
    take(batch);
    if (running === undefined) void runAll();
  });
}

/** A function that cannot be loaded is told to whoever calls it; until then nobody listens. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
