/** In which order living things end: the last that came goes first, each when the one before it is gone. */
import type { ExitReason } from "./exit.ts";
import type { Clock } from "./ports/clock.ts";

export interface Stoppable {
  stop(reason: ExitReason, graceMs: number): Promise<unknown>;
}

/** Stops all of `several` by `endsAtMs` (absolute): each gets the time that is then left, nothing at the worst. */
export async function stopInReverse(
  several: Iterable<Stoppable>,
  reason: ExitReason,
  endsAtMs: number,
  clock: Clock,
): Promise<void> {
  for (const one of [...several].reverse()) await one.stop(reason, Math.max(0, endsAtMs - clock.now()));
}
