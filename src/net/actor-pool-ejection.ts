/**
 * When a member of a pool that keeps failing is passed over, and when it is tried again. Pure: what happened goes in, how
 * it stands comes out. Whether its link is up is another matter; this is about members whose links come up and whose
 * calls fail all the same. The one invariant: nobody is passed over for ever.
 */
import { IrisError } from "../runtime/errors.ts";
import { isUsersError } from "./fault.ts";

export const EJECTION = Object.freeze({
  /** Failures in a row after which it is passed over: one may be chance, two a restart. */
  failuresMax: 3,
  /** The first time it is passed over so long. Unit: ms. */
  minMs: 1_000,
  /** And after failing again each time, doubled, at most so long. Unit: ms. */
  maxMs: 30_000,
});

/** How a member stands. */
export interface Standing {
  /** Failures since the last success. */
  readonly failures: number;
  /** Times that it was passed over since the last success. */
  readonly ejections: number;
  /** It is passed over until then. On the pool's clock. Unit: ms. */
  readonly ejectedUntil: number;
}

export const IN_GOOD_STANDING: Standing = Object.freeze({
  failures: 0,
  ejections: 0,
  ejectedUntil: Number.NEGATIVE_INFINITY,
});

export function isEjected(standing: Standing, now: number): boolean {
  return now < standing.ejectedUntil;
}

/**
 * How it stands after one more failure at `now`. The one that comes after a pause need not be three: a member that fails
 * its trial is passed over at once, for twice as long. Those that come while it is passed over are old news.
 */
export function afterFailure(standing: Standing, now: number): Standing {
  if (isEjected(standing, now)) return standing;
  const failures = standing.failures + 1;
  if (standing.ejections === 0 && failures < EJECTION.failuresMax) return { ...standing, failures };
  const pauseMs = Math.min(EJECTION.maxMs, EJECTION.minMs * 2 ** Math.min(standing.ejections, 30));
  return { failures, ejections: standing.ejections + 1, ejectedUntil: now + pauseMs };
}

/**
 * What the end of a call says about the member that it was sent to. A failure of the link, or a refusal to take any work,
 * is `failure`; an answer is `success`, an error of the user's code like any other; what its caller did to it, or what
 * comes of too much load, is nothing.
 */
export function verdictOf(error: unknown): "success" | "failure" | "nothing" {
  if (error === undefined || isUsersError(error)) return "success";
  if (!IrisError.is(error)) return "success";
  switch (error.code) {
    case "LOST":
    case "UNAVAILABLE":
      return "failure";
    case "CANCELLED":
    case "DEADLINE_EXCEEDED":
    case "MAILBOX_FULL":
    case "RESOURCE_EXHAUSTED":
      return "nothing";
    default:
      return "success";
  }
}
