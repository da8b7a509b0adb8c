/** Who asks, and whether they still may. */
import type { Identity } from "../../../net/channel.ts";
import { IrisError } from "../../../runtime/errors.ts";
import { type AttemptRow, isHeld } from "../state.ts";
import type { Step } from "./step.ts";

/** For messages and events. */
export function nameOf(by: Identity): string {
  return by.kind === "task" ? `task ${by.taskId ?? "?"}` : by.kind;
}

/**
 * The attempt that a task's token speaks for; `undefined` for anybody else. Throws `FAILED_PRECONDITION` when it has
 * ended or was told to stop: what an old attempt still says must not reach its successor.
 */
export function callingAttempt(step: Step, by: Identity, wants: string): AttemptRow | undefined {
  if (by.kind !== "task") return undefined;
  const attempt = by.attemptUid === undefined ? undefined : step.draft.attempts.get(by.attemptUid);
  const live =
    attempt !== undefined && isHeld(attempt) && attempt.state !== "STOPPING" && attempt.state !== "TIMING_OUT";
  if (live) return attempt;
  const state = attempt === undefined ? "is not known any more" : `is ${attempt.state}`;
  throw new IrisError(
    "FAILED_PRECONDITION",
    `attempt ${by.attemptUid ?? "?"} of ${by.taskId ?? "a task"} ${state}: it can ${wants} no more`,
  );
}
