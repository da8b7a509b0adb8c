/**
 * An operating system process as a supervised child. It leads a group of its own: stopping sends SIGTERM to the whole
 * group, SIGKILL after the grace, and whatever way it ends, the rest of its group is killed before its end is told. It
 * ends with this process, except when that is ended by SIGKILL.
 */
import { IrisError } from "../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../runtime/exit.ts";
import { sleep } from "../runtime/ports/clock.ts";
import { type Environment, processEnvironment } from "../runtime/ports/environment.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { ChildOptions } from "./options.ts";
import { Output, type OutputSource } from "./output.ts";
import { type Outside, startOutside, type Watch } from "./outside-child.ts";
import {
  checkLiveness,
  checkReadiness,
  describePlace,
  type Liveness,
  look,
  nodeProber,
  type Prober,
  probeUntilReady,
  type Readiness,
} from "./probe.ts";
import { type LaunchedProcess, nodeLauncher, type ProcessExit, type ProcessLauncher } from "./process-launcher.ts";
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
  /**
   * Where it must answer as long as it runs; one that does not has crashed: it is killed and, as any that crashed,
   * started again. A port is answered by the system for a process that hangs, a page is not. Default: not looked at.
   */
  live?: Liveness;
  /** Called with each line that it prints. Default: the supervisor's logger, as `debug`. */
  onLine?: (line: string, source: OutputSource) => void;
  /** The operating system. Default: the real one. */
  launcher?: ProcessLauncher;
  prober?: Prober;
}

/** A child that is a process: a command and its arguments, no shell. Throws `INVALID_ARGUMENT` for unsound options. */
export function processChild(id: string, argv: readonly string[], options: ProcessChildOptions = {}): ChildSpec {
  const { ready, live, readyTimeoutMs = SUPERVISION_LIMITS.startTimeoutMs } = options;
  if (!Array.isArray(argv) || argv.length === 0 || argv[0] === "" || !argv.every((word) => typeof word === "string")) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `process "${id}" wants ["command", "argument", …], got ${JSON.stringify(argv)}`,
    );
  }
  if (!(readyTimeoutMs > 0)) {
    throw new IrisError("INVALID_ARGUMENT", `readyTimeoutMs of process "${id}" is ${readyTimeoutMs}: use ms above 0`);
  }
  if (ready !== undefined) checkReadiness(`process "${id}"`, ready);
  if (live !== undefined) checkLiveness(`process "${id}"`, live);
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
  const launcher = options.launcher ?? nodeLauncher(env.system.clock);
  const output = new Output("process", options, env);
  env.signal.throwIfAborted();
  const launched = await launcher.launch({
    argv,
    env: { ...processEnvironment, ...options.env },
    cwd: options.cwd,
    onLine: (source, line) => output.take(source, line),
  });
  return startOutside(new OutsideProcess(launched, output, env), watchOf(options, output, env), env);
}

function watchOf(
  { ready, live, readyTimeoutMs, prober: given }: ProcessChildOptions & { readyTimeoutMs: number },
  output: Output,
  { system: { clock } }: ChildEnv,
): Watch {
  const prober = given ?? nodeProber(clock);
  return {
    readyTimeoutMs,
    isReady:
      ready && ((signal) => ("line" in ready ? output.saidReady : probeUntilReady(ready, prober, clock, signal))),
    live: live && { what: describePlace(live), answers: () => look(live, prober), pace: live },
  };
}

class OutsideProcess implements Outside {
  readonly name: string;
  readonly pid: number;
  readonly request = "SIGTERM";
  readonly gone: Promise<ExitReason>;
  readonly #launched: LaunchedProcess;
  readonly #output: Output;
  readonly #env: ChildEnv;
  /** Those that it started were asked to end as well, and have the same time for it. */
  #isGraceful = false;

  constructor(launched: LaunchedProcess, output: Output, env: ChildEnv) {
    this.name = `process ${env.path}`;
    this.pid = launched.pid;
    this.#launched = launched;
    this.#output = output;
    this.#env = env;
    this.gone = this.#end();
  }

  get quoted(): string {
    return this.#output.quoted;
  }

  ask(): void {
    this.#isGraceful = true;
    this.#launched.signal("SIGTERM");
  }

  force(): void {
    this.#isGraceful = false;
    this.#launched.signal("SIGKILL");
  }

  async #end(): Promise<ExitReason> {
    const exit = await this.#launched.exited;
    while (this.#isGraceful && this.#launched.lives()) {
      await sleep(this.#env.system.clock, SUPERVISION_LIMITS.groupLookEveryMs);
    }
    await this.#launched.clear();
    return exit.code === 0 ? NORMAL : { kind: "crashed", error: this.#failure(exit) };
  }

  #failure({ code, signal }: ProcessExit): IrisError {
    const how = signal === null ? `with exit status ${code}` : `by ${signal}`;
    const message = `${this.name} (pid ${this.pid}) ended ${how}${this.quoted}`;
    return new IrisError("INTERNAL", message, { where: this.#env.path });
  }
}
