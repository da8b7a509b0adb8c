/** Controllers that know less than their workers run. Each title is the rule. */
import test from "ava";
import { MemoryJournal } from "../../src/cluster/controller/journal-memory.ts";
import { TestCluster } from "../kit/test-cluster.ts";

test("a controller on an empty state leaves alone what busy workers run, warns of it by name, and places nothing beside it", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1", "w2"] });
  const job = await cluster.submit({ runMs: 20_000 }, { replicas: 2 });
  await cluster.until(() => [...cluster.running().values()].flat().length === 2, "both run");
  const before = cluster.running();
  const kept = cluster.journal;
  await cluster.restartController(new MemoryJournal());
  const other = await cluster.submit({ runMs: 10 });
  await cluster.pass(6_000);
  t.deepEqual(cluster.running(), before, "nothing was stopped, nothing was started");
  const warnings = cluster.log.lines.filter(
    ({ level, message }) => level === "warn" && /another controller/.test(message),
  );
  t.deepEqual(
    warnings.map(({ fields }) => (fields as { workerId: string }).workerId).sort(),
    ["w1", "w2"],
    "once each",
  );
  const named = warnings.flatMap(({ fields }) => (fields as { attempts: string[] }).attempts).sort();
  t.deepEqual(
    named.map((name) => name.split(" ")[0]),
    [`${job.id}/0`, `${job.id}/1`],
  );
  t.deepEqual((await cluster.why(other.id)).obstacles, [
    { what: "busy with tasks of another controller's state", workers: 2, workersNever: 0, tasks: 1 },
  ]);
  await cluster.restartController(kept);
  const status = await cluster.reaches(job, "SUCCEEDED");
  t.is(status.taskCounts["SUCCEEDED"], 2);
  const launches = [...cluster.workers.values()].flatMap(({ runtime }) => runtime.launches);
  t.is(launches.length, 2, "the right state goes on with what ran all the time: nothing is started twice");
});

test("what ended under a controller that did not know it is told to the one that does", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1"] });
  const job = await cluster.submit({ runMs: 3_000, exitCode: 4 });
  await cluster.until(() => cluster.running().get("w1")?.length === 1, "it runs");
  const kept = cluster.journal;
  await cluster.restartController(new MemoryJournal());
  await cluster.until(() => cluster.running().get("w1")?.length === 0, "it has ended");
  await cluster.pass(5_000);
  await cluster.restartController(kept);
  const status = await cluster.reaches(job, "FAILED");
  t.is(status.firstFailed?.cause?.exitCode, 4);
});

test("a worker whose old state stays away stops what that state wanted after orphanAfterMs, and is free for the new one", async (t) => {
  await using cluster = await TestCluster.start({ workers: ["w1"], orphanAfterMs: 8_000 });
  await cluster.submit({ forever: true });
  await cluster.until(() => cluster.running().get("w1")?.length === 1, "it runs");
  await cluster.restartController(new MemoryJournal());
  const next = await cluster.submit({ runMs: 10 });
  await cluster.pass(5_000);
  t.is(cluster.running().get("w1")?.length, 1);
  t.is((await cluster.status(next)).state, "PENDING");
  await cluster.reaches(next, "SUCCEEDED");
  t.deepEqual(cluster.running().get("w1"), []);
});
