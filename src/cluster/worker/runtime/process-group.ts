/**
 * Everything that a task left on the machine, and its end: its process group, and those that made a session of their own
 * but still carry its mark in their environment. The one invariant: `end` resolves only when none of them is left.
 */
import { type Clock, sleep } from "../../../runtime/ports/clock.ts";
import type { Logger } from "../../../runtime/ports/logger.ts";
import { listProcesses, ProcessesByVariable } from "./process-table.ts";
import { TASK_MARK } from "./runtime.ts";

/** Pause between two looks: the first, and the longest. A killed process is usually gone within a millisecond. */
const LOOK_FIRST_MS = 1;
const LOOK_LAST_MS = 250;
/** A group that takes longer may consist of processes that have ended and whom nobody reaps: that is looked up. */
const ZOMBIES_FROM_MS = 2;
/** After so long something hangs in the kernel, or is another user's: operators are told, once. */
const STUCK_AFTER_MS = 5_000;

export class GroupEnder {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #marked = new ProcessesByVariable(TASK_MARK);
  #look: Promise<Map<string, number[]>> | undefined;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * Kills what is left of the task with that mark, with its process group if one is known, and resolves when nothing is,
   * with how many processes outside the group there were at most.
   */
  async end(mark: string, group?: number): Promise<number> {
    const since = this.#clock.now();
    let told = false;
    let seen = 0;
    for (let pauseMs = LOOK_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, LOOK_LAST_MS)) {
      const inGroup = group !== undefined && signalGroup(group, "SIGKILL");
      // The group first: who is in it may still start others.
      const escaped =
        inGroup && (pauseMs < ZOMBIES_FROM_MS || groupLives(group)) ? undefined : await this.#escaped(mark);
      if (escaped?.length === 0) return seen;
      seen = Math.max(seen, escaped?.length ?? 0);
      for (const pid of escaped ?? []) signal(pid, "SIGKILL");
      if (!told && this.#clock.now() - since >= STUCK_AFTER_MS) {
        told = true;
        this.#logger.warn(
          { mark, group, escaped },
          "a task's processes do not end by SIGKILL: its capacity stays taken",
        );
      }
      await sleep(this.#clock, pauseMs);
    }
  }

  /** One look through the machine serves all who ask in the same turn. */
  async #escaped(mark: string): Promise<number[]> {
    this.#look ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#look = undefined;
        resolve(this.#marked.find(this.#clock.now()));
      });
    });
    return ((await this.#look).get(mark) ?? []).filter((pid) => pid !== process.pid);
  }
}

/** False when there is no such group any more. */
export function signalGroup(group: number, name: NodeJS.Signals | 0): boolean {
  return signal(-group, name);
}

/** Whether anybody of the group lives; those that ended and wait for their parent do not count. */
function groupLives(group: number): boolean {
  const processes = listProcesses();
  return processes === undefined || processes.some((one) => one.group === group && one.alive);
}

function signal(target: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, name);
  } catch (error) {
    // EPERM: there is somebody, of another user. (ESRCH is the only other error of a signal that exists.)
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
