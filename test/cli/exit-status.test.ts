import test from "ava";
import { EXIT, exitStatusOf } from "../../src/cli/exit-status.ts";
import { ERROR_CODES, type ErrorCode, IrisError } from "../../src/runtime/errors.ts";

const STATUS: Partial<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: EXIT.usage,
  NOT_SHIPPABLE: EXIT.usage,
  UNAVAILABLE: EXIT.unreachable,
  UNAUTHENTICATED: EXIT.unreachable,
  VERSION_MISMATCH: EXIT.unreachable,
  DEADLINE_EXCEEDED: EXIT.timedOut,
  CANCELLED: EXIT.interrupted,
};

test("every code has its exit status, and what is not listed is a failure", (t) => {
  for (const code of ERROR_CODES) t.is(exitStatusOf(new IrisError(code, "x")), STATUS[code] ?? EXIT.jobFailed, code);
  t.is(exitStatusOf(new Error("unforeseen")), EXIT.jobFailed);
  t.is(exitStatusOf("thrown text"), EXIT.jobFailed);
});
