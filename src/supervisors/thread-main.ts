/**
 * Where a supervised thread begins: loads its module and runs its function, if it has one. It ends when the function
 * returns, whatever timers are left; a module without a function runs until nothing is left to do.
 */
import type { Writable } from "node:stream";
import { workerData } from "node:worker_threads";
import { IrisError } from "../runtime/errors.ts";
import type { ThreadContext } from "./thread-context.ts";
import type { FromThread, ThreadStart, ToThread } from "./thread-message.ts";

const { control, module, path, data, args, port } = workerData as ThreadStart;
const end = new AbortController();
let hasFunction = false;

const say = (message: FromThread): void => control.postMessage(message);

control.on("message", (message: ToThread) => {
  if (message.iris === "ping") return say({ iris: "pong", look: message.look });
  // Nobody listens in a module without a function, so nobody would end it.
  if (!hasFunction) process.exit(0);
  end.abort(new IrisError("CANCELLED", `thread ${path} is to end: ${message.why}`, { where: path }));
});
// A module without a function ends when it has nothing to do: listening for us is not something to do.
control.unref();

const { default: run } = (await import(module)) as { default?: unknown };
if (typeof run !== "function") {
  say({ iris: "ready" });
} else {
  hasFunction = true;
  control.ref();
  const context: ThreadContext = {
    path,
    data,
    args,
    signal: end.signal,
    port,
    ready: () => say({ iris: "ready" }),
  };
  try {
    await (run as (context: ThreadContext) => unknown)(context);
  } catch (thrown) {
    if (!end.signal.aborted || !isAbort(thrown)) throw thrown;
  }
  // What it printed is still on its way, and would be lost.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(0);
}

function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}

function isAbort(thrown: unknown): boolean {
  if (thrown === end.signal.reason || IrisError.is(thrown, "CANCELLED")) return true;
  return thrown instanceof Error && thrown.name === "AbortError";
}
