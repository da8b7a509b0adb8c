import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Entrypoint } from "iris-runtime";
import { serveCalculator } from "../../examples/jobs/calculator.ts";
import { eventually, IRIS_BIN, Program, processesWith, runIris } from "../kit/programs.ts";
import { RealCluster } from "../kit/real-cluster.ts";

let cluster: RealCluster;
test.before(async () => {
  cluster = await RealCluster.start(["only"]);
});
test.after.always(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const SMALL = ["--cpu", "0.1", "--memory", "64MiB"];
const iris = (...args: string[]) => runIris(args, { env: cluster.env });

test.serial("job run streams the output and ends with the command's exit status", async (t) => {
  const good = await iris("job", "run", "--name", "hello", ...SMALL, "--", "echo", "hello");
  t.is(good.status, 0, good.stderr);
  t.is(good.stdout, "hello\n", "stdout is data: the command's own and nothing else");
  const bad = await iris("job", "run", ...SMALL, "--", "sh", "-c", "echo oops >&2; exit 7");
  t.is(bad.status, 7);
  t.is(bad.stdout, "");
  t.regex(bad.stderr, /oops/);
  t.regex(bad.stderr, /FAILED/);
});

test.serial("job run passes environment and ports, and flags after -- belong to the command", async (t) => {
  const { stdout, status } = await iris(
    "job",
    "run",
    ...SMALL,
    "--env",
    "WHO=Ada",
    "--port",
    "web",
    "--",
    "sh",
    "-c",
    'echo "$WHO $((IRIS_PORT_WEB > 0)) $1"',
    "sh",
    "--name",
  );
  t.is(status, 0);
  t.is(stdout, "Ada 1 --name\n");
});

test.serial("an unknown flag before -- is refused with a suggestion, status 2, and nothing is submitted", async (t) => {
  const { status, stderr } = await iris("job", "run", "--replica", "2", "--", "true");
  t.is(status, 2);
  t.regex(stderr, /--replicas/);
  const unknown = await iris("job", "runn", "--", "true");
  t.is(unknown.status, 2);
  t.regex(unknown.stderr, /run/);
});

test.serial("ls, show, logs, wait and stop tell the same story, as text and as JSON", async (t) => {
  const submitted = await iris(
    "job",
    "run",
    "--name",
    "story",
    ...SMALL,
    "--replicas",
    "2",
    "--no-wait",
    "--",
    "sh",
    "-c",
    "echo once; sleep 600",
  );
  t.is(submitted.status, 0, submitted.stderr);
  const id = submitted.stdout.trim();
  await eventually(async () => {
    const shown = JSON.parse((await iris("job", "show", "--json", id)).stdout);
    return shown.tasks.every((task: { state: string }) => task.state === "RUNNING") ? true : undefined;
  }, "both tasks run");
  const listed = JSON.parse((await iris("job", "ls", "--json", "--live")).stdout) as { id: string; state: string }[];
  t.is(listed.find((job) => job.id === id)?.state, "RUNNING");
  t.regex((await iris("job", "ls")).stdout, new RegExp(`${id} +story +RUNNING`));
  const shown = await iris("job", "show", id);
  t.regex(shown.stdout, new RegExp(`${id}/0 +RUNNING +0 +only`));
  const late = await iris("job", "wait", id, "--timeout", "100ms");
  t.is(late.status, 124, late.stderr);
  const stopped = await iris("job", "stop", id);
  t.is(stopped.stdout, `${id} KILLED\n`);
  const waited = await iris("job", "wait", id);
  t.is(waited.status, 1);
  t.is(waited.stdout, `${id} KILLED\n`);
  const logs = await iris("job", "logs", id, "--task", "1");
  t.is(logs.stdout, "once\n");
  const both = (await iris("job", "logs", id)).stdout.split("\n").sort();
  t.deepEqual(both, ["", `${id}/0 | once`, `${id}/1 | once`]);
  await eventually(() => processesWith("IRIS_JOB_ID", id).length === 0 || undefined, "nothing is left");
});

test.serial("an interrupt asks the job to stop; the status is 130", async (t) => {
  await using program = new Program(
    [process.execPath, IRIS_BIN, "job", "run", ...SMALL, "--", "sh", "-c", "echo ready; sleep 600"],
    { env: cluster.env },
  );
  const [, id = ""] = await program.seen(/job ([a-z0-9]{12})/);
  await program.seen(/ready/);
  program.kill("SIGINT");
  const { status } = await program.finished;
  t.is(status, 130);
  t.is((await iris("job", "wait", id)).stdout, `${id} KILLED\n`);
});

test.serial("call reaches an actor of a job by its name", async (t) => {
  await using client = cluster.client();
  const job = await client.submit({
    name: "calculators",
    entrypoint: Entrypoint.fromCallable(serveCalculator),
    resources: { cpu: 0.1, memory: "64MiB" },
  });
  const sum = await iris("call", "calculator", "add", "2", "3", "--namespace", job.id);
  t.is(sum.stdout, "5\n", sum.stderr);
  const failed = await iris("call", "calculator", "divide", "1", "0", "--namespace", job.id);
  t.is(failed.status, 1);
  t.regex(failed.stderr, /division by zero/);
  const missing = await iris("call", "calculator", "multiply", "1", "0", "--namespace", job.id);
  t.regex(missing.stderr, /NO_SUCH_METHOD/);
  const endpoints = JSON.parse((await iris("endpoint", "ls", "--namespace", job.id, "--json")).stdout);
  t.is(endpoints[0]?.name, "calculator");
  t.is(endpoints[0]?.token, undefined, "access tokens are not shown");
  await job.terminate();
});

test.serial("bad input gets a clear error with its code, the right status, and nothing is lost", async (t) => {
  const cases: [args: string[], status: number, says: RegExp][] = [
    [["job", "show", "aaaaaaaaaaaa"], 1, /aaaaaaaaaaaa.*NOT_FOUND/s],
    [["job", "show", "No Such Id"], 2, /INVALID_ARGUMENT/],
    [["job", "run", "--name", "Bad Name", "--", "true"], 2, /Bad Name.*INVALID_ARGUMENT/s],
    [["job", "run", "--memory", "lots", "--", "true"], 2, /lots.*INVALID_ARGUMENT/s],
    [["job", "run", "--cpu", "none", "--", "true"], 2, /cores/],
    [["job", "run", ...SMALL, "--", "no-such-command-anywhere"], 127, /no-such-command-anywhere/],
    [["job", "ls", "--controller", "http://127.0.0.1:1"], 3, /127\.0\.0\.1:1.*UNAVAILABLE/s],
    [["job", "ls", "--token", "wrong"], 3, /UNAUTHENTICATED/],
    [["job", "ls", "--controller", "not a url"], 2, /INVALID_ARGUMENT/],
    [["call", "nobody", "greet", "--timeout", "200ms"], 124, /nobody.*DEADLINE_EXCEEDED/s],
  ];
  for (const [args, status, says] of cases) {
    const done = await iris(...args);
    t.is(done.status, status, `${args.join(" ")}: ${done.stderr}`);
    t.regex(done.stderr, says);
    t.notRegex(done.stderr, /\n\s+at /, "people get a sentence, not a stack");
  }
  t.is((await iris("job", "run", ...SMALL, "--", "echo", "still here")).stdout, "still here\n");
});

test.serial("a job that no worker can ever hold waits and says why; it can be stopped", async (t) => {
  const { stdout } = await iris("job", "run", "--cpu", "9999", "--no-wait", "--", "true");
  const id = stdout.trim();
  const shown = await iris("job", "show", id);
  t.regex(shown.stdout, /PENDING/);
  t.regex(shown.stdout, /waits for +.*cpu/);
  t.is((await iris("job", "stop", id)).stdout, `${id} KILLED\n`);
});

test.serial(
  "why says in words and as JSON what a job waits for, why it was tried again, and why it ended",
  async (t) => {
    const waiting = (await iris("job", "run", "--cpu", "9999", "--no-wait", "--", "true")).stdout.trim();
    const waits = await iris("job", "why", waiting);
    t.is(waits.status, 0, waits.stderr);
    t.regex(waits.stdout, new RegExp(`^${waiting} PENDING: .*waits for a place`));
    t.regex(waits.stdout, /1 task: cpu: 1 worker short, all of them even when empty/);
    await iris("job", "stop", waiting);
    const failed = await iris("job", "run", ...SMALL, "--retries", "1", "--no-wait", "--", "sh", "-c", "exit 3");
    const id = failed.stdout.trim();
    await iris("job", "wait", id);
    const words = (await iris("job", "why", id)).stdout;
    t.regex(words, new RegExp(`^${id} FAILED: .*3`));
    t.regex(words, /attempt 0 on only FAILED: .*3[\s\S]*attempt 1 on only FAILED: .*3/);
    const told = JSON.parse((await iris("job", "why", "--json", `${id}/0`)).stdout);
    t.is(told.state, "FAILED");
    t.is(told.tasks[0].attempts.length, 2);
    t.is(told.tasks[0].attempts[0].status.cause.exitCode, 3);
    t.is((await iris("job", "why", "aaaaaaaaaaaa")).status, 1);
  },
);

test.serial("a port in use is said with the port and what to do", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const folder = await mkdtemp(join(tmpdir(), "iris-port-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { status, stderr } = await iris("controller", "--port", String(port), "--state", folder);
  server.close();
  t.is(status, 1);
  t.regex(stderr, new RegExp(`${port}.*ALREADY_EXISTS`, "s"));
});

test.serial("a damaged state file is named, kept as it is, and the way out is said", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "iris-damaged-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const first = new Program([process.execPath, IRIS_BIN, "controller", "--port", "0", "--state", folder], {
    env: cluster.env,
  });
  await first.seen(/controller at/);
  first.kill("SIGTERM");
  t.is((await first.finished).status, 0);
  const { readdirSync } = await import("node:fs");
  const database = readdirSync(folder).find((name) => /\.(db|sqlite)$/.test(name)) ?? "";
  t.not(database, "");
  await writeFile(join(folder, database), "this is no database at all, whatever its name says".repeat(100));
  const { status, stderr } = await iris("controller", "--port", "0", "--state", folder);
  t.is(status, 1);
  t.regex(stderr, /FAILED_PRECONDITION/);
  t.true(stderr.includes(database), stderr);
});

test.serial("help has an example for every command", async (t) => {
  for (const command of [
    ["up"],
    ["controller"],
    ["worker"],
    ["call"],
    ["graph"],
    ["job", "run"],
    ["job", "ls"],
    ["job", "show"],
    ["job", "logs"],
    ["job", "wait"],
    ["job", "stop"],
    ["job", "why"],
    ["worker", "ls"],
    ["endpoint", "ls"],
  ]) {
    const { status, stdout } = await iris(...command, "--help");
    t.is(status, 0);
    t.regex(stdout, /Example:/, command.join(" "));
  }
});
