/**
 * Who owns a container, as its labels say, and whether that owner is gone. An owner is a process by its id and the time
 * of its start, so that a later process of the same id is not taken for it. The one invariant: what belongs to somebody
 * of whom nothing can be known (another machine, another container) is never said to be gone.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export const OWNER_LABELS = Object.freeze({
  /** `<process id>+<its start, in ticks since the machine's>`. */
  owner: "iris.owner",
  /** The machine, which outlives its reboots. */
  machine: "iris.machine",
  /** Boot and process namespace: only within one of these do process ids mean anything. */
  space: "iris.space",
  /** For people: whose child it is. */
  path: "iris.path",
});

export type Labels = Readonly<Record<string, string | undefined>>;

/** This process, as labels. */
export function ownLabels(): Record<string, string> {
  return {
    [OWNER_LABELS.owner]: ownerOf(process.pid) ?? `${process.pid}+`,
    [OWNER_LABELS.machine]: machineId(),
    [OWNER_LABELS.space]: `${bootId()}/${processNamespace()}`,
  };
}

/** Whether the owner that `labels` name is gone for sure; of an earlier boot only what does not run is left over. */
export function isLeftOver(labels: Labels, isRunning: boolean): boolean {
  const own = ownLabels();
  const owner = labels[OWNER_LABELS.owner];
  const space = labels[OWNER_LABELS.space];
  if (owner === undefined || space === undefined || labels[OWNER_LABELS.machine] !== own[OWNER_LABELS.machine]) {
    return false;
  }
  if (space === own[OWNER_LABELS.space]) return !isAlive(owner);
  return !isRunning && space.split("/")[0] !== bootId();
}

function isAlive(owner: string): boolean {
  const pid = Number.parseInt(owner, 10);
  const now = ownerOf(pid);
  return now === undefined ? pid === process.pid || (!hasProc() && answers(pid)) : now === owner;
}

/** `undefined` for a process that is not there, or where the system does not tell. */
function ownerOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // After the command's name, which may hold anything and ends with the last parenthesis: state first, start twentieth.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isZombie = fields[0] === "Z" || fields[0] === "X";
  return isZombie ? undefined : `${pid}+${fields[19] ?? ""}`;
}

function answers(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function hasProc(): boolean {
  return read("/proc/self/stat") !== undefined;
}

function machineId(): string {
  return read("/etc/machine-id") || hostname();
}

function bootId(): string {
  return read("/proc/sys/kernel/random/boot_id") ?? "";
}

function processNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
