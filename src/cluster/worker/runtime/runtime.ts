/**
 * What a worker needs of whatever runs tasks. Four verbs that every runtime has; a fifth, `adopt`, is a separate
 * interface, since only a runtime whose tasks outlive the worker can offer it. A runtime knows nothing of jobs, retries
 * or the controller. The one invariant: once `wait` has resolved, nothing of the task is left on the machine.
 */
import type { ErrorCode } from "../../../runtime/errors.ts";
import { IrisError } from "../../../runtime/errors.ts";
import { TASK_ENV } from "../../job/env.ts";

/**
 * The variable by which a task's processes are known on the machine, also those that leave its group. A path, since no
 * other task of this machine has the same, of whatever cluster.
 */
export const TASK_MARK = TASK_ENV.outputDir;

/** What to run, all decided: nothing is inherited, looked up or expanded but the program on its own PATH. */
export interface TaskLaunch {
  /** The attempt's own name. */
  readonly uid: string;
  /** Its output directory: the value of `TASK_MARK` in its environment. */
  readonly mark: string;
  /** The program and its arguments; no shell is involved. */
  readonly argv: readonly string[];
  /** The task's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path of the directory that it starts in. */
  readonly cwd: string;
}

/** A task that was started. */
export interface TaskHandle {
  readonly uid: string;
  /** What it prints; whoever reads slowly slows the task down. Each ends soon after the task, and can be read once. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
}

/** How a task's main process ended: one of the two is set. */
export interface TaskEnd {
  readonly exitCode: number | undefined;
  /** Such as `SIGKILL`. */
  readonly signal: string | undefined;
}

/** What a task takes at the moment. */
export interface TaskStats {
  readonly processes: number;
  /** Resident memory of all its processes, shared pages counted for each. Unit: bytes. */
  readonly memoryBytes: number;
  /** Processor time that its living processes have used. Unit: ms. */
  readonly cpuMs: number;
}

export interface TaskRuntime {
  /**
   * Starts a task; resolves when its program runs. Rejects, leaving nothing behind, with a `TaskSetupError` for what
   * whoever wrote the job must mend, with any other `IrisError` for what is wrong with this machine.
   */
  start(launch: TaskLaunch): Promise<TaskHandle>;
  /** Resolves when the task's main process has ended and nothing of it is left. May be called any number of times. */
  wait(task: TaskHandle): Promise<TaskEnd>;
  /**
   * Asks the whole task to end, ends it by force after `graceMs`, and resolves when nothing of it is left. Safe to call
   * again, with a shorter grace too: the shortest counts. Does nothing to a task that has ended.
   */
  stop(task: TaskHandle, graceMs: number): Promise<void>;
  /** What the task takes; `undefined` once it has ended, and where the system does not tell. */
  stats(task: TaskHandle): Promise<TaskStats | undefined>;
}

/** A runtime that can find what an earlier life of the worker left running, and end it. */
export interface SweepingRuntime extends TaskRuntime {
  /** Ends every process of tasks with these marks by force; resolves with how many there were when none is left. */
  sweep(marks: Iterable<string>): Promise<number>;
}

export function canSweep(runtime: TaskRuntime): runtime is SweepingRuntime {
  return typeof (runtime as Partial<SweepingRuntime>).sweep === "function";
}

/** A task that cannot be started as it was written: its job must be mended, another machine would not help. */
export class TaskSetupError extends IrisError {
  override readonly name = "TaskSetupError";
  /** What a shell would have ended with: 127 for a program that is not there, 126 for one that cannot be run. */
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, exitCode: 126 | 127, cause?: unknown) {
    super(code, message, { cause });
    this.exitCode = exitCode;
  }
}
