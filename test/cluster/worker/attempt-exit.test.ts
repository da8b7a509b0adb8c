import test from "ava";
import { cause } from "../../../src/cluster/job/cause.ts";
import { exitOf, exitOfFailedStart } from "../../../src/cluster/worker/attempt-exit.ts";
import { TaskSetupError } from "../../../src/cluster/worker/runtime/runtime.ts";
import { errorToInfo } from "../../../src/net/fault.ts";
import { IrisError } from "../../../src/runtime/errors.ts";

const CODE = (exitCode: number) => ({ exitCode, signal: undefined });
const KILLED = { exitCode: undefined, signal: "SIGKILL" };
const NOTHING = { stop: undefined, error: undefined, result: undefined };

test("how a process ended decides what the attempt came to", (t) => {
  const boom = errorToInfo(new TypeError("boom"), { stacks: false });
  const wanted = cause("killed-by-user", "asked");
  const late = cause("timeout", "too long");
  const value = Uint8Array.of(1);
  const rows = [
    [{ ...NOTHING, end: CODE(0) }, true, "exited", "exit status 0"],
    [{ ...NOTHING, end: CODE(3) }, false, "exited", "exit status 3"],
    [{ ...NOTHING, end: KILLED }, false, "exited", "ended by SIGKILL"],
    [{ ...NOTHING, end: CODE(1), error: boom }, false, "threw", "TypeError: boom"],
    [{ ...NOTHING, end: CODE(0), result: value }, true, "exited", "exit status 0"],
    [{ ...NOTHING, end: CODE(3), result: value }, false, "exited", "exit status 3"],
    [{ ...NOTHING, end: KILLED, stop: wanted }, false, "killed-by-user", "asked"],
    [{ ...NOTHING, end: CODE(0), stop: wanted }, false, "killed-by-user", "asked"],
    [{ ...NOTHING, end: CODE(1), stop: late, error: boom }, false, "timeout", "too long"],
  ] as const;
  for (const [ending, ok, kind, message] of rows) {
    const exit = exitOf(ending, 77);
    t.like(exit, { ok, endedAtMs: 77, cause: { kind, message } });
    t.is(exit.hasResult, ok && ending.result !== undefined);
    t.is(exit.cause?.exitCode, ending.end.exitCode);
    t.is(exit.cause?.signal, ending.end.signal);
  }
});

test("a result that is too large fails the attempt, with its size, the limit and the way out", (t) => {
  const exit = exitOf({ ...NOTHING, end: CODE(0), result: new Uint8Array(1024 * 1024 + 1) }, 0);
  t.false(exit.ok);
  t.is(exit.cause?.kind, "threw");
  t.regex(exit.cause?.message ?? "", /1048577 bytes.*1048576.*IRIS_OUTPUT_DIR/);
});

test("a start that failed is the job's fault or the machine's", (t) => {
  const setup = exitOfFailedStart(new TaskSetupError("NOT_FOUND", "command not found: x", 127), undefined, 5);
  t.deepEqual(setup.cause, { kind: "exited", message: "command not found: x", exitCode: 127, causeEventId: 0 });
  for (const error of [new IrisError("RESOURCE_EXHAUSTED", "EAGAIN"), new Error("ENOSPC"), "odd"]) {
    t.is(exitOfFailedStart(error, undefined, 5).cause?.kind, "infrastructure");
  }
  const stopped = exitOfFailedStart(new Error("CANCELLED"), cause("killed-by-user", "asked"), 5);
  t.like(stopped, { ok: false, cause: { kind: "killed-by-user" } });
});
