/**
 * Process groups that this process has made, and their end: all that are left are killed when it exits, normally or by
 * SIGTERM, SIGINT or SIGHUP. Nothing can be done at a SIGKILL: then they live on.
 *
 * The one invariant: hooks into this process are there only as long as a group is.
 */
import { readdirSync, readFileSync } from "node:fs";

const FATAL_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

const groups = new Set<number>();

/** Remembers a group by its leader's id, so that it does not outlive this process. */
export function addGroup(pid: number): void {
  if (groups.size === 0) {
    process.on("exit", killGroups);
    for (const name of FATAL_SIGNALS) process.on(name, onFatalSignal);
  }
  groups.add(pid);
}

/** Forgets a group that is gone: its id may soon be somebody else's. */
export function removeGroup(pid: number): void {
  if (!groups.delete(pid) || groups.size > 0) return;
  unhook();
}

/** Sends a signal to all of a group; false if nobody is left in it. */
export function signalGroup(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, name);
  } catch (error) {
    // EPERM: somebody is there who has become another user; all others got the signal.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether anybody of a group still runs. Zombies, which only their parent can take away, do not count. */
export function groupLives(pid: number): boolean {
  if (!signalGroup(pid, 0)) return false;
  if (process.platform !== "linux") return true;
  return readdirSync("/proc").some((entry) => /^\d+$/.test(entry) && isLiveMember(entry, pid));
}

function isLiveMember(entry: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
    // After the command's name, which may hold anything and ends with the last parenthesis: state, parent, group.
    const [state, , memberOf] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(memberOf) === group && state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}

function killGroups(): void {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
  groups.clear();
}

/** Listening takes away the signal's own effect, so unless somebody else listens too, it is given back. */
function onFatalSignal(name: NodeJS.Signals): void {
  // Whoever else listens ends this process in its own time, perhaps after stopping its trees; `exit` does the rest.
  if (process.listenerCount(name) > 1) return;
  killGroups();
  unhook();
  process.kill(process.pid, name);
}

function unhook(): void {
  process.off("exit", killGroups);
  for (const name of FATAL_SIGNALS) process.off(name, onFatalSignal);
}
