import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import test from "ava";
import { Entrypoint } from "../../src/cluster/client/entrypoint.ts";
import type { JobFailedError } from "../../src/cluster/client/job-failed.ts";
import { IrisClient } from "../../src/cluster/iris-client.ts";
import { add, fail, whoAmI } from "./jobs/alone.ts";
import type { Kin } from "./jobs/family.ts";

/** Ours alone, so that what is left in it was left by us. */
const temporary = await mkdtemp(join(tmpdir(), "iris-test-"));
process.env.TMPDIR = temporary;
test.after.always(() => rm(temporary, { recursive: true, force: true }));

/** Real processes on a machine with others at work: nothing here waits for time, this only bounds a failure. */
test.beforeEach((t) => t.timeout(60_000));

const small = { cpu: 0.1, memory: "64MiB" };

class Sink extends Writable {
  text = "";
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

test.serial("a command runs, its log is shown while it is waited for, and is there afterwards", async (t) => {
  await using client = await IrisClient.local({ cpu: 2 });
  const shown = new Sink();
  const job = await client.submit({
    name: "hello",
    entrypoint: Entrypoint.fromCommand(["sh", "-c", "echo one; echo two >&2; echo $LEVEL"]),
    resources: small,
    env: { LEVEL: "debug" },
  });
  t.regex(job.id, /^[0-9a-z]{12}$/);
  const status = await job.wait({ streamLogs: shown });
  t.is(status.state, "SUCCEEDED");
  t.deepEqual(shown.text.trim().split("\n").sort(), ["debug", "one", "two"]);
  const lines: string[] = [];
  for await (const entry of job.logs({ source: "stderr" })) lines.push(`${entry.taskId.slice(-1)} ${entry.data}`);
  t.deepEqual(lines, ["0 two"]);
  t.is(await job.result(), undefined);
});

test.serial("a function runs in a process of its own, and what it returns comes back", async (t) => {
  await using client = await IrisClient.local();
  const job = await client.submit({ name: "add", entrypoint: Entrypoint.fromCallable(add, 40, 2n), resources: small });
  t.deepEqual(await job.result(), { sum: 42n });
  const closure = await client.submit({
    name: "pid",
    entrypoint: Entrypoint.fromCallable(() => process.pid),
    resources: small,
  });
  t.not(await closure.result(), process.pid);
});

test.serial("a function that throws fails its job, with its own message and its last lines", async (t) => {
  await using client = await IrisClient.local();
  const job = await client.submit({
    name: "fail",
    entrypoint: Entrypoint.fromCallable(fail, "no such luck"),
    resources: small,
    maxRetriesFailure: 1,
  });
  const error = await t.throwsAsync<JobFailedError>(job.result(), { code: "JOB_FAILED" });
  t.is(error?.state, "FAILED");
  t.is(error?.firstFailed?.id, `${job.id}/0`);
  t.is(error?.firstFailed?.cause?.kind, "threw");
  t.like(error?.cause, { message: "RangeError: no such luck" });
  t.true(error?.lastLines.some((entry) => entry.data === "about to fail"));
  const attempts = await job.task(0).attempts();
  t.deepEqual(
    attempts.map(({ attempt, state }) => [attempt, state]),
    [
      [0, "FAILED"],
      [1, "FAILED"],
    ],
  );
});

test.serial("each task of several knows itself and has its own result", async (t) => {
  await using client = await IrisClient.local({ workers: 2, cpu: 1 });
  t.deepEqual(
    (await client.workers()).map(({ id, health, capacity }) => [id, health, capacity?.cpuMillis]),
    [
      ["local-0", "ALIVE", 1000],
      ["local-1", "ALIVE", 1000],
    ],
  );
  const job = await client.submit({
    name: "many",
    entrypoint: Entrypoint.fromCallable(whoAmI),
    replicas: 2,
    resources: small,
    ports: ["http"],
    env: { LEVEL: "debug" },
  });
  const results = await Promise.all((await job.tasks()).map((task) => task.result()));
  t.deepEqual(
    results.map(({ index, numTasks, level }) => [index, numTasks, level]),
    [
      [0, 2, "debug"],
      [1, 2, "debug"],
    ],
  );
  t.true(results.every(({ port }) => port >= 30_000 && port <= 40_000));
});

test.serial("jobs that jobs submit are their children by id, to any depth", async (t) => {
  await using client = await IrisClient.local({ cpu: 2 });
  const root = await client.submit({
    name: "root",
    entrypoint: Entrypoint.fromModule<Kin>("./test/cluster/jobs/family.ts", "line", ["child", "grandchild"]),
    resources: small,
  });
  const { id } = root;
  t.deepEqual(await root.result(), {
    jobId: id,
    parentJobId: null,
    namespace: id,
    below: {
      jobId: `${id}/child`,
      parentJobId: id,
      namespace: id,
      below: { jobId: `${id}/child/grandchild`, parentJobId: `${id}/child`, namespace: id },
    },
  });
  t.deepEqual(
    (await root.children()).map((child) => [child.id, child.name]),
    [[`${id}/child`, "child"]],
  );
  const all: string[] = [];
  for await (const job of client.jobs({ recursive: true })) all.push(job.id);
  t.deepEqual(all.sort(), [id, `${id}/child`, `${id}/child/grandchild`]);
});

test.serial("when a job ends, all below it are ended, also if it succeeded", async (t) => {
  await using client = await IrisClient.local({ cpu: 2 });
  const root = await client.submit({
    name: "root",
    entrypoint: Entrypoint.fromModule<string>("./test/cluster/jobs/family.ts", "leaveBehind"),
    resources: small,
  });
  t.is(await root.result(), `${root.id}/child`);
  for (const id of [`${root.id}/child`, `${root.id}/child/grandchild`]) {
    const error = await t.throwsAsync<JobFailedError>(client.job(id).wait(), { code: "JOB_FAILED" });
    t.is(error?.state, "KILLED");
    t.is(error?.failure?.kind, "parent-ended");
  }
});

test.serial("a job that is terminated is KILLED, and so is all below it", async (t) => {
  await using client = await IrisClient.local({ cpu: 2 });
  const job = await client.submit({
    name: "long",
    entrypoint: Entrypoint.fromCommand(["sleep", "3600"]),
    resources: small,
  });
  for await (const status of job.watch()) if (status.state === "RUNNING") break;
  await job.terminate();
  await job.terminate();
  const error = await t.throwsAsync<JobFailedError>(job.wait(), { code: "JOB_FAILED" });
  t.is(error?.state, "KILLED");
  t.is(error?.failure?.kind, "killed-by-user");
});

test.serial("a program that uses its context ends by itself, though it closed nothing", async (t) => {
  await using client = await IrisClient.local({ cpu: 2 });
  const job = await client.submit({
    name: "program",
    entrypoint: Entrypoint.fromCommand([process.execPath, "test/cluster/jobs/quiet-program.ts"]),
    resources: small,
  });
  await job.wait();
  const lines: string[] = [];
  for await (const { data } of job.logs({ source: "stdout" })) lines.push(data);
  t.deepEqual(lines, ["child SUCCEEDED"]);
});

test.serial("leaving the client leaves nothing, whatever was running", async (t) => {
  const client = await IrisClient.local();
  const job = await client.submit({
    name: "long",
    entrypoint: Entrypoint.fromCallable(() => new Promise(() => setInterval(() => {}, 1_000))),
    resources: small,
    graceMs: 0,
  });
  for await (const status of job.watch()) if (status.state === "RUNNING") break;
  const waiting = job.wait();
  await client.close();
  await client.close();
  await t.throwsAsync(waiting, { code: "CANCELLED" });
  t.deepEqual(await readdir(temporary), []);
});

test("a local cluster of no or too many workers is refused", async (t) => {
  await t.throwsAsync(IrisClient.local({ workers: 0 }), { code: "INVALID_ARGUMENT", message: /use 1 to 64/ });
  await t.throwsAsync(IrisClient.local({ workers: 65 }), { code: "INVALID_ARGUMENT" });
  await t.throwsAsync(IrisClient.local({ cpu: -1 }), { code: "INVALID_ARGUMENT", message: /cpu -1/ });
  await t.throwsAsync(IrisClient.local({ memory: "lots" }), { code: "INVALID_ARGUMENT", message: /memory "lots"/ });
});
