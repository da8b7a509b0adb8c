/**
 * The machine's processes, as /proc shows them. Only looks; ends nobody. On a system without /proc it sees nothing, and
 * says so by `undefined` rather than by an empty list.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessEntry {
  readonly pid: number;
  /** Process group. */
  readonly group: number;
  /** False for one that has ended and only waits for its parent to notice. */
  readonly alive: boolean;
  /** Processor time used. Unit: ms. */
  readonly cpuMs: number;
  /** Unit: bytes. */
  readonly residentBytes: number;
}

/** Clock ticks per second in /proc/<pid>/stat: fixed by Linux's interface to programs. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
/** A process's number is not given to another for at least so long: numbers go round, from 32 768 up. Unit: ms. */
const NUMBER_REUSED_MS = 1_000;

/** All processes; `undefined` where there is no /proc. */
export function listProcesses(): ProcessEntry[] | undefined {
  return pids()?.flatMap((pid) => {
    const entry = parseStat(pid, read(`/proc/${pid}/stat`));
    return entry === undefined ? [] : [entry];
  });
}

/** Looks for processes by a variable of their environment. Those of other users cannot be seen. */
export class ProcessesByVariable {
  readonly #prefix: string;
  /** Processes without the variable, and when that was seen. They do not get it later, for it comes with their birth. */
  #without = new Map<number, number>();

  constructor(name: string) {
    this.#prefix = `${name}=`;
  }

  /** Live processes by the value that the variable had when they started. */
  find(nowMs: number): Map<string, number[]> {
    const found = new Map<string, number[]>();
    const without = new Map<number, number>();
    for (const pid of pids() ?? []) {
      const seenAtMs = this.#without.get(pid);
      if (seenAtMs !== undefined && nowMs - seenAtMs < NUMBER_REUSED_MS) {
        without.set(pid, seenAtMs);
        continue;
      }
      const value = this.#valueOf(pid);
      if (value === undefined) without.set(pid, nowMs);
      else found.set(value, [...(found.get(value) ?? []), pid]);
    }
    this.#without = without;
    return found;
  }

  #valueOf(pid: number): string | undefined {
    // Empty for one that has ended and for the kernel's own.
    const variables = read(`/proc/${pid}/environ`)?.split("\0");
    return variables?.find((variable) => variable.startsWith(this.#prefix))?.slice(this.#prefix.length);
  }
}

/** One line of /proc/<pid>/stat. The name, in parentheses, may hold anything, parentheses too. */
export function parseStat(pid: number, line: string | undefined): ProcessEntry | undefined {
  if (line === undefined) return undefined;
  // Fields from the third on: state, ppid, pgrp, …; utime and stime are the 14th and 15th, rss the 24th.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  const state = fields[0];
  if (state === undefined || !Number.isInteger(field(5))) return undefined;
  return {
    pid,
    group: field(5),
    alive: state !== "Z" && state !== "X",
    cpuMs: ((field(14) + field(15)) * 1000) / TICKS_PER_SECOND,
    residentBytes: field(24) * PAGE_BYTES,
  };
}

function pids(): number[] | undefined {
  try {
    return readdirSync("/proc")
      .filter((name) => /^[0-9]+$/.test(name))
      .map(Number);
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined; // gone meanwhile, or not ours to see
  }
}
