/**
 * What a worker should have against what it has (pure). Everything that is not desired must not run; everything that is
 * desired is asked about until its end was heard, which is the acknowledgement. What a worker does not mention says
 * nothing, and about attempts of another controller's state nothing is desired.
 */
import type { ObservedAttempt } from "../../net/wire/iris.ts";
import { type AttemptRow, isHeld, type View } from "./state.ts";

/** What is wanted of one attempt. */
export interface Desired {
  readonly attempt: AttemptRow;
  /** False: it is to stop. */
  readonly run: boolean;
  /** Whether its worker may not know what to run: nothing was heard of it yet. */
  readonly wantsSpec: boolean;
}

/** Everything that one life of a worker should have or is still asked about, oldest first. */
export function desiredOf(view: View, workerId: string, incarnation: string): Desired[] {
  return view.attempts
    .by("heldWorker", workerId)
    .filter((attempt) => attempt.incarnation === incarnation && isHeld(attempt))
    .sort((a, b) => a.assignedAtMs - b.assignedAtMs || (a.id < b.id ? -1 : 1))
    .map((attempt) => ({
      attempt,
      run: attempt.state !== "STOPPING" && attempt.state !== "TIMING_OUT",
      wantsSpec: attempt.state === "ASSIGNED",
    }));
}

export interface Findings {
  /** What was asked about, as it stands. */
  readonly news: ObservedAttempt[];
  /** Attempts that are there and should not be; the worker ends them by itself. */
  readonly strays: string[];
  /** Attempts there that another state's controller wanted: it may come back, so they are left alone. */
  readonly foreign: ObservedAttempt[];
}

/**
 * Compares what was asked with what was answered, for the controller of the state `stateId`. An attempt that is listed
 * twice counts as it was listed last.
 */
export function reconcile(
  desiredUids: ReadonlySet<string>,
  observed: readonly ObservedAttempt[],
  stateId?: string,
): Findings {
  const last = new Map(observed.map((one) => [one.uid, one]));
  const news: ObservedAttempt[] = [];
  const strays: string[] = [];
  const foreign: ObservedAttempt[] = [];
  for (const one of last.values()) {
    if (desiredUids.has(one.uid)) news.push(one);
    else if (one.phase === "EXITED" || one.phase === "MISSING") continue;
    else if (one.stateId !== undefined && one.stateId !== stateId) foreign.push(one);
    else strays.push(one.uid);
  }
  return { news, strays, foreign };
}
