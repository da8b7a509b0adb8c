import test from "ava";
import { Client } from "../../../src/cluster/client/client.ts";
import { Entrypoint } from "../../../src/cluster/client/entrypoint.ts";
import { decodeValue } from "../../../src/net/value/index.ts";
import type { IrisError } from "../../../src/runtime/errors.ts";
import { FAKE_TOKEN, FakeControl, jobStatus, submissions, unanswered } from "../../kit/fake-control.ts";
import { settle } from "../../kit/manual-clock.ts";

const ID = "k3f9x0q2m7ab";
const command = Entrypoint.fromCommand(["true"]);

function clientOf(control: FakeControl, more: Partial<ConstructorParameters<typeof Client>[0]> = {}): Client {
  const { url, clock, random, network } = control;
  const transport = network.transport("laptop");
  return new Client({ url, token: FAKE_TOKEN, workspace: "/project", cwd: "/", transport, clock, random, ...more });
}

test("a job is submitted as its request says, and its handle knows id and name", async (t) => {
  const { jobs, submit } = submissions();
  const control = await new FakeControl({ submit }).start();
  const client = clientOf(control);
  const job = await client.submit({ name: "train", entrypoint: command, replicas: 2, ifExists: "replace" });
  t.is(job.name, "train");
  const request = jobs.get(job.id);
  t.is(request?.ifExists, "REPLACE");
  t.is(request?.spec?.replicas, 2);
  t.is(request?.spec?.workspace, "/project");
  t.deepEqual(request?.spec?.entrypoint?.command, { argv: ["true"] });
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a module's function travels by its place in the workspace, with its arguments as values", async (t) => {
  const { jobs, submit } = submissions();
  const control = await new FakeControl({ submit }).start();
  const client = clientOf(control);
  const job = await client.submit({
    name: "train",
    entrypoint: Entrypoint.fromModule<number>("file:///project/lib/train.ts", "run", 1, { deep: [2n] }),
  });
  const invocation = jobs.get(job.id)?.spec?.entrypoint?.invocation;
  t.deepEqual(invocation?.callable?.reference, { module: "lib/train.ts", exportName: "run" });
  t.deepEqual(decodeValue(invocation?.arguments ?? new Uint8Array()), [1, { deep: [2n] }]);
  await client.close();
  await control.stop();
});

test("a bad request is refused before anything is sent", async (t) => {
  const control = await new FakeControl().start();
  const client = clientOf(control);
  await t.throwsAsync(client.submit({ name: "Bad Name", entrypoint: command }), { code: "INVALID_ARGUMENT" });
  await t.throwsAsync(client.submit({ name: "a", entrypoint: command, idempotencyKey: "" }), {
    code: "INVALID_ARGUMENT",
  });
  t.deepEqual(control.calls, []);
  await client.close();
  await control.stop();
});

test("a controller that is not there is UNAVAILABLE within the call's time-out, with its URL and what to do", async (t) => {
  const control = new FakeControl();
  const client = clientOf(control);
  const startedAt = control.clock.now();
  const error = await t.throwsAsync(control.within(2_000, client.workers({ timeoutMs: 1_000 })), {
    code: "UNAVAILABLE",
  });
  t.true(control.clock.now() - startedAt <= 1_100);
  t.regex(error?.message ?? "", /http:\/\/controller:8080 \(waited 1000 ms; .*iris up/);
  await client.close();
  t.is(control.clock.pending, 0);
});

test("a call waits for a controller that comes up within its time-out", async (t) => {
  const control = new FakeControl({ listWorkers: () => ({ workers: [] }) });
  const client = clientOf(control);
  const workers = client.workers();
  await control.clock.advance(2_000);
  await control.start();
  t.deepEqual(await control.within(10_000, workers), []);
  await client.close();
  await control.stop();
});

test("a refused token fails every call at once, and is not tried for ever", async (t) => {
  const control = await new FakeControl().start();
  const client = clientOf(control, { token: "another" });
  await t.throwsAsync(client.workers(), { code: "UNAUTHENTICATED" });
  await t.throwsAsync(client.workers(), { code: "UNAUTHENTICATED" });
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a submission whose answer was lost is repeated with the same key and is one job", async (t) => {
  const { jobs, submit } = submissions();
  let tries = 0;
  const control = await new FakeControl({
    submit: (request, call) => {
      const accepted = submit(request, call);
      if (++tries > 1) return accepted;
      return unanswered(call); // accepted, and the controller dies before it answers
    },
  }).start();
  const client = clientOf(control);
  const submitted = client.submit({ name: "train", entrypoint: command });
  await settle();
  await control.stop();
  await control.start();
  const job = await control.within(10_000, submitted);
  const keys = control.requests("submit").map((request) => request.idempotencyKey);
  t.is(keys.length, 2);
  t.is(keys[0], keys[1]);
  t.true((keys[0]?.length ?? 0) >= 20);
  t.deepEqual([...jobs.keys()], [job.id]);
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a submission that was lost and could not be repeated says that it may have been accepted", async (t) => {
  const control = await new FakeControl({ submit: (_, call) => unanswered(call) }).start();
  const client = clientOf(control);
  const submitted = client.submit({ name: "train", entrypoint: command }, { timeoutMs: 5_000 });
  await settle();
  await control.stop();
  const lost = await t.throwsAsync<IrisError>(control.within(6_000, submitted), { code: "UNAVAILABLE" });
  t.true(lost?.maybeExecuted);
  const never = client.submit({ name: "train", entrypoint: command }, { timeoutMs: 5_000 });
  const refused = await t.throwsAsync<IrisError>(control.within(6_000, never), { code: "UNAVAILABLE" });
  t.false(refused?.maybeExecuted);
  await client.close();
});

test("two submissions have two keys, and a key that the user chose is kept", async (t) => {
  const { submit } = submissions();
  const control = await new FakeControl({ submit }).start();
  const client = clientOf(control);
  const request = { name: "train", entrypoint: command };
  const one = await client.submit(request);
  const two = await client.submit(request);
  const mine = await client.submit({ ...request, idempotencyKey: "mine" });
  const again = await client.submit({ ...request, idempotencyKey: "mine" });
  t.not(one.id, two.id);
  t.is(mine.id, again.id);
  await client.close();
  await control.stop();
});

test("a controller that says UNAVAILABLE is asked again until the deadline", async (t) => {
  let tries = 0;
  const control = await new FakeControl({
    getJob: ({ jobId }) => {
      if (++tries < 4) throw Object.assign(new Error("observing"), { code: "UNAVAILABLE", retryable: true });
      return jobStatus(jobId, "RUNNING", 1);
    },
  }).start();
  const client = clientOf(control);
  t.is((await control.within(5_000, client.job(ID).status())).state, "RUNNING");
  t.is(tries, 4);
  await client.close();
  await control.stop();
});

test("an error of the controller's is the caller's, and is not asked for again", async (t) => {
  const control = await new FakeControl().start();
  const client = clientOf(control);
  await t.throwsAsync(client.job(ID).status(), { code: "NOT_FOUND" });
  t.is(control.calls.length, 1);
  await client.close();
  await control.stop();
});

test("a call has 30 s unless it is told otherwise, and ends with its signal", async (t) => {
  const control = await new FakeControl({ getJob: (_, call) => unanswered(call) }).start();
  const client = clientOf(control);
  const startedAt = control.clock.now();
  await t.throwsAsync(control.within(31_000, client.job(ID).status()), { code: "DEADLINE_EXCEEDED" });
  t.true(control.clock.now() - startedAt >= 29_900);
  const controller = new AbortController();
  const call = client.job(ID).status({ signal: controller.signal });
  await settle();
  controller.abort();
  await t.throwsAsync(call, { code: "CANCELLED" });
  await client.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("jobs come page by page, and only as many pages as the loop takes", async (t) => {
  const control = await new FakeControl({
    listJobs: ({ cursor }) => {
      const page = cursor === "" ? 0 : Number(cursor);
      const jobs = [0, 1].map((index) => jobStatus(`aaaaaaaaaa${page}${index}`, "RUNNING", 1));
      return { jobs, cursor: page === 2 ? "" : String(page + 1) };
    },
  }).start();
  const client = clientOf(control);
  const ids: string[] = [];
  for await (const job of client.jobs({ states: ["RUNNING"], name: "train", parentId: ID, recursive: true })) {
    ids.push(job.id);
  }
  t.deepEqual(
    ids.map((id) => id.slice(-2)),
    ["00", "01", "10", "11", "20", "21"],
  );
  const [first] = control.requests("listJobs");
  t.deepEqual(first, { states: ["RUNNING"], name: "train", parentId: ID, recursive: true, cursor: "", limit: 0 });
  control.calls.length = 0;
  for await (const _ of client.jobs()) break;
  t.is(control.calls.length, 1);
  await client.close();
  await control.stop();
});

test("workers and endpoints are listed as asked", async (t) => {
  const control = await new FakeControl({
    listWorkers: () => ({ workers: [] }),
    listEndpoints: () => ({ endpoints: [] }),
  }).start();
  const client = clientOf(control, { namespace: "mine" });
  await client.workers({ includeGone: true });
  await client.endpoints("calc");
  await client.endpoints("calc", { namespace: "other" });
  t.deepEqual(control.requests("listWorkers"), [{ includeGone: true }]);
  t.deepEqual(control.requests("listEndpoints"), [
    { prefix: "calc", namespace: "mine" },
    { prefix: "calc", namespace: "other" },
  ]);
  await client.close();
  await control.stop();
});

test("a closed client fails its calls, pending and new, and closes twice without harm", async (t) => {
  let closed = 0;
  const control = await new FakeControl({ getJob: (_, call) => unanswered(call) }).start();
  const client = clientOf(control, {
    onClose: async () => {
      closed++;
    },
  });
  const call = client.job(ID).status();
  await settle();
  await client.close();
  await client.close();
  await t.throwsAsync(call, { code: "CANCELLED", message: /client of http:\/\/controller:8080 was closed/ });
  await t.throwsAsync(client.workers(), { code: "CANCELLED" });
  t.throws(() => client.resolver(), { code: "CANCELLED" });
  t.is(closed, 1);
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a bad URL and a bad id are refused at once", (t) => {
  const control = new FakeControl();
  t.throws(() => clientOf(control, { url: "controller:8080" }), { code: "INVALID_ARGUMENT" });
  const client = clientOf(control);
  t.throws(() => client.job("train"), { code: "INVALID_ARGUMENT" });
  t.throws(() => client.job(`${ID}/child/3`), { code: "INVALID_ARGUMENT", message: /is a task.*job\.task\(3\)/ });
  t.is(client.job(`${ID}/child`).name, "child");
  return client.close();
});
