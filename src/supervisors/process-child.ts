/**
 * An operating system process as a supervised child. It leads a group of its own: stopping sends SIGTERM to the whole
 * group, SIGKILL after the grace, and whatever way it ends, the rest of its group is killed before its end is told. It
 * ends with this process, except when that is ended by SIGKILL.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../runtime/exit.ts";
import { sleep } from "../runtime/ports/clock.ts";
import { type Environment, processEnvironment } from "../runtime/ports/environment.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { ChildOptions } from "./options.ts";
import {
  type LaunchedProcess,
  nodeLauncher,
  type OutputSource,
  type ProcessExit,
  type ProcessLauncher,
} from "./process-launcher.ts";
import {
  checkReadiness,
  nodeProber,
  type Prober,
  probeUntilReady,
  type Readiness,
  saysReady,
} from "./process-ready.ts";
import type { ChildEnv, ChildSpec, RunningChild } from "./spec.ts";
import { childBasics } from "./spec-check.ts";

export interface ProcessChildOptions extends ChildOptions {
  /** Variables to add to those of this process; `undefined` takes one away. */
  env?: Environment;
  /** Working directory. Default: that of this process. */
  cwd?: string;
  /** When it counts as ready. Default: as soon as it runs. */
  ready?: Readiness;
  /** Time to become ready; then it is killed and the start has failed. Default 30 000 ms. */
  readyTimeoutMs?: number;
  /** Called with each line that it prints. Default: the supervisor's logger, as `debug`. */
  onLine?: (line: string, source: OutputSource) => void;
  /** The operating system. Default: the real one. */
  launcher?: ProcessLauncher;
  prober?: Prober;
}

/** A child that is a process: a command and its arguments, no shell. Throws `INVALID_ARGUMENT` for unsound options. */
export function processChild(id: string, argv: readonly string[], options: ProcessChildOptions = {}): ChildSpec {
  const { ready, readyTimeoutMs = SUPERVISION_LIMITS.startTimeoutMs } = options;
  if (!Array.isArray(argv) || argv.length === 0 || argv[0] === "" || !argv.every((word) => typeof word === "string")) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `process "${id}" wants ["command", "argument", …], got ${JSON.stringify(argv)}`,
    );
  }
  if (!(readyTimeoutMs > 0)) {
    throw new IrisError("INVALID_ARGUMENT", `readyTimeoutMs of process "${id}" is ${readyTimeoutMs}: use ms above 0`);
  }
  if (ready !== undefined) checkReadiness(id, ready);
  return {
    ...childBasics(id, options),
    kind: "process",
    start: (env) => startProcess([...argv, ...env.args.map(String)], { ...options, readyTimeoutMs }, env),
  };
}

async function startProcess(
  argv: readonly string[],
  options: ProcessChildOptions & { readyTimeoutMs: number },
  env: ChildEnv,
): Promise<RunningChild> {
  const { clock } = env.system;
  const launcher = options.launcher ?? nodeLauncher(clock);
  const said = Promise.withResolvers<void>();
  const lastLines: string[] = [];
  env.signal.throwIfAborted();
  const launched = await launcher.launch({
    argv,
    env: { ...processEnvironment, ...options.env },
    cwd: options.cwd,
    onLine(source, line) {
      if (lastLines.push(line) > SUPERVISION_LIMITS.linesQuoted) lastLines.shift();
      if (options.ready !== undefined && saysReady(options.ready, line)) said.resolve();
      handOn(line, source, options, env);
    },
  });
  const child = new ProcessChild(launched, lastLines, env);
  const giveUp = new AbortController();
  const timer = clock.setTimeout(() => {
    const message = `process ${env.path} was not ready within ${options.readyTimeoutMs} ms${quoted(lastLines)}`;
    giveUp.abort(new IrisError("DEADLINE_EXCEEDED", message, { where: env.path }));
  }, options.readyTimeoutMs);
  const signal = AbortSignal.any([env.signal, giveUp.signal]);
  try {
    await Promise.race([
      isReady(options, said.promise, env, signal),
      aborted(signal),
      child.endedTooSoon(options.ready),
    ]);
    return child;
  } catch (thrown) {
    const error = toIrisError(thrown, "CANCELLED", env.path);
    await child.kill(error.message);
    throw error;
  } finally {
    clock.clearTimeout(timer);
    // Ends the looks that may still be going on.
    giveUp.abort();
  }
}

function handOn(line: string, source: OutputSource, { onLine }: ProcessChildOptions, { logger, path }: ChildEnv): void {
  try {
    if (onLine === undefined) logger.debug({ process: path, source, line }, "process printed a line");
    else onLine(line, source);
  } catch (error) {
    logger.error({ process: path, error }, "onLine of a process threw: the line is lost");
  }
}

async function isReady(
  { ready, prober }: ProcessChildOptions,
  said: Promise<void>,
  env: ChildEnv,
  signal: AbortSignal,
): Promise<void> {
  if (ready === undefined) return;
  if ("line" in ready) return said;
  const { clock } = env.system;
  await probeUntilReady(ready, prober ?? nodeProber(clock), clock, signal);
}

class ProcessChild implements RunningChild {
  readonly ended: Promise<ExitReason>;
  readonly pid: number;
  readonly #launched: LaunchedProcess;
  readonly #lastLines: readonly string[];
  readonly #env: ChildEnv;
  /** What it was told, if anything: decides how its end is called. */
  #told: { kind: "shutdown" | "killed"; why: string } | undefined;

  constructor(launched: LaunchedProcess, lastLines: readonly string[], env: ChildEnv) {
    this.pid = launched.pid;
    this.#launched = launched;
    this.#lastLines = lastLines;
    this.#env = env;
    this.ended = this.#end();
  }

  stop(why: string, graceMs: number): Promise<ExitReason> {
    if (this.#told === undefined) {
      this.#told = { kind: "shutdown", why };
      this.#launched.signal("SIGTERM");
    }
    if (!Number.isFinite(graceMs)) return this.ended;
    const { clock } = this.#env.system;
    const timer = clock.setTimeout(
      () => void this.kill(`did not end within ${graceMs} ms after SIGTERM: ${why}`),
      graceMs,
    );
    return this.ended.finally(() => clock.clearTimeout(timer));
  }

  kill(why: string): Promise<ExitReason> {
    if (this.#told?.kind !== "killed") {
      this.#told = { kind: "killed", why };
      this.#launched.signal("SIGKILL");
    }
    return this.ended;
  }

  /** Rejects when it ends, unless to be started is all that was wanted of it. */
  async endedTooSoon(ready: Readiness | undefined): Promise<void> {
    const reason = await this.ended;
    if (ready === undefined) return;
    const how = reason.kind === "crashed" ? reason.error.message : `process ${this.#env.path} ended`;
    throw new IrisError("INTERNAL", `${how}, before it was ready`, { where: this.#env.path });
  }

  async #end(): Promise<ExitReason> {
    const exit = await this.#launched.exited;
    const byItself = this.#told === undefined;
    // Those that it started were asked to end as well, and have the same time for it.
    while (this.#told?.kind === "shutdown" && this.#launched.lives()) {
      await sleep(this.#env.system.clock, SUPERVISION_LIMITS.groupLookEveryMs);
    }
    await this.#launched.clear();
    if (!byItself && this.#told !== undefined) return this.#told;
    return exit.code === 0 ? NORMAL : { kind: "crashed", error: this.#failure(exit) };
  }

  #failure({ code, signal }: ProcessExit): IrisError {
    const how = signal === null ? `with exit status ${code}` : `by ${signal}`;
    const message = `process ${this.#env.path} (pid ${this.pid}) ended ${how}${quoted(this.#lastLines)}`;
    return new IrisError("INTERNAL", message, { where: this.#env.path });
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function quoted(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `; it last printed: ${lines.join(" | ")}`;
}
