/**
 * A worker thread as a supervised child. Its module exports a function that is run like a service's, though it cannot
 * hold up this event loop, may hold up its own, and can be ended by force wherever it is. Threads that it started end
 * with it; processes that it started do not.
 *
 *     // crunch.ts
 *     import type { ThreadContext } from "iris-runtime";
 *     export default async function crunch(ctx: ThreadContext): Promise<void> {
 *       ctx.ready();
 *       while (!ctx.signal.aborted) await step(ctx.data);
 *     }
 */
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { MessageChannel, type MessagePort, type ResourceLimits } from "node:worker_threads";
import { IrisError, toError, toIrisError } from "../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../runtime/exit.ts";
import { type Environment, processEnvironment } from "../runtime/ports/environment.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { ChildOptions } from "./options.ts";
import { Output, type OutputSource } from "./output.ts";
import { type Outside, startOutside } from "./outside-child.ts";
import { checkPace, type Pace } from "./probe.ts";
import type { ChildEnv, ChildSpec, RunningChild } from "./spec.ts";
import { childBasics } from "./spec-check.ts";
import { type LaunchedThread, nodeThreads, type ThreadExit, type ThreadLauncher } from "./thread-launcher.ts";

export interface ThreadOptions extends ChildOptions {
  /** Handed to the module as `ctx.data`: a copy, made as `postMessage` does, anew for each start. */
  data?: unknown;
  /** Variables to add to those of this process; `undefined` takes one away. */
  env?: Environment;
  /** What it may take, above all `maxOldGenerationSizeMb`; a thread that needs more ends as crashed. */
  resourceLimits?: ResourceLimits;
  /** Time to call `ctx.ready()`; then it is ended and the start has failed. Default 30 000 ms. */
  readyTimeoutMs?: number;
  /**
   * How often its event loop must show that it turns; one that does not, in so many looks in a row, has crashed: it is
   * ended and, as any that crashed, started again. Default: not looked at.
   */
  live?: Pace;
  /** Called at each start with this side's end of a fresh channel; the thread has the other as `ctx.port`. */
  onPort?: (port: MessagePort) => void;
  /** Called with each line that it prints. Default: it prints where this process does. */
  onLine?: (line: string, source: OutputSource) => void;
  /** Default: Node's worker threads. */
  launcher?: ThreadLauncher;
}

/**
 * A child that is a thread. `module` is a URL, such as `new URL("./crunch.ts", import.meta.url)`, or an absolute path;
 * TypeScript is fine. The function that it exports as `default` is called with a `ThreadContext` and must call
 * `ctx.ready()`; returning is a normal end, throwing before `ready()` a failed start, and after it a crash. A module
 * without such a function is ready once it is loaded, ends when it has nothing left to do, and is not asked to end but
 * ended. Throws `INVALID_ARGUMENT` for unsound options.
 */
export function thread(id: string, module: string | URL, options: ThreadOptions = {}): ChildSpec {
  const { readyTimeoutMs = SUPERVISION_LIMITS.startTimeoutMs, live } = options;
  const url = moduleUrl(id, module);
  if (!(readyTimeoutMs > 0)) {
    throw new IrisError("INVALID_ARGUMENT", `readyTimeoutMs of thread "${id}" is ${readyTimeoutMs}: use ms above 0`);
  }
  if (live !== undefined) checkPace(`thread "${id}"`, live);
  return {
    ...childBasics(id, options),
    kind: "thread",
    start: (env) => startThread(url, { ...options, readyTimeoutMs }, env),
  };
}

async function startThread(
  module: string,
  options: ThreadOptions & { readyTimeoutMs: number },
  env: ChildEnv,
): Promise<RunningChild> {
  env.signal.throwIfAborted();
  const { readyTimeoutMs, live } = options;
  const output = new Output("thread", options, env);
  const up = Promise.withResolvers<void>();
  const looks = new Looks();
  const channel = options.onPort === undefined ? undefined : new MessageChannel();
  let launched: LaunchedThread;
  try {
    launched = (options.launcher ?? nodeThreads()).launch({
      module,
      path: env.path,
      data: options.data,
      args: env.args,
      env: { ...processEnvironment, ...options.env },
      resourceLimits: options.resourceLimits,
      port: channel?.port2,
      onLine: options.onLine === undefined ? undefined : (source, line) => output.take(source, line),
      onMessage(message) {
        if (message.iris === "ready") up.resolve();
        else looks.answered(message.look);
      },
    });
  } catch (thrown) {
    channel?.port1.close();
    const { message } = toError(thrown);
    throw new IrisError("INVALID_ARGUMENT", `thread ${env.path} cannot be started: ${message}`, { cause: thrown });
  }
  const outside = new OutsideThread(launched, output, module, options, env);
  void outside.gone.then(() => channel?.port1.close());
  const watch = {
    readyTimeoutMs,
    mayEndFirst: true,
    isReady: () => {
      if (channel !== undefined) options.onPort?.(channel.port1);
      return up.promise;
    },
    live: live && { what: "in its event loop", answers: () => looks.next(launched), pace: live },
  };
  return startOutside(outside, watch, env);
}

/** Whether the answer to the latest look has come by the time of the next: nobody waits in between. */
class Looks {
  #asked = 0;
  #answered = 0;

  answered(look: number): void {
    this.#answered = Math.max(this.#answered, look);
  }

  async next(launched: LaunchedThread): Promise<boolean> {
    const isAlive = this.#answered === this.#asked;
    launched.post({ iris: "ping", look: ++this.#asked });
    return isAlive;
  }
}

class OutsideThread implements Outside {
  readonly name: string;
  readonly request = "it was asked";
  readonly crashesWhenAsked = true;
  readonly gone: Promise<ExitReason>;
  readonly #launched: LaunchedThread;
  readonly #output: Output;
  readonly #module: string;
  readonly #limits: ResourceLimits | undefined;
  readonly #where: string;

  constructor(launched: LaunchedThread, output: Output, module: string, options: ThreadOptions, { path }: ChildEnv) {
    this.name = `thread ${path}`;
    this.#launched = launched;
    this.#output = output;
    this.#module = module;
    this.#limits = options.resourceLimits;
    this.#where = path;
    this.gone = launched.exited.then((exit) => this.#reason(exit));
  }

  get quoted(): string {
    return this.#output.quoted;
  }

  ask(why: string): void {
    this.#launched.post({ iris: "stop", why });
  }

  force(): void {
    this.#launched.terminate();
  }

  #reason({ code, error }: ThreadExit): ExitReason {
    if (error === undefined && code === 0) return NORMAL;
    return { kind: "crashed", error: this.#failure(code, error) };
  }

  #failure(code: number, thrown: unknown): IrisError {
    const where = this.#where;
    if (thrown === undefined) {
      return new IrisError("INTERNAL", `${this.name} ended with exit code ${code}${this.quoted}`, { where });
    }
    const kind = (thrown as { code?: unknown } | null)?.code;
    if (kind === "ERR_WORKER_OUT_OF_MEMORY") {
      const limit = this.#limits?.maxOldGenerationSizeMb;
      const bound = limit === undefined ? "Node's own limit" : `maxOldGenerationSizeMb ${limit}`;
      const message = `${this.name} ran out of memory (${bound})${this.quoted}: raise resourceLimits, or let it hold less`;
      return new IrisError("RESOURCE_EXHAUSTED", message, { where, cause: thrown, retryable: false });
    }
    if (kind === "ERR_MODULE_NOT_FOUND") {
      const message = `${this.name} cannot load ${this.#module}: ${toError(thrown).message}`;
      return new IrisError("NOT_FOUND", message, { where, cause: thrown });
    }
    return toIrisError(thrown, "INTERNAL", where);
  }
}

function moduleUrl(id: string, module: string | URL): string {
  if (module instanceof URL) return module.href;
  if (typeof module === "string" && isAbsolute(module)) return pathToFileURL(module).href;
  if (typeof module === "string" && URL.canParse(module) && /^(file|data|node):/.test(module)) return module;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `module of thread "${id}" is ${JSON.stringify(module)}: use new URL("./module.ts", import.meta.url) or an absolute path`,
  );
}
