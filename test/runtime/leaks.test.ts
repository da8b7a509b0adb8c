/** What comes and goes leaves nothing: looked at in a process of its own, where the collector can be called. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import type { LeakReport } from "./leaks-process.ts";

/**
 * What the engine itself keeps of so much work: compiled code, caches. It also gives back late what loading the program
 * took, some 5 MB, so that this finds a leak of 70 bytes per actor; one actor that stays is ten times that.
 */
const SLACK_BYTES = 1_500_000;

interface Reports {
  readonly actors: LeakReport;
  readonly restarts: LeakReport;
  readonly timersAtEnd: number;
}

const reports = promisify(execFile)(process.execPath, [
  "--expose-gc",
  join(import.meta.dirname, "leaks-process.ts"),
]).then(({ stdout }) => JSON.parse(stdout) as Reports);

function leavesNothing(t: ExecutionContext, { before, after, timers, living }: LeakReport): void {
  t.true(after - before < SLACK_BYTES, `${before} bytes lived before, ${after} after`);
  t.is(timers, 0);
  t.is(living, 0);
}

test("100 000 actors that came, worked and went leave no memory and no timer", async (t) => {
  leavesNothing(t, (await reports).actors);
});

test("10 000 restarts leave no memory and no timer", async (t) => {
  const { restarts, timersAtEnd } = await reports;
  leavesNothing(t, restarts);
  t.is(timersAtEnd, 0);
});
