import { Writable } from "node:stream";
import test from "ava";
import { Client } from "../../../src/cluster/client/client.ts";
import type { JobFailedError } from "../../../src/cluster/client/job-failed.ts";
import type { LogQuery } from "../../../src/cluster/client/logs.ts";
import type { InboundCall } from "../../../src/net/channel.ts";
import { encodeValue } from "../../../src/net/value/index.ts";
import type { JobStatus, LogBatch, LogEntry } from "../../../src/net/wire/iris.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import { FAKE_TOKEN, FakeControl, jobStatus, logEntry, taskStatus } from "../../kit/fake-control.ts";
import { settle } from "../../kit/manual-clock.ts";

const ID = "k3f9x0q2m7ab";

function clientOf(control: FakeControl): Client {
  const { url, clock, random, network } = control;
  const transport = network.transport("laptop");
  return new Client({ url, token: FAKE_TOKEN, workspace: null, cwd: "/", transport, clock, random });
}

/** Gives the items one by one as they are pushed; ends with the call. */
class Feed<T> {
  readonly #items: T[] = [];
  #ended = false;
  #wake: () => void = () => {};

  push(...items: T[]): this {
    this.#items.push(...items);
    this.#wake();
    return this;
  }
  end(): void {
    this.#ended = true;
    this.#wake();
  }
  async *read(call: InboundCall): AsyncGenerator<T> {
    call.signal.addEventListener("abort", () => this.#wake(), { once: true });
    for (let next = 0; !call.signal.aborted; ) {
      const item = this.#items[next];
      if (item !== undefined) {
        next++;
        yield item;
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

class Sink extends Writable {
  text = "";
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const batch = (...entries: LogEntry[]): LogBatch => ({ entries });

test("waiting is told of the end by a watch, and gives the final status", async (t) => {
  const statuses = new Feed<JobStatus>().push(jobStatus(ID, "PENDING", 1), jobStatus(ID, "RUNNING", 2));
  const control = await new FakeControl({ watchJob: (_, call) => statuses.read(call) }).start();
  const client = clientOf(control);
  const job = client.job(ID);
  const waiting = job.wait();
  await settle();
  t.is(job.name, "train");
  statuses.push(jobStatus(ID, "SUCCEEDED", 3));
  t.is((await waiting).version, 3);
  t.is(control.calls.length, 1, "nothing was polled");
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("waiting survives a controller that restarts, and takes the watch up from the version it knows", async (t) => {
  const control = new FakeControl();
  let statuses = new Feed<JobStatus>().push(jobStatus(ID, "PENDING", 1), jobStatus(ID, "RUNNING", 7));
  control.handlers.watchJob = (_, call) => statuses.read(call);
  await control.start();
  const client = clientOf(control);
  const waiting = client.job(ID).wait();
  await settle();
  await control.stop();
  await control.clock.advance(120_000); // longer than any call may take
  statuses = new Feed<JobStatus>().push(jobStatus(ID, "SUCCEEDED", 9));
  await control.start();
  t.is((await control.within(10_000, waiting)).state, "SUCCEEDED");
  t.deepEqual(control.requests("watchJob"), [
    { jobId: ID, afterVersion: 0 },
    { jobId: ID, afterVersion: 7 },
  ]);
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a watch that a stopping controller ends early is taken up again", async (t) => {
  const feeds = [
    new Feed<JobStatus>().push(jobStatus(ID, "RUNNING", 1)),
    new Feed<JobStatus>().push(jobStatus(ID, "RUNNING", 1), jobStatus(ID, "SUCCEEDED", 2)),
  ];
  feeds[0]?.end();
  const control = new FakeControl();
  control.handlers.watchJob = (_, call) => (feeds.shift() ?? new Feed<JobStatus>()).read(call);
  await control.start();
  const client = clientOf(control);
  const seen: number[] = [];
  const watching = (async () => {
    for await (const status of client.job(ID).watch()) seen.push(status.version);
  })();
  await control.within(2_000, watching);
  t.deepEqual(seen, [1, 2], "no status twice");
  await client.close();
  await control.stop();
});

test("leaving the loop of a watch ends it at the controller", async (t) => {
  let ended = false;
  const control = await new FakeControl({
    async *watchJob(_, call) {
      call.signal.addEventListener("abort", () => {
        ended = true;
      });
      yield jobStatus(ID, "PENDING", 1);
      await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
    },
  }).start();
  const client = clientOf(control);
  for await (const _ of client.job(ID).watch()) break;
  await settle();
  t.true(ended);
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("waiting ends with DEADLINE_EXCEEDED at its time-out, and with CANCELLED at its signal", async (t) => {
  const statuses = new Feed<JobStatus>().push(jobStatus(ID, "RUNNING", 1));
  const control = await new FakeControl({ watchJob: (_, call) => statuses.read(call) }).start();
  const client = clientOf(control);
  const job = client.job(ID);
  await t.throwsAsync(control.within(2_000, job.wait({ timeoutMs: 1_000 })), {
    code: "DEADLINE_EXCEEDED",
    message: /waiting for job k3f9x0q2m7ab took longer than 1000 ms/,
  });
  const controller = new AbortController();
  const waiting = job.wait({ signal: controller.signal });
  await settle();
  controller.abort();
  await t.throwsAsync(waiting, { code: "CANCELLED" });
  await t.throwsAsync(job.wait({ timeoutMs: -1 }), { code: "INVALID_ARGUMENT" });
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("waiting for a job at a controller that was never there fails within 30 s", async (t) => {
  const control = new FakeControl();
  const client = clientOf(control);
  await t.throwsAsync(control.within(31_000, client.job(ID).wait()), { code: "UNAVAILABLE" });
  await client.close();
});

test("waiting for an unknown job is NOT_FOUND", async (t) => {
  const control = await new FakeControl().start();
  const client = clientOf(control);
  await t.throwsAsync(client.job(ID).wait(), { code: "NOT_FOUND" });
  await client.close();
  await control.stop();
});

test("a failed job rejects with its name, state, first failed task, cause and last 20 lines", async (t) => {
  const firstFailed = taskStatus(ID, 1, {
    state: "FAILED",
    attempt: 2,
    cause: { kind: "threw", message: "TypeError: x is not iterable", causeEventId: 5 },
  });
  const failed = jobStatus(ID, "FAILED", 4, {
    firstFailed,
    cause: { kind: "job-failed", message: "1 task failed", causeEventId: 6 },
  });
  const lines = Array.from({ length: 20 }, (_, index) => logEntry(`${ID}/1`, index, `line ${index}`));
  const control = await new FakeControl({
    async *watchJob() {
      yield failed;
    },
    async *readLogs() {
      yield batch(...lines);
    },
  }).start();
  const client = clientOf(control);
  const error = await t.throwsAsync<JobFailedError>(client.job(ID).wait(), { name: "JobFailedError" });
  t.is(error?.code, "JOB_FAILED");
  t.is(error?.jobId, ID);
  t.is(error?.jobName, "train");
  t.is(error?.state, "FAILED");
  t.is(error?.failure?.kind, "job-failed");
  t.deepEqual(error?.firstFailed, firstFailed);
  t.is(error?.lastLines.length, 20);
  t.like(error?.cause, { message: "TypeError: x is not iterable" });
  t.regex(
    error?.message ?? "",
    /^job k3f9x0q2m7ab \(train\) ended as FAILED: task k3f9x0q2m7ab\/1, attempt 2: threw: TypeError: x is not iterable\nlast 20 lines of its log:\n {2}line 0\n/,
  );
  t.deepEqual(control.requests("readLogs")[0], {
    id: `${ID}/1`,
    recursive: false,
    sinceMs: 0,
    tail: 20,
    contains: "",
    source: "LOG_SOURCE_UNSPECIFIED",
    follow: false,
  });
  await client.close();
  await control.stop();
});

test("a failed job is told although its log cannot be had, and a stopped one although no task failed", async (t) => {
  const killed = jobStatus(ID, "KILLED", 2, { cause: { kind: "killed-by-user", message: "by me", causeEventId: 1 } });
  const failed = jobStatus(ID, "FAILED", 2, { firstFailed: taskStatus(ID, 0, { state: "FAILED" }) });
  let status = killed;
  const control = await new FakeControl({
    async *watchJob() {
      yield status;
    },
  }).start();
  const client = clientOf(control);
  await t.throwsAsync(client.job(ID).wait(), {
    code: "JOB_FAILED",
    message: "job k3f9x0q2m7ab (train) ended as KILLED: killed-by-user: by me",
  });
  status = failed;
  await t.throwsAsync(client.job(ID).wait(), { code: "JOB_FAILED", message: /task k3f9x0q2m7ab\/0: FAILED$/ });
  await client.close();
  await control.stop();
});

test("a job's result is what its function returned, undefined for a command, and awaited", async (t) => {
  const statuses = new Feed<JobStatus>().push(jobStatus(ID, "RUNNING", 1));
  let hasResult = true;
  const control = await new FakeControl({
    getJob: () => jobStatus(ID, "RUNNING", 1),
    watchJob: (_, call) => statuses.read(call),
    getResult: () => ({ hasResult, value: hasResult ? encodeValue({ sum: 42n }) : new Uint8Array() }),
  }).start();
  const client = clientOf(control);
  const result = client.job(ID).result();
  await settle();
  t.deepEqual(control.requests("getResult"), []);
  statuses.push(jobStatus(ID, "SUCCEEDED", 2));
  t.deepEqual(await result, { sum: 42n });
  hasResult = false;
  t.is(await client.job(ID).result(), undefined);
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("the result of a job of several replicas is refused before waiting, and asked of its tasks", async (t) => {
  const control = await new FakeControl({ getJob: () => jobStatus(ID, "RUNNING", 1, { replicas: 3 }) }).start();
  const client = clientOf(control);
  await t.throwsAsync(client.job(ID).result(), {
    code: "INVALID_ARGUMENT",
    message: /has 3 tasks, each with its own result: use job\.task\(index\)\.result\(\)/,
  });
  await client.close();
  await control.stop();
});

test("a result that is no value is a PROTOCOL_ERROR, and runs nothing", async (t) => {
  const control = await new FakeControl({
    getJob: () => jobStatus(ID, "SUCCEEDED", 1),
    async *watchJob() {
      yield jobStatus(ID, "SUCCEEDED", 1);
    },
    getResult: () => ({ hasResult: true, value: new Uint8Array([255, 254, 253]) }),
  }).start();
  const client = clientOf(control);
  await t.throwsAsync(client.job(ID).result(), { code: "PROTOCOL_ERROR" });
  await client.close();
  await control.stop();
});

test("a task's result comes when the task ends, though its job goes on", async (t) => {
  const running = (version: number, succeeded: number) =>
    jobStatus(ID, "RUNNING", version, { replicas: 2, taskCounts: { RUNNING: 2 - succeeded, SUCCEEDED: succeeded } });
  const statuses = new Feed<JobStatus>().push(running(1, 0), running(2, 0));
  let state: "RUNNING" | "SUCCEEDED" = "RUNNING";
  const control = await new FakeControl({
    watchJob: (_, call) => statuses.read(call),
    getTask: () => taskStatus(ID, 1, { state }),
    getResult: () => ({ hasResult: true, value: encodeValue("one") }),
  }).start();
  const client = clientOf(control);
  const result = client.job<string>(ID).task(1).result();
  await settle();
  t.is(control.requests("getTask").length, 1, "asked again only when a task has ended");
  state = "SUCCEEDED";
  statuses.push(running(3, 1));
  t.is(await result, "one");
  t.deepEqual(control.requests("getResult"), [{ taskId: `${ID}/1` }]);
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a task that failed rejects with its own cause, though its job tolerates it", async (t) => {
  const cause = { kind: "exited", message: "exit status 3", exitCode: 3, causeEventId: 1 };
  const control = await new FakeControl({
    async *watchJob() {
      yield jobStatus(ID, "SUCCEEDED", 5, { taskCounts: { FAILED: 1 } });
    },
    getTask: () => taskStatus(ID, 0, { state: "FAILED", cause }),
  }).start();
  const client = clientOf(control);
  const error = await t.throwsAsync<JobFailedError>(client.job(ID).task(0).result(), { code: "JOB_FAILED" });
  t.is(error?.state, "FAILED");
  t.deepEqual(error?.failure, cause);
  t.like(error?.cause, { message: "exit status 3" });
  await client.close();
  await control.stop();
});

test("tasks, children and attempts are all there, over several pages", async (t) => {
  const control = await new FakeControl({
    listTasks: ({ cursor, jobId }) =>
      cursor === "" ? { tasks: [taskStatus(jobId, 0)], cursor: "1" } : { tasks: [taskStatus(jobId, 1)], cursor: "" },
    listJobs: ({ parentId }) => ({
      jobs: [jobStatus(`${parentId}/child`, "RUNNING", 1, { name: "child" })],
      cursor: "",
    }),
    listAttempts: () => ({ attempts: [] }),
    terminateJob: ({ jobId }) => jobStatus(jobId, "KILLED", 2),
  }).start();
  const client = clientOf(control);
  const job = client.job(ID);
  const tasks = await job.tasks();
  t.deepEqual(
    tasks.map((task) => [task.id, task.jobId, task.index]),
    [
      [`${ID}/0`, ID, 0],
      [`${ID}/1`, ID, 1],
    ],
  );
  t.deepEqual(
    (await job.children()).map((child) => [child.id, child.name]),
    [[`${ID}/child`, "child"]],
  );
  t.deepEqual(await tasks[1]?.attempts(), []);
  t.deepEqual(control.requests("listAttempts"), [{ taskId: `${ID}/1` }]);
  t.is(await job.terminate(), undefined);
  t.throws(() => job.task(-1), { code: "INVALID_ARGUMENT" });
  await client.close();
  await control.stop();
});

test("a log is asked for as the query says, and its lines carry their source in lower case", async (t) => {
  const control = await new FakeControl({
    async *readLogs() {
      yield batch(logEntry(`${ID}/0`, 1, "out"), logEntry(`${ID}/0`, 2, "err", { source: "STDERR", attempt: 1 }));
      yield batch(logEntry(`${ID}/0`, 3, "built", { source: "BUILD" }));
    },
  }).start();
  const client = clientOf(control);
  const query: LogQuery = { tail: 5, sinceMs: 7, contains: "x", source: "stderr", recursive: true, attempt: 1 };
  const seen: unknown[] = [];
  for await (const { source, data, attempt } of client.job(ID).logs(query)) seen.push([source, data, attempt]);
  t.deepEqual(seen, [
    ["stdout", "out", 0],
    ["stderr", "err", 1],
    ["build", "built", 0],
  ]);
  t.deepEqual(control.requests("readLogs"), [
    { id: ID, tail: 5, sinceMs: 7, contains: "x", source: "STDERR", recursive: true, attempt: 1, follow: false },
  ]);
  const code = "INVALID_ARGUMENT";
  t.throws(() => client.job(ID).logs({ tail: -1 }), { code });
  t.throws(() => client.job(ID).logs({ sinceMs: Number.NaN }), { code });
  t.throws(() => client.job(ID).logs({ source: "STDOUT" as never }), { code, message: /stdout, stderr, build/ });
  await client.close();
  await control.stop();
});

test("a reader whose link was cut goes on where it was: each line once, of every task", async (t) => {
  const [one, two] = [`${ID}/0`, `${ID}/1`];
  const before = [
    logEntry(one, 1_000, "a"),
    logEntry(two, 1_000, "b"),
    logEntry(one, 1_005, "c"),
    logEntry(one, 1_005, "d"),
  ];
  const after = [...before, logEntry(one, 1_005, "e"), logEntry(two, 1_002, "f"), logEntry(one, 1_006, "g")];
  const control = new FakeControl();
  let lines = new Feed<LogBatch>().push(batch(...before));
  control.handlers.readLogs = (_, call) => lines.read(call);
  await control.start();
  const client = clientOf(control);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const entry of client.job(ID).logs({ follow: true, tail: 10 })) seen.push(entry.data);
  })();
  await settle();
  await control.stop();
  lines = new Feed<LogBatch>().push(batch(...after));
  lines.end();
  await control.start();
  await control.within(10_000, reading);
  t.deepEqual(seen, ["a", "b", "c", "d", "e", "f", "g"]);
  const [, again] = control.requests("readLogs");
  t.is(again?.tail, undefined);
  t.is(again?.sinceMs, 1_000);
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a reader that fell behind comes back and goes on where it was", async (t) => {
  const lines = ["a", "b", "c"].map((data, index) => logEntry(`${ID}/0`, 1_000 + index, data));
  let readings = 0;
  const control = await new FakeControl({
    async *readLogs() {
      readings++;
      yield batch(...lines.slice(0, readings + 1));
      if (readings === 1) throw new IrisError("RESOURCE_EXHAUSTED", "too far behind");
    },
  }).start();
  const client = clientOf(control);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { data } of client.job(ID).logs({ follow: true })) seen.push(data);
  })();
  await control.within(2_000, reading);
  t.deepEqual(seen, ["a", "b", "c"]);
  control.handlers.readLogs = () => {
    throw new IrisError("RESOURCE_EXHAUSTED", "no room");
  };
  const refused = client.job(ID).logs()[Symbol.asyncIterator]().next();
  await t.throwsAsync(refused, { code: "RESOURCE_EXHAUSTED" });
  await client.close();
  await control.stop();
});

test("a log is shown while its job is waited for, to its last line", async (t) => {
  const statuses = new Feed<JobStatus>().push(jobStatus(ID, "RUNNING", 1));
  const lines = new Feed<LogBatch>().push(batch(logEntry(`${ID}/0`, 1, "hello")));
  const control = await new FakeControl({
    getJob: () => jobStatus(ID, "RUNNING", 1),
    watchJob: (_, call) => statuses.read(call),
    readLogs: (_, call) => lines.read(call),
  }).start();
  const client = clientOf(control);
  const shown = new Sink();
  const waiting = client.job(ID).wait({ streamLogs: shown });
  await settle();
  t.is(shown.text, "hello\n");
  statuses.push(jobStatus(ID, "SUCCEEDED", 2));
  await settle();
  lines.push(batch(logEntry(`${ID}/0`, 2, "bye", { source: "STDERR" }))).end();
  await waiting;
  t.is(shown.text, "hello\nbye\n");
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("lines of several tasks are shown with the task's index", async (t) => {
  const control = await new FakeControl({
    getJob: () => jobStatus(ID, "SUCCEEDED", 1, { replicas: 2 }),
    async *watchJob() {
      yield jobStatus(ID, "SUCCEEDED", 1, { replicas: 2 });
    },
    async *readLogs() {
      yield batch(logEntry(`${ID}/0`, 1, "a"), logEntry(`${ID}/1`, 2, "b"));
    },
  }).start();
  const client = clientOf(control);
  const shown = new Sink();
  await client.job(ID).wait({ streamLogs: shown });
  t.is(shown.text, "[0] a\n[1] b\n");
  await client.close();
  await control.stop();
});

test("a log that fails, or that nobody can be shown, or that never ends, does not end the waiting", async (t) => {
  const control = new FakeControl({
    getJob: () => jobStatus(ID, "SUCCEEDED", 1),
    async *watchJob() {
      yield jobStatus(ID, "SUCCEEDED", 1);
    },
  });
  await control.start();
  const client = clientOf(control);
  const shown = new Sink();
  t.is((await client.job(ID).wait({ streamLogs: shown })).state, "SUCCEEDED");
  t.regex(shown.text, /\[iris: the log broke off: the fake has no answer/);

  const endless = new Feed<LogBatch>().push(batch(logEntry(`${ID}/0`, 1, "a")));
  control.handlers.readLogs = (_, call) => endless.read(call);
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  t.is((await client.job(ID).wait({ streamLogs: broken })).state, "SUCCEEDED");
  const startedAt = control.clock.now();
  t.is((await control.within(10_000, client.job(ID).wait({ streamLogs: new Sink() }))).state, "SUCCEEDED");
  t.true(control.clock.now() - startedAt <= 5_100);
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});
