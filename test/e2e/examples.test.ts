import { join } from "node:path";
import test from "ava";
import { PROJECT, runProgram } from "../kit/programs.ts";

/** What each example prints, line by line. `/…/` is a pattern; the order of lines is part of the promise. */
const EXPECTED: Record<string, (string | RegExp)[]> = {
  "job-with-logs.ts": [
    "hello, world",
    "the result is 5",
    /^stdout: hello, world$|^stderr: this line goes to stderr$/,
    /^std(out|err): /,
  ],
  "actor-server.ts": ["2", "3", "left: 3", "left: 2", "left: 1"],
  "resolver.ts": ["2 + 3 = 5", "everyone says 42 and 42", "1 / 0 fails with RangeError: division by zero"],
  "worker-pool.ts": ["12² = 144", "1³ + … + 5³ = 225", "TypeError: no such luck"],
  "local-pool.ts": ["4", "25", "168", "1229"],
  "nested-jobs.ts": ["root", "root/child", "root/child/grandchild", "log: the parent of grandchild is child"],
  "endpoint-isolation.ts": ["a child of the same hierarchy found 1", "a job of another hierarchy found nobody"],
  "context.ts": [
    "task 0 of 1, attempt 0",
    "task id is job id and index: true",
    "namespace is the root job: true",
    "port web is in the environment too",
    "GREETING=good day",
    "IRIS_JOB_ID is set",
    "IRIS_TASK_ID is set",
    "IRIS_WORKER_ID is set",
    "IRIS_CONTROLLER_ADDRESS is set",
    "IRIS_WORKDIR is set",
    "IRIS_OUTPUT_DIR is set",
  ],
  "supervision.ts": [
    "balance 10",
    "refused: cannot deposit -1",
    "balance after the restart 5",
    "restarts of the account: 1",
  ],
  "small-system.ts": [
    "the page says hello, it is polled, and 1000 has 168 primes below it",
    "before:",
    "town",
    "└─ town          supervisor  running",
    "   ├─ ledger     actor       running",
    "   ├─ front      supervisor  running",
    "   │  ├─ web     service     running",
    "   │  └─ poller  service     running",
    "   ├─ primes     thread      running",
    "   └─ clock      process     running",
    "hurt:",
    "town",
    "└─ town          supervisor  running",
    "   ├─ ledger     actor       down        1 restart",
    "   ├─ front      supervisor  running",
    "   │  ├─ web     service     restarting  1 restart",
    "   │  └─ poller  service     restarting  1 restart",
    "   ├─ primes     thread      restarting  1 restart",
    "   └─ clock      process     restarting  1 restart",
    "after:",
    "town",
    "└─ town          supervisor  running",
    "   ├─ ledger     actor       running  1 restart",
    "   ├─ front      supervisor  running",
    "   │  ├─ web     service     running  1 restart",
    "   │  └─ poller  service     running  1 restart",
    "   ├─ primes     thread      running  1 restart",
    "   └─ clock      process     running  1 restart",
    "the page says hello, it is polled, and 1000 has 168 primes below it",
  ],
};

for (const [file, lines] of Object.entries(EXPECTED)) {
  test.serial(`the example ${file} prints what it says`, async (t) => {
    const { status, stdout, stderr } = await runProgram([process.execPath, join("examples", file)], { cwd: PROJECT });
    t.is(status, 0, stderr);
    const printed = stdout.trimEnd().split("\n");
    t.is(printed.length, lines.length, stdout);
    for (const [at, line] of lines.entries()) {
      if (typeof line === "string") t.is(printed[at], line);
      else t.regex(printed[at] ?? "", line);
    }
  });
}
