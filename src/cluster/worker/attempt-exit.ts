/** How an attempt ended, in the words of the wire (pure). Who wanted it to end decides; then how its process ended. */
import type { AttemptExit, Cause, ErrorInfo } from "../../net/wire/iris.ts";
import { toError } from "../../runtime/errors.ts";
import { cause } from "../job/cause.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { type TaskEnd, TaskSetupError } from "./runtime/runtime.ts";

/** What is known when nothing of an attempt is left. */
export interface Ending {
  /** Why it was told to stop, if it was. */
  readonly stop: Cause | undefined;
  readonly end: TaskEnd;
  /** What its function threw or returned, encoded; both absent for commands. */
  readonly error: ErrorInfo | undefined;
  readonly result: Uint8Array | undefined;
}

export function exitOf({ stop, end, error, result }: Ending, endedAtMs: number): AttemptExit {
  const how = {
    ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
    ...(end.signal === undefined ? {} : { signal: end.signal }),
  };
  if (stop !== undefined) return failed({ ...stop, ...how }, endedAtMs);
  if (error !== undefined) return failed(cause("threw", thrownText(error), how), endedAtMs);
  if (end.exitCode !== 0) return failed(cause("exited", describeEnd(end), how), endedAtMs);
  if (result !== undefined && result.byteLength > CLUSTER_LIMITS.resultBytes) {
    return failed(cause("threw", resultTooLarge(result.byteLength), how), endedAtMs);
  }
  return {
    cause: cause("exited", describeEnd(end), how),
    ok: true,
    hasResult: result !== undefined,
    result: result ?? new Uint8Array(),
    endedAtMs,
  };
}

/** The end of an attempt that never ran: the job's fault for a `TaskSetupError`, else the machine's. */
export function exitOfFailedStart(thrown: unknown, stop: Cause | undefined, endedAtMs: number): AttemptExit {
  if (stop !== undefined) return failed(stop, endedAtMs);
  if (thrown instanceof TaskSetupError) {
    return failed(cause("exited", thrown.message, { exitCode: thrown.exitCode }), endedAtMs);
  }
  return failed(cause("infrastructure", toError(thrown).message), endedAtMs);
}

/** Says how large a result is, how large it may be, and what to do. */
export function resultTooLarge(bytes: number): string {
  const limit = CLUSTER_LIMITS.resultBytes;
  return `the returned value takes ${bytes} bytes, at most ${limit} are kept: write it to a file below IRIS_OUTPUT_DIR and return its path`;
}

function failed(why: Cause, endedAtMs: number): AttemptExit {
  return { cause: why, ok: false, hasResult: false, result: new Uint8Array(), endedAtMs };
}

function describeEnd(end: TaskEnd): string {
  return end.signal === undefined ? `exit status ${end.exitCode}` : `ended by ${end.signal}`;
}

function thrownText({ name, message }: ErrorInfo): string {
  return name === "" ? message : `${name}: ${message}`;
}
