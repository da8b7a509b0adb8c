/** Real processes for end-to-end tests: started, watched line by line, and never left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
export const IRIS_BIN = fileURLToPath(new URL("../../bin/iris.js", import.meta.url));

/** Longest that an end-to-end test waits for something that must happen. A bound against hanging, not a measure. */
export const PATIENCE_MS = 60_000;

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process whose output is kept and can be waited for. */
export class Program implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  #stdout = "";
  #stderr = "";
  readonly #waiting = new Set<() => void>();

  constructor(argv: readonly string[], options: { cwd?: string; env?: Record<string, string | undefined> } = {}) {
    const [command = "", ...args] = argv;
    this.process = spawn(command, args, {
      cwd: options.cwd ?? PROJECT,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const name of ["stdout", "stderr"] as const) {
      const stream = this.process[name];
      if (stream === null) throw new Error(`no ${name}`);
      createInterface({ input: stream }).on("line", (line) => {
        if (name === "stdout") this.#stdout += `${line}\n`;
        else this.#stderr += `${line}\n`;
        for (const look of this.#waiting) look();
      });
    }
    this.finished = once(this.process, "close").then(() => ({
      status: this.process.exitCode,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
    this.finished.then(() => {
      for (const look of this.#waiting) look();
    });
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error("the process did not start");
    return this.process.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves with the match when stdout or stderr has it; rejects when the process ends without, or time is up. */
  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    return await new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        outcome();
      };
      const story = () => `${this.process.spawnargs.join(" ")}: no ${pattern} in\n${this.#stdout}\n${this.#stderr}`;
      const look = () => {
        const match = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr);
        if (match !== null) settle(() => resolve(match));
        else if (this.process.exitCode !== null || this.process.signalCode !== null)
          settle(() => reject(new Error(story())));
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`timed out: ${story()}`))), PATIENCE_MS);
      this.#waiting.add(look);
      look();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.finished;
  }
}

/** Runs a program to its end. */
export async function runProgram(
  argv: readonly string[],
  options?: { cwd?: string; env?: Record<string, string | undefined> },
): Promise<Finished> {
  await using program = new Program(argv, options);
  return await program.finished;
}

/** Runs `iris` to its end. */
export function runIris(
  args: readonly string[],
  options?: { cwd?: string; env?: Record<string, string | undefined> },
): Promise<Finished> {
  return runProgram([process.execPath, IRIS_BIN, ...args], options);
}

/** Ids of the live processes whose environment has `name=value` (Linux). */
export function processesWith(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  return readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry))
    .filter((pid) => {
      try {
        const isZombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
        return (
          !isZombie &&
          readFileSync(`/proc/${pid}/environ`, "utf8")
            .split("\0")
            .some((entry) => entry.startsWith(wanted))
        );
      } catch {
        return false; // Ended while we looked.
      }
    })
    .map(Number);
}

/** Looks until `look` gives something, for what no event tells; rejects when time is up. */
export async function eventually<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > until) throw new Error(`never came to pass: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
