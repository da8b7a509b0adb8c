/** Why things stand where they stand, asked of a whole simulated cluster. Each title is the rule. */
import test from "ava";
import { TestCluster } from "../kit/test-cluster.ts";

test("a job that waits says what is in the way, and no more once it runs", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1", "w2"] });
  const blocker = await cluster.submit({ forever: true }, { replicas: 2, resources: { cpu: 3, memory: "64MiB" } });
  await cluster.until(() => [...cluster.running().values()].flat().length === 2, "both are busy");
  const job = await cluster.submit({ forever: true }, { resources: { cpu: 2, memory: "64MiB" } });
  const waits = await cluster.why(job.id);
  t.is(waits.state, "PENDING");
  t.deepEqual(waits.obstacles, [{ what: "cpu", workers: 2, workersNever: 0, tasks: 1 }]);
  await blocker.terminate();
  await cluster.reaches(job, "RUNNING");
  const runs = await cluster.why(job.id);
  t.deepEqual([runs.obstacles, runs.summary], [[], "RUNNING: of 1 task 1 RUNNING"]);
  const dead = await cluster.why(blocker.id);
  t.deepEqual(
    dead.chain.map(({ what }) => what),
    ["was asked to end", "RUNNING → KILLED"],
  );
  await job.terminate();
});

test("a task whose worker was killed, and which then failed, tells both attempts and what ended each", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1", "w2"] });
  const job = await cluster.submit({ runMs: 4_000, exitCode: 9 });
  await cluster.until(() => [...cluster.running().values()].flat().length === 1, "it runs");
  const [first = ""] = await cluster.workersOf(job);
  await cluster.killWorker(first);
  await cluster.until(async () => (await cluster.why(job.id)).tasks.length > 0, "its loss is known");
  const again = await cluster.why(`${job.id}/0`);
  t.is(again.tasks[0]?.attempts[0]?.status?.cause?.kind, "worker-lost");
  t.regex(again.text, new RegExp(`worker ${first} gone`));
  await cluster.reaches(job, "FAILED");
  const { tasks, chain, summary } = await cluster.why(job.id);
  t.regex(summary, /^FAILED: task .*9/);
  t.deepEqual(
    tasks[0]?.attempts.map(({ status }) => [status?.state, status?.workerId === first]),
    [
      ["WORKER_FAILED", true],
      ["FAILED", false],
    ],
  );
  t.deepEqual(
    chain.map(({ subjectName }) => subjectName),
    [`attempt 1 of ${job.id}/0`, `task ${job.id}/0`, `job ${job.id}`],
  );
});

test("why is answered the same by a controller that went on from the journal", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1"] });
  const job = await cluster.submit({ runMs: 10, exitCode: 1 }, { maxRetriesFailure: 1 });
  await cluster.reaches(job, "FAILED");
  const before = await cluster.why(job.id);
  await cluster.restartController();
  t.deepEqual(await cluster.why(job.id), before);
  t.is(before.tasks[0]?.attempts.length, 2);
});
