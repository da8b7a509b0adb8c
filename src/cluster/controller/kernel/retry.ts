/** When and where a task may be tried again (pure). */
import type { AttemptRow } from "../state.ts";
import type { Env } from "./command.ts";

/** Infrastructure failures of one task on one worker after which that worker is avoided. */
const FAILURES_UNTIL_AVOIDED = 2;

/**
 * Wait before the next try after `tries` that failed: 1 s, doubling to 60 s, of which a random half is taken off at most,
 * so that a crowd that failed together does not come back together. Unit: ms.
 */
export function retryWaitMs(tries: number, { random, limits }: Pick<Env, "random" | "limits">): number {
  const full = Math.min(limits.retryMaxMs, limits.retryMinMs * 2 ** Math.min(tries - 1, 30));
  return Math.round(full * (1 - random.next() / 2));
}

/**
 * Workers on which a task's attempts failed twice for reasons of the machine. That a worker died does not count: what
 * comes back is a new one.
 */
export function avoidedWorkers(attempts: readonly AttemptRow[]): ReadonlySet<string> {
  const failures = new Map<string, number>();
  for (const { state, cause, workerId } of attempts) {
    if (state !== "WORKER_FAILED" || cause?.kind === "worker-lost") continue;
    failures.set(workerId, (failures.get(workerId) ?? 0) + 1);
  }
  return new Set([...failures].filter(([, count]) => count >= FAILURES_UNTIL_AVOIDED).map(([workerId]) => workerId));
}
