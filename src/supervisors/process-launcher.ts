/**
 * The seam between supervised processes and the operating system, and the real side of it. Each process leads a group of
 * its own, so that what it started can be ended together with it. What leaves the group by itself (`setsid`) is out of
 * reach; groups that this process leaves behind when it exits are killed by `process-groups.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { IrisError } from "../runtime/errors.ts";
import { type Clock, sleep } from "../runtime/ports/clock.ts";
import type { Environment } from "../runtime/ports/environment.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { OutputSource } from "./output.ts";
import { addGroup, groupLives, removeGroup, signalGroup } from "./process-groups.ts";

/** How a process ended: by itself with a status, or by a signal. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface LaunchOptions {
  /** The command and its arguments; never passed through a shell. */
  readonly argv: readonly string[];
  /** All variables of the process. */
  readonly env: Environment;
  readonly cwd: string | undefined;
  /** A line of its output, without its end. */
  readonly onLine: (source: OutputSource, line: string) => void;
}

export interface LaunchedProcess {
  readonly pid: number;
  /** Resolves when it has ended. What it started may still run, and its last lines may still be on their way. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal to all of its group; does nothing if nobody is left in it. */
  signal(name: "SIGTERM" | "SIGKILL"): void;
  /** Whether anybody of its group still runs. */
  lives(): boolean;
  /** Kills what is left of its group; resolves when nothing is, and the last lines were handed on. */
  clear(): Promise<void>;
}

export interface ProcessLauncher {
  /** Rejects with `INVALID_ARGUMENT` if there is no such command or directory, or it may not be run. */
  launch(options: LaunchOptions): Promise<LaunchedProcess>;
}

/** Starts real processes; `clock` paces the looks whether a killed group is gone. */
export function nodeLauncher(clock: Clock): ProcessLauncher {
  return {
    async launch({ argv, env, cwd, onLine }) {
      const [command = "", ...rest] = argv;
      const child = spawn(command, rest, { env: { ...env }, cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
      readLines(child.stdout, (line) => onLine("stdout", line));
      readLines(child.stderr, (line) => onLine("stderr", line));
      const exited = new Promise<ProcessExit>((resolve) => {
        child.once("exit", (code, signal) => resolve({ code, signal }));
      });
      let closed = false;
      child.once("close", () => {
        closed = true;
      });
      const pid = await spawned(child, command, cwd);
      // Once the group is gone its id may be somebody else's, who must not be hit.
      let cleared = false;
      return {
        pid,
        exited,
        signal(name) {
          if (!cleared) signalGroup(pid, name);
        },
        lives: () => !cleared && groupLives(pid),
        async clear() {
          if (cleared) return;
          signalGroup(pid, "SIGKILL");
          const until = clock.now() + SUPERVISION_LIMITS.groupGoneMs;
          const isGone = () => closed && !groupLives(pid);
          while (!isGone() && clock.now() < until) await sleep(clock, SUPERVISION_LIMITS.groupLookEveryMs);
          cleared = true;
          removeGroup(pid);
          // Somebody who has left the group may hold the pipes open for ever.
          child.stdout.destroy();
          child.stderr.destroy();
        },
      };
    },
  };
}

function spawned(child: ChildProcess, command: string, cwd: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", (cause) => {
      const place = cwd === undefined ? "" : ` in ${cwd}`;
      reject(new IrisError("INVALID_ARGUMENT", `cannot run "${command}"${place}: ${cause.message}`, { cause }));
    });
    child.once("spawn", () => {
      const { pid } = child;
      // Cannot be absent once spawned; a group 0 would be our own.
      if (pid === undefined) return reject(new IrisError("INTERNAL", `"${command}" was started without a process id`));
      addGroup(pid);
      resolve(pid);
    });
  });
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  const lines = new LineSplitter(onLine);
  stream.on("data", (bytes: Buffer) => lines.push(bytes));
  stream.once("end", () => lines.end());
  // A pipe that breaks has nothing more to say; the process's own end is reported by its exit.
  stream.on("error", () => lines.end());
}
