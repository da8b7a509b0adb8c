/** The states of jobs and tasks (pure): which are final, and how a job's follows from its tasks'. */
import type { JobState, TaskState } from "../../net/wire/iris.ts";

export type { JobState, TaskState };

const LIVE_TASK_STATES: ReadonlySet<TaskState> = new Set(["PENDING", "ASSIGNED", "BUILDING", "RUNNING"]);

/** Whether a task or an attempt in this state will never change again. */
export function isFinalTask(state: TaskState): boolean {
  return !LIVE_TASK_STATES.has(state);
}

/** Whether a job in this state will never change again. */
export function isFinalJob(state: JobState): boolean {
  return state !== "PENDING" && state !== "RUNNING";
}

export type TaskCounts = Readonly<Partial<Record<TaskState, number>>>;

/**
 * A job's state from its tasks', first match wins:
 *
 *   failed > tolerated                                → FAILED
 *   any unschedulable                                 → UNSCHEDULABLE
 *   any killed                                        → KILLED
 *   all final, any lost, preempted or ended by a gang → WORKER_FAILED
 *   all final                                         → SUCCEEDED
 *   any ever started                                  → RUNNING
 *   else                                              → PENDING
 */
export function jobStateOf(counts: TaskCounts, maxTaskFailures: number, everStarted: boolean): JobState {
  const count = (state: TaskState): number => counts[state] ?? 0;
  if (count("FAILED") > maxTaskFailures) return "FAILED";
  if (count("UNSCHEDULABLE") > 0) return "UNSCHEDULABLE";
  if (count("KILLED") > 0) return "KILLED";
  const live = [...LIVE_TASK_STATES].reduce((sum, state) => sum + count(state), 0);
  if (live === 0) {
    return count("WORKER_FAILED") + count("PREEMPTED") + count("GANG_FAILED") > 0 ? "WORKER_FAILED" : "SUCCEEDED";
  }
  return everStarted ? "RUNNING" : "PENDING";
}
