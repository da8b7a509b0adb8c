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

/** All processes; `undefined` where there is no /proc. */
export function listProcesses(): ProcessEntry[] | undefined {
  return pids()?.flatMap((pid) => {
    const entry = parseStat(pid, read(`/proc/${pid}/stat`));
    return entry === undefined ? [] : [entry];
  });
}

/**
 * Live processes by the value that variable `name` had in their environment when they started. Those of other users
 * cannot be seen.
 */
export function processesByVariable(name: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const prefix = `${name}=`;
  for (const pid of pids() ?? []) {
    // Empty for one that has ended and for the kernel's own.
    for (const variable of read(`/proc/${pid}/environ`)?.split("\0") ?? []) {
      if (!variable.startsWith(prefix)) continue;
      const value = variable.slice(prefix.length);
      found.set(value, [...(found.get(value) ?? []), pid]);
      break;
    }
  }
  return found;
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
