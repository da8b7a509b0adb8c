/**
 * A runtime that runs nothing: what a task does is written in its command, `script({ runMs, exitCode, … })`, and happens
 * by the clock it was given. For tests of everything above a runtime.
 */

import type {
  TaskEnd,
  TaskHandle,
  TaskLaunch,
  TaskRuntime,
  TaskStats,
} from "../../src/cluster/worker/runtime/runtime.ts";
import { TaskSetupError } from "../../src/cluster/worker/runtime/runtime.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import type { Clock, TimerHandle } from "../../src/runtime/ports/clock.ts";

export interface Script {
  /** How long it runs by itself. Default 0; absent and `forever`: until it is stopped. Unit: ms. */
  runMs?: number;
  /** Never ends by itself. */
  forever?: boolean;
  /** Default 0. */
  exitCode?: number;
  /** Ends by this signal instead of an exit code. */
  signal?: string;
  /** Printed to stdout when it starts, each with a line end. */
  stdout?: string[];
  /** Printed to stderr when it starts. */
  stderr?: string[];
  /** Printed to stdout, without a line end, when it ends. */
  lastWords?: string;
  /** It cannot be started, by its own fault. */
  setupError?: string;
  /** It cannot be started, by the machine's fault. */
  startError?: string;
  /** Does not end when asked, only by force. */
  ignoreStop?: boolean;
}

const PROGRAM = "scripted";

/** The command of a task that does so. */
export function script(what: Script): string[] {
  return [PROGRAM, JSON.stringify(what)];
}

interface Running {
  readonly script: Script;
  readonly ended: PromiseWithResolvers<TaskEnd>;
  readonly timers: TimerHandle[];
}

export class ScriptedRuntime implements TaskRuntime {
  /** Everything that was started, in order. */
  readonly launches: TaskLaunch[] = [];
  readonly #clock: Clock;
  readonly #running = new Map<TaskHandle, Running>();
  readonly #ended = new WeakMap<TaskHandle, Promise<TaskEnd>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Uids of what runs now. */
  get running(): string[] {
    return [...this.#running.keys()].map(({ uid }) => uid);
  }

  async start(launch: TaskLaunch): Promise<TaskHandle> {
    const [program, text = ""] = launch.argv;
    if (program !== PROGRAM) throw new TaskSetupError("NOT_FOUND", `command not found: ${program} (scripts only)`, 127);
    const what = JSON.parse(text) as Script;
    this.launches.push(launch);
    if (what.setupError !== undefined) throw new TaskSetupError("NOT_FOUND", what.setupError, 127);
    if (what.startError !== undefined) throw new IrisError("RESOURCE_EXHAUSTED", what.startError);
    const ended = Promise.withResolvers<TaskEnd>();
    const task: TaskHandle = {
      uid: launch.uid,
      stdout: print(what.stdout, ended.promise, what.lastWords),
      stderr: print(what.stderr, ended.promise, undefined),
    };
    const running: Running = { script: what, ended, timers: [] };
    this.#running.set(task, running);
    this.#ended.set(task, ended.promise);
    if (what.forever !== true) {
      running.timers.push(this.#clock.setTimeout(() => this.#end(task, ownEnd(what)), what.runMs ?? 0));
    }
    return task;
  }

  wait(task: TaskHandle): Promise<TaskEnd> {
    return this.#endOf(task);
  }

  async stop(task: TaskHandle, graceMs: number): Promise<void> {
    const running = this.#running.get(task);
    if (running?.script.ignoreStop === true) {
      const end = { exitCode: undefined, signal: "SIGKILL" };
      running.timers.push(this.#clock.setTimeout(() => this.#end(task, end), graceMs));
    } else {
      this.#end(task, { exitCode: undefined, signal: "SIGTERM" });
    }
    await this.#endOf(task);
  }

  async stats(task: TaskHandle): Promise<TaskStats | undefined> {
    return this.#running.has(task) ? { processes: 1, memoryBytes: 1024, cpuMs: 1 } : undefined;
  }

  /** Ends a task now, as it would have by itself or as told. */
  finish(uid: string, end?: TaskEnd): void {
    for (const [task, { script: what }] of this.#running) if (task.uid === uid) this.#end(task, end ?? ownEnd(what));
  }

  #end(task: TaskHandle, end: TaskEnd): void {
    const running = this.#running.get(task);
    if (running === undefined) return;
    for (const timer of running.timers) this.#clock.clearTimeout(timer);
    this.#running.delete(task);
    running.ended.resolve(end);
  }

  #endOf(task: TaskHandle): Promise<TaskEnd> {
    const ended = this.#ended.get(task);
    if (ended === undefined) throw new IrisError("INVALID_ARGUMENT", `task ${task.uid} was not started here`);
    return ended;
  }
}

function ownEnd({ exitCode, signal }: Script): TaskEnd {
  return signal === undefined ? { exitCode: exitCode ?? 0, signal: undefined } : { exitCode: undefined, signal };
}

async function* print(
  lines: readonly string[] = [],
  ended: Promise<unknown>,
  lastWords: string | undefined,
): AsyncGenerator<Uint8Array> {
  for (const line of lines) yield Buffer.from(`${line}\n`);
  await ended;
  if (lastWords !== undefined) yield Buffer.from(lastWords);
}
