import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { Entrypoint } from "iris-runtime";
import { eventually, processesWith } from "../kit/programs.ts";
import { RealCluster } from "../kit/real-cluster.ts";

const SMALL = { cpu: 0.1, memory: "64MiB" };
/** What the controller needs to give up on a worker that was killed, with room for a slow machine. */
const ELSEWHERE_WITHIN_MS = 5_000;

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "sleep"; // It ended while we looked, as only sleeps do.
  }
}

test.serial("tasks of a worker that is killed with all its processes run again elsewhere within 5 s", async (t) => {
  await using cluster = await RealCluster.start(["first", "second"]);
  await using client = cluster.client();
  const job = await client.submit({
    name: "sleeper",
    entrypoint: Entrypoint.fromCommand(["sleep", "600"]),
    resources: SMALL,
    replicas: 4,
  });
  const running = async () => {
    const statuses = await Promise.all((await job.tasks()).map((task) => task.status()));
    return statuses.every(({ state }) => state === "RUNNING") ? statuses : undefined;
  };
  const before = await eventually(running, "all tasks run");
  t.deepEqual([...new Set(before.map(({ workerId }) => workerId))].sort(), ["first", "second"]);

  const killedAt = performance.now();
  const victims = processesWith("IRIS_WORKER_ID", "first");
  cluster.workers.get("first")?.kill("SIGKILL");
  for (const pid of victims) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // The watchdog was quicker.
    }
  }
  const after = await eventually(async () => {
    const statuses = await running();
    return statuses?.every(({ workerId }) => workerId === "second") ? statuses : undefined;
  }, "all tasks run on the other worker");
  t.true(performance.now() - killedAt < ELSEWHERE_WITHIN_MS, `took ${Math.round(performance.now() - killedAt)} ms`);
  for (const status of after) t.is(status.failures, 0, "a lost machine is not the task's fault");
  t.is(
    after.reduce((sum, { preemptions }) => sum + preemptions, 0),
    before.filter(({ workerId }) => workerId === "first").length,
  );
  await job.terminate();
});

test.serial("tasks die with their worker, also when it alone is killed", async (t) => {
  await using cluster = await RealCluster.start(["only"]);
  await using client = cluster.client();
  const job = await client.submit({
    name: "family",
    entrypoint: Entrypoint.fromCommand(["sh", "-c", "sleep 600 & sleep 600"]),
    resources: SMALL,
  });
  await eventually(() => processesWith("IRIS_JOB_ID", job.id).length >= 3 || undefined, "the task's processes run");
  cluster.workers.get("only")?.kill("SIGKILL");
  await eventually(
    () => processesWith("IRIS_JOB_ID", job.id).length === 0 || undefined,
    "no process of the task is left",
  );
  t.pass();
});

test.serial("a killed controller comes back: jobs are known, tasks run on, and waiting clients settle", async (t) => {
  await using cluster = await RealCluster.start(["only"]);
  await using client = cluster.client();
  const gate = join(cluster.folder, "gate");
  const script = `echo started; while [ ! -e ${gate} ]; do sleep 0.05; done; echo finished`;
  const job = await client.submit({
    name: "patient",
    entrypoint: Entrypoint.fromCommand(["sh", "-c", script]),
    resources: SMALL,
  });
  const waiting = job.wait();
  await eventually(async () => ((await job.status()).state === "RUNNING" ? true : undefined), "the job runs");
  // The script's shell and its watchdog; its sleeps come and go.
  const lasting = () => processesWith("IRIS_JOB_ID", job.id).filter((pid) => commandOf(pid) !== "sleep");
  const before = lasting();
  t.true(before.length > 0);

  cluster.controller.kill("SIGKILL");
  await cluster.controller.finished;
  await cluster.startController();

  const later = await client.submit({ name: "later", entrypoint: Entrypoint.fromCommand(["true"]), resources: SMALL });
  await later.wait();
  t.is((await client.job(job.id).status()).state, "RUNNING");
  t.deepEqual(lasting(), before, "the same processes run on");
  await writeFile(gate, "");
  t.is((await waiting).state, "SUCCEEDED");
  const [task] = await job.tasks();
  t.is((await task?.attempts())?.length, 1, "it was adopted, not started again");
  const lines: string[] = [];
  for await (const { data } of job.logs()) lines.push(data);
  t.deepEqual(lines, ["started", "finished"]);
});

test.serial("a parent that ends takes three generations with it, and no process of theirs is left", async (t) => {
  await using cluster = await RealCluster.start(["only"]);
  await using client = cluster.client();
  const folder = join(cluster.folder, "generations");
  const { parent } = await import("./generations.ts");
  const job = await client.submit({
    name: "parent",
    entrypoint: Entrypoint.fromCallable(parent, `${folder}-leaf`),
    resources: SMALL,
  });
  const leaf = await eventually(
    () => readFile(`${folder}-leaf`, "utf8").catch(() => undefined),
    "the youngest has started",
  );
  t.is(leaf, `${job.id}/child/grandchild/great-grandchild`);
  const ids = [job.id, `${job.id}/child`, `${job.id}/child/grandchild`, leaf];
  for (const id of ids) t.is((await client.job(id).status()).state, "RUNNING");

  await writeFile(`${folder}-leaf-end`, "");
  await job.wait();
  for (const id of ids.slice(1)) {
    const status = await eventually(async () => {
      const now = await client.job(id).status();
      return now.state === "KILLED" ? now : undefined;
    }, `${id} has ended`);
    t.is(status.cause?.kind, "parent-ended");
  }
  await eventually(() => processesWith("IRIS_JOB_ID", job.id).length === 0 || undefined, "no process is left");
});
