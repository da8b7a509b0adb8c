/** Exit statuses of the command line (pure): what a script may rely on. */
import { IrisError } from "../runtime/errors.ts";

export const EXIT = {
  ok: 0,
  jobFailed: 1,
  usage: 2,
  unreachable: 3,
  timedOut: 124,
  interrupted: 130,
} as const;

/** The status that an error ends a command with. Anything unforeseen counts as a failure, 1. */
export function exitStatusOf(error: unknown): number {
  if (!IrisError.is(error)) return EXIT.jobFailed;
  switch (error.code) {
    case "INVALID_ARGUMENT":
    case "NOT_SHIPPABLE":
      return EXIT.usage;
    case "UNAVAILABLE":
    case "UNAUTHENTICATED":
    case "VERSION_MISMATCH":
      return EXIT.unreachable;
    case "DEADLINE_EXCEEDED":
      return EXIT.timedOut;
    case "CANCELLED":
      return EXIT.interrupted;
    default:
      return EXIT.jobFailed;
  }
}
