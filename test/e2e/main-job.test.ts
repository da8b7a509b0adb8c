import test from "ava";
import { PROJECT, processesWith, runProgram } from "../kit/programs.ts";

test.serial("the main job survives the kill, equals the plain loop and leaves nothing running", async (t) => {
  const marker = `main-job-${process.pid}`;
  const { status, stdout, stderr } = await runProgram(["npm", "start", "--silent"], {
    cwd: PROJECT,
    env: { IRIS_TEST_MARKER: marker },
  });
  t.is(status, 0, `${stdout}\n${stderr}`);
  t.regex(stdout, /[0-9]+ files below node_modules, in [0-9]+ shards/);
  t.regex(stdout, /killed the shard worker with process id [0-9]+/);
  t.regex(stdout, /all [0-9]+ packages/);
  t.regex(stdout, /shard workers killed on the way: 1/);
  t.regex(stdout, /the result is that of a plain loop over the same files/);
  t.regex(stdout, /nothing is left running/);
  t.deepEqual(processesWith("IRIS_TEST_MARKER", marker), [], "processes outlived the program");
});
