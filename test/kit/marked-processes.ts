/** Finds processes of this machine by a variable of their environment, which their children inherit. Needs /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** Ids of those that run with `name=value`; those that have ended and wait for their parent have no environment. */
export function markedProcesses(name: string, value: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => environmentOf(entry).includes(`${name}=${value}`))
    .map(Number);
}

function environmentOf(entry: string): string[] {
  try {
    return readFileSync(`/proc/${entry}/environ`, "utf8").split("\0");
  } catch {
    return []; // it has just ended
  }
}
