import test from "ava";
import {
  afterFailure,
  EJECTION,
  IN_GOOD_STANDING,
  isEjected,
  type Standing,
  verdictOf,
} from "../../src/net/actor-pool-ejection.ts";
import { asUsersError } from "../../src/net/fault.ts";
import { type ErrorCode, IrisError } from "../../src/runtime/errors.ts";

const failed = (times: number, now: number, from: Standing = IN_GOOD_STANDING): Standing =>
  Array.from({ length: times }).reduce<Standing>((standing) => afterFailure(standing, now), from);

test("three failures in a row pass a member over for a second, two do not", (t) => {
  t.false(isEjected(IN_GOOD_STANDING, 0));
  t.false(isEjected(failed(2, 100), 100));
  const ejected = failed(EJECTION.failuresMax, 100);
  t.true(isEjected(ejected, 100));
  t.true(isEjected(ejected, 100 + EJECTION.minMs - 1));
  t.false(isEjected(ejected, 100 + EJECTION.minMs));
});

test("a failed trial passes it over at once, for twice as long each time, at most 30 s, and never for ever", (t) => {
  const pauses: number[] = [];
  let now = 0;
  let standing = failed(EJECTION.failuresMax, now);
  for (let round = 0; round < 40; round++) {
    pauses.push(standing.ejectedUntil - now);
    now = standing.ejectedUntil;
    t.false(isEjected(standing, now));
    standing = afterFailure(standing, now);
  }
  t.deepEqual(pauses.slice(0, 7), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  t.is(pauses.at(-1), EJECTION.maxMs);
});

test("failures of calls that were under way when it was passed over do not lengthen the pause", (t) => {
  const ejected = failed(EJECTION.failuresMax, 100);
  t.deepEqual(failed(100, 500, ejected), ejected);
});

test("what the end of a call says about its member", (t) => {
  const verdicts: Partial<Record<ErrorCode, ReturnType<typeof verdictOf>>> = {
    LOST: "failure",
    UNAVAILABLE: "failure",
    CANCELLED: "nothing",
    DEADLINE_EXCEEDED: "nothing",
    MAILBOX_FULL: "nothing",
    RESOURCE_EXHAUSTED: "nothing",
    NO_SUCH_METHOD: "success",
    INTERNAL: "success",
  };
  for (const [code, verdict] of Object.entries(verdicts)) {
    t.is(verdictOf(new IrisError(code as ErrorCode, "x")), verdict, code);
    t.is(verdictOf(asUsersError(new IrisError(code as ErrorCode, "x"))), "success", `the user's own ${code}`);
  }
  t.is(verdictOf(undefined), "success");
  t.is(verdictOf(new RangeError("the user's")), "success");
});
