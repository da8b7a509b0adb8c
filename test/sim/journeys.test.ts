/** Journeys of jobs through a whole simulated cluster. Each title is the rule. */
import test from "ava";
import { CLUSTER_LIMITS } from "../../src/cluster/job/limits.ts";
import { TestCluster } from "../kit/test-cluster.ts";

test("a job runs where there is room, and its end is known with its cause", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1", "w2"] });
  const job = await cluster.submit({ runMs: 500, exitCode: 0, stdout: ["hello"] }, { replicas: 4 });
  await cluster.reaches(job, "RUNNING");
  await cluster.reaches(job, "SUCCEEDED");
  t.deepEqual([...new Set(await cluster.workersOf(job))].sort(), ["w1", "w2"]);
  await cluster.checkJobs();
});

test("a job whose worker is killed runs again elsewhere, at the machines' cost", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1", "w2"] });
  const job = await cluster.submit({ runMs: 10_000 }, { replicas: 4 });
  await cluster.until(() => [...cluster.running().values()].flat().length === 4, "all four run");
  const killedAt = cluster.clock.now();
  await cluster.killWorker("w1");
  await cluster.until(() => cluster.running().get("w2")?.length === 4, "all four run on the other");
  t.true(cluster.clock.now() - killedAt <= 5_000, "restart grace and the retry's wait are all that it takes");
  const status = await cluster.reaches(job, "SUCCEEDED");
  t.is(status.taskCounts["SUCCEEDED"], 4);
  await cluster.checkJobs();
});

test("a worker whose cable is out keeps its tasks; only after lostAfterMs do they run elsewhere too, and count once", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1", "w2"] });
  const job = await cluster.submit({ forever: true });
  await cluster.until(() => [...cluster.running().values()].flat().length === 1, "it runs");
  const [first = ""] = await cluster.workersOf(job);
  const other = first === "w1" ? "w2" : "w1";
  cluster.unplug(first);
  await cluster.pass(CLUSTER_LIMITS.lostAfterMs - 2_000);
  t.deepEqual(cluster.running().get(other), [], "nothing is placed before the time is up");
  await cluster.until(() => cluster.running().get(other)?.length === 1, "it runs elsewhere");
  t.is(cluster.running().get(first)?.length, 1, "the one that is cut off goes on by itself");
  cluster.plug(first);
  await cluster.until(
    () => cluster.running().get(first)?.length === 0,
    "the old attempt is stopped when its worker is back",
  );
  t.is((await cluster.status(job)).state, "RUNNING");
  const attempts = (await (await cluster.client.job(job.id).tasks())[0]?.attempts()) ?? [];
  t.deepEqual(
    attempts.map(({ state }) => state),
    ["WORKER_FAILED", "RUNNING"],
  );
  await job.terminate();
});

test("a restarted controller adopts what runs: nothing is started twice, and the end is heard", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1"] });
  const job = await cluster.submit({ runMs: 6_000 }, { replicas: 3 });
  await cluster.until(() => cluster.running().get("w1")?.length === 3, "all run");
  await cluster.restartController();
  const status = await cluster.reaches(job, "SUCCEEDED");
  t.is(status.taskCounts["SUCCEEDED"], 3);
  t.is(cluster.workers.get("w1")?.runtime.launches.length, 3);
  await cluster.checkJobs();
});

test("an end that comes while the controller is away is told when it is back", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1"] });
  const job = await cluster.submit({ forever: true });
  const uid = await cluster.until(() => cluster.running().get("w1")?.[0], "it runs");
  cluster.network.cut("controller");
  await cluster.pass(100);
  cluster.workers.get("w1")?.runtime.finish(uid, { exitCode: 3, signal: undefined });
  await cluster.pass(1_000);
  cluster.network.heal();
  await cluster.restartController();
  const status = await cluster.reaches(job, "FAILED");
  t.is(status.firstFailed?.cause?.exitCode, 3);
});

test("two retries mean three tries, each after a wait", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1"] });
  const job = await cluster.submit({ runMs: 10, exitCode: 1 }, { maxRetriesFailure: 2 });
  const status = await cluster.reaches(job, "FAILED");
  t.is(cluster.workers.get("w1")?.runtime.launches.length, 3);
  t.is(status.firstFailed?.failures, 3);
  t.is(status.cause?.kind, "exited");
});

test("a user's end reaches a task that ignores it, by force, and only then is its place free", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1"] });
  const stubborn = await cluster.submit(
    { forever: true, ignoreStop: true },
    { resources: { cpu: 4, memory: "64MiB" } },
  );
  await cluster.until(() => cluster.running().get("w1")?.length === 1, "it runs");
  const next = await cluster.submit({ runMs: 10 }, { resources: { cpu: 4, memory: "64MiB" } });
  await stubborn.terminate();
  t.is((await cluster.status(stubborn)).state, "KILLED");
  await cluster.pass(CLUSTER_LIMITS.graceMs - 1_000);
  t.is((await cluster.status(next)).state, "PENDING");
  t.regex((await cluster.status(next)).pendingReason, /cpu/);
  await cluster.reaches(next, "SUCCEEDED");
});

for (const seed of [1, 2, 3]) {
  test(`whatever breaks, everything that was accepted comes to an end and nothing runs twice (seed ${seed})`, async (t) => {
    const names = ["w1", "w2", "w3"];
    await using cluster = await TestCluster.start({ workers: names, seed });
    const pick = (below: number) => Math.floor(cluster.random.next() * below);
    const jobs = [];
    for (let round = 0; round < 12; round++) {
      jobs.push(
        await cluster.submit(
          { runMs: pick(3_000), exitCode: pick(4) === 0 ? 1 : 0 },
          { replicas: 1 + pick(3), maxRetriesFailure: pick(2) },
        ),
      );
      const victim = names[pick(names.length)] ?? "w1";
      switch (pick(5)) {
        case 0:
          await cluster.killWorker(victim);
          await cluster.pass(200);
          cluster.network.heal();
          await cluster.startWorker(victim);
          break;
        case 1:
          cluster.unplug(victim);
          await cluster.pass(pick(3_000));
          cluster.plug(victim);
          break;
        case 2:
          await cluster.restartController();
          break;
        case 3:
          cluster.network.drop(victim);
          break;
        default:
          await cluster.pass(pick(1_000));
      }
      await cluster.checkJobs();
    }
    for (const job of jobs) {
      const status = await cluster.until(async () => {
        const now = await cluster.status(job);
        return now.state === "SUCCEEDED" || now.state === "FAILED" ? now : undefined;
      }, `${job.id} has ended`);
      t.truthy(status.cause);
    }
    await cluster.checkJobs();
    await cluster.until(() => [...cluster.running().values()].flat().length === 0, "nothing runs any more");
  });
}
