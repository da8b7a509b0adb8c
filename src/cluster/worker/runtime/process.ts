/**
 * Tasks as processes of this machine, each in a process group of its own. No isolation: a task sees what the worker's
 * user sees. The one invariant: a group dies with its worker, even by SIGKILL, because a watchdog inside the group
 * blocks on a pipe that only the worker holds open. (Where the worker is process 1 of a container without an init,
 * ended watchdogs stay in the process table as zombies; start it with an init.)
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { IrisError } from "../../../runtime/errors.ts";
import { type Clock, systemClock, type TimerHandle } from "../../../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../../../runtime/ports/logger.ts";
import { GroupEnder, signalGroup } from "./process-group.ts";
import { listProcesses } from "./process-table.ts";
import { findProgram } from "./program.ts";
import {
  type SweepingRuntime,
  TASK_MARK,
  type TaskEnd,
  type TaskHandle,
  type TaskLaunch,
  TaskSetupError,
  type TaskStats,
} from "./runtime.ts";
import { openTaskPipes, type TaskPipes } from "./task-pipe.ts";

/**
 * Starts the watchdog and becomes the program. The watchdog is forked twice, so that the program finds no child that it
 * does not know; it ignores what the group is asked to end with, holds none of the task's streams, and when descriptor 3
 * ends it ends the group, whose leader is this shell ($$).
 */
const LAUNCH = [
  "( ( trap '' HUP INT QUIT TERM",
  "exec </dev/null >/dev/null 2>&1",
  "read -r _ <&3",
  "kill -9 -$$ ) & )",
  'exec 3<&- "$@"',
].join("\n");

/** A stream that stays open although nothing of the task is left is given up when it has been silent for so long. */
const SILENCE_MS = 500;

export interface ProcessRuntimeOptions {
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
}

/** A runtime whose tasks are processes of this machine. */
export function processRuntime(options: ProcessRuntimeOptions = {}): SweepingRuntime {
  return new ProcessRuntime(options.clock ?? systemClock, options.logger ?? silentLogger);
}

interface Running {
  readonly group: number;
  readonly ended: Promise<TaskEnd>;
  /** The main process has ended; what is left of the group is being ended by force. */
  exited: boolean;
  /** The forced end that is due, once the task was asked to end. */
  force: { readonly atMs: number; readonly timer: TimerHandle } | undefined;
}

class ProcessRuntime implements SweepingRuntime {
  readonly #clock: Clock;
  readonly #ender: GroupEnder;
  readonly #tasks = new WeakMap<TaskHandle, Running>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#ender = new GroupEnder(clock, logger);
  }

  async start(launch: TaskLaunch): Promise<TaskHandle> {
    const program = await findProgram(launch);
    const pipes = await openTaskPipes().catch((error: Error) => {
      throw new IrisError("RESOURCE_EXHAUSTED", `no pipes for what it prints: ${error.message}`, { cause: error });
    });
    const stdout = pipes.stdout.reader;
    const stderr = pipes.stderr.reader;
    let child: ChildProcess;
    let exit: Promise<[number | null, string | null]>;
    try {
      child = spawnGroup(launch, program, pipes);
      const spawned = once(child, "spawn");
      exit = once(child, "exit") as Promise<[number | null, string | null]>;
      exit.catch(() => {}); // `once` also rejects it for the error that `spawned` reports
      await spawned;
    } catch (error) {
      stdout.destroy();
      stderr.destroy();
      throw cannotStart(launch, error as NodeJS.ErrnoException);
    } finally {
      pipes.release();
    }
    const { pid: group } = child;
    if (group === undefined) throw new IrisError("INTERNAL", `${program} was spawned without a process id`);
    const task: TaskHandle = { uid: launch.uid, stdout, stderr };
    const running: Running = {
      group,
      exited: false,
      force: undefined,
      ended: exit.then(async ([exitCode, signal]) => {
        running.exited = true;
        await this.#ender.end(launch.mark, group);
        this.#clock.clearTimeout(running.force?.timer);
        child.stdio[3]?.destroy();
        this.#endSilent(stdout);
        this.#endSilent(stderr);
        return { exitCode: exitCode ?? undefined, signal: signal ?? undefined };
      }),
    };
    this.#tasks.set(task, running);
    return task;
  }

  wait(task: TaskHandle): Promise<TaskEnd> {
    return this.#running(task).ended;
  }

  async stop(task: TaskHandle, graceMs: number): Promise<void> {
    const running = this.#running(task);
    if (!running.exited) {
      const atMs = this.#clock.now() + graceMs;
      // The watchdog keeps the group's number from being given to others, so this signals nobody else.
      if (running.force === undefined) signalGroup(running.group, "SIGTERM");
      if (running.force === undefined || atMs < running.force.atMs) {
        this.#clock.clearTimeout(running.force?.timer);
        const timer = this.#clock.setTimeout(() => {
          if (!running.exited) signalGroup(running.group, "SIGKILL");
        }, graceMs);
        running.force = { atMs, timer };
      }
    }
    await running.ended;
  }

  async stats(task: TaskHandle): Promise<TaskStats | undefined> {
    const { group, exited } = this.#running(task);
    if (exited) return undefined;
    const members = listProcesses()?.filter((one) => one.group === group && one.alive);
    if (members === undefined || members.length === 0) return undefined;
    return {
      processes: members.length,
      memoryBytes: members.reduce((sum, one) => sum + one.residentBytes, 0),
      cpuMs: members.reduce((sum, one) => sum + one.cpuMs, 0),
    };
  }

  async sweep(marks: Iterable<string>): Promise<number> {
    const ended = await Promise.all([...marks].map((mark) => this.#ender.end(mark)));
    return ended.reduce((sum, count) => sum + count, 0);
  }

  #running(task: TaskHandle): Running {
    const running = this.#tasks.get(task);
    if (running === undefined) throw new IrisError("INVALID_ARGUMENT", `task ${task.uid} was not started here`);
    return running;
  }

  /** A process that hid from us may hold the stream: who reads what was printed reads on, but waits for no more. */
  #endSilent(stream: Readable): void {
    if (stream.closed) return;
    let timer: TimerHandle;
    let seenBytes = -1;
    const look = () => {
      const { bytesRead } = stream as Readable & { bytesRead: number };
      if (bytesRead === seenBytes && stream.readableLength === 0) {
        stream.push(null);
        return;
      }
      seenBytes = bytesRead;
      timer = this.#clock.setTimeout(look, SILENCE_MS);
    };
    stream.once("close", () => this.#clock.clearTimeout(timer));
    look();
  }
}

function spawnGroup(launch: TaskLaunch, program: string, { stdout, stderr }: TaskPipes): ChildProcess {
  return spawn("/bin/sh", ["-c", LAUNCH, "iris-task", program, ...launch.argv.slice(1)], {
    cwd: launch.cwd,
    env: { ...launch.env, [TASK_MARK]: launch.mark },
    detached: true,
    stdio: ["ignore", stdout.writerFd, stderr.writerFd, "pipe"],
  });
}

function cannotStart(launch: TaskLaunch, error: NodeJS.ErrnoException): IrisError {
  if (error.code === "E2BIG") {
    const message = "the command and its environment together are larger than the system takes: pass big data in files";
    return new TaskSetupError("INVALID_ARGUMENT", message, 126, error);
  }
  const message = `${launch.argv[0]} could not be started: ${error.message}`;
  return new IrisError("RESOURCE_EXHAUSTED", message, { cause: error });
}
