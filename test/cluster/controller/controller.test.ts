/** The whole controller, over a network in memory and a clock moved by hand, with a worker that does as it is told. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Controller, type ControllerOptions } from "../../../src/cluster/controller/controller.ts";
import { MemoryJournal } from "../../../src/cluster/controller/journal-memory.ts";
import type { ProbeAnswer } from "../../../src/cluster/controller/prober.ts";
import { Connection } from "../../../src/net/connection.ts";
import { serviceClient } from "../../../src/net/service.ts";
import type { Link, Transport } from "../../../src/net/transport.ts";
import { MemoryNetwork } from "../../../src/net/transport-memory.ts";
import { Control, type JobSpec, type JobStatus } from "../../../src/net/wire/iris.ts";
import { ManualClock, settle } from "../../kit/manual-clock.ts";
import { RecordingLogger } from "../../kit/recording-logger.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";
import { exitOf, FAILED, specOf } from "./journey.ts";
import { ScriptedWorker, type ScriptedWorkerOptions } from "./scripted-worker.ts";

const TOKEN = "secret";

class Room {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork();
  readonly journal = new MemoryJournal();
  readonly logger = new RecordingLogger();
  probeAnswer: ProbeAnswer = "no-answer";
  #controller: Controller | undefined;
  readonly #connections: Connection[] = [];
  readonly #links: Link[] = [];

  static async open(options: Partial<ControllerOptions> = {}): Promise<Room> {
    const room = new Room();
    await room.startController(options);
    return room;
  }

  /** Leaves the room empty, or says what is left in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await this.stopController();
    await settle();
    const errors = this.logger.lines.filter(({ level }) => level === "error");
    const left = { listeners: this.network.listeners, timers: this.clock.pending, errors: errors.length };
    if (left.listeners + left.timers + left.errors > 0) {
      throw new Error(`the room is not empty: ${JSON.stringify(left)} ${JSON.stringify(errors)}`);
    }
  }

  async startController(options: Partial<ControllerOptions> = {}): Promise<Controller> {
    const starting = Controller.start({
      transport: this.network.transport("controller"),
      port: 8080,
      stateDir: null,
      token: TOKEN,
      clock: this.clock,
      random: new SeededRandom(this.clock.now()),
      logger: this.logger,
      journal: this.journal,
      probe: { probe: async () => this.probeAnswer },
      ...options,
    });
    this.#controller = await starting;
    return this.#controller;
  }

  async stopController(): Promise<void> {
    await this.#controller?.stop();
  }

  get controller(): Controller {
    if (this.#controller === undefined) throw new Error("no controller");
    return this.#controller;
  }

  async worker(options: Partial<ScriptedWorkerOptions> = {}): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker({
      address: "ws://controller:8080/rpc",
      transport: this.#severable("worker"),
      clock: this.clock,
      token: TOKEN,
      ...options,
    });
    this.#connections.push(worker.connection);
    await worker.connection.ready();
    await settle();
    return worker;
  }

  connect(token = TOKEN): Connection {
    const transport = this.network.transport("client");
    const random = new SeededRandom(3);
    const connection = new Connection({
      address: "ws://controller:8080/rpc",
      token,
      transport,
      clock: this.clock,
      random,
    });
    this.#connections.push(connection);
    return connection;
  }

  async client(token = TOKEN) {
    const connection = this.connect(token);
    await connection.ready();
    return serviceClient(Control, connection);
  }

  /** Breaks the workers' links, without a goodbye. */
  cut(): void {
    for (const link of this.#links.splice(0)) link.destroy();
  }

  #severable(name: string): Transport {
    const transport = this.network.transport(name);
    return {
      listen: (options) => transport.listen(options),
      dial: async (address, options) => {
        const link = await transport.dial(address, options);
        this.#links.push(link);
        return link;
      },
    };
  }
}

async function submit(client: Awaited<ReturnType<Room["client"]>>, change: Partial<JobSpec> = {}): Promise<string> {
  const { jobId } = await client.submit({ spec: specOf(change), ifExists: "IF_EXISTS_DEFAULT", idempotencyKey: "" });
  return jobId;
}

function only<T>(list: Iterable<T>): T {
  const [one, ...rest] = list;
  if (one === undefined || rest.length > 0)
    throw new Error(`there are ${rest.length + (one === undefined ? 0 : 1)}, not one`);
  return one;
}

test("a job is placed at once, runs, succeeds, and its watcher hears of each step", async (t) => {
  await using room = await Room.open();
  t.is(room.controller.address, "http://controller:8080");
  t.is(room.controller.phase, "serving");
  const worker = await room.worker();
  const client = await room.client();
  const id = await submit(client);
  const seen: string[] = [];
  const watching = (async () => {
    for await (const status of client.watchJob({ jobId: id, afterVersion: 0 })) {
      seen.push(`${status.state} ${Object.keys(status.taskCounts)}`);
    }
  })();
  await settle();
  const uid = only(worker.running());
  t.is(worker.specs.get(uid)?.jobId, id);
  t.is(worker.specs.get(uid)?.namespace, id);
  await worker.run(uid);
  await worker.exit(uid, exitOf({ hasResult: true, result: new Uint8Array([1, 2]) }));
  await watching;
  t.deepEqual(seen, ["PENDING ASSIGNED", "PENDING BUILDING", "RUNNING RUNNING", "SUCCEEDED SUCCEEDED"]);
  t.deepEqual([...(await client.getResult({ taskId: `${id}/0` })).value], [1, 2]);
  t.deepEqual(
    (await client.listAttempts({ taskId: `${id}/0` })).attempts.map(({ state }) => state),
    ["SUCCEEDED"],
  );
  await room.clock.advance(2_000);
  t.deepEqual(worker.desired, []);
  t.is(worker.attempts.size, 0);
});

test("a specification is sent until the attempt was observed, and the complete set every 2 s", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const client = await room.client();
  await submit(client);
  await settle();
  await room.clock.advance(2_000);
  const one = only(worker.desired);
  t.true(one.run);
  t.is(one.spec, undefined);
  const before = worker.exchanges;
  await room.clock.advance(10_000);
  t.is(worker.exchanges - before, 5);
});

test("an end is told again until the controller no longer asks, and costs nothing twice", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const client = await room.client();
  const id = await submit(client, { maxRetriesFailure: 1 });
  await settle();
  const uid = only(worker.running());
  worker.attempts.set(uid, { uid, phase: "EXITED", ports: {}, exit: { ...FAILED, endedAtMs: 2 } });
  await room.clock.advance(2_000);
  t.is((await client.getTask({ taskId: `${id}/0` })).failures, 1);
  await worker.exit(uid, FAILED);
  await room.clock.advance(4_000);
  t.is((await client.getTask({ taskId: `${id}/0` })).failures, 1);
});

test("ending a job stops it at its worker at once, and frees what it held", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker({ cpu: 1 });
  const client = await room.client();
  const first = await submit(client);
  const second = await submit(client);
  await settle();
  t.is((await client.getJob({ jobId: second })).pendingReason, "cpu: 1 worker short");
  await worker.run(only(worker.running()));
  const status = await client.terminateJob({ jobId: first });
  t.is(status.state, "KILLED");
  t.is(status.cause?.kind, "killed-by-user");
  await settle();
  t.is(worker.specs.get(only(worker.running()))?.jobId, second);
});

test("a worker that says goodbye is gone at once, and its task goes elsewhere", async (t) => {
  await using room = await Room.open();
  const first = await room.worker({ workerId: "first" });
  const client = await room.client();
  const id = await submit(client);
  await settle();
  t.is(first.running().length, 1);
  const second = await room.worker({ workerId: "second" });
  await first.connection.close();
  await settle();
  const { workers } = await client.listWorkers({ includeGone: true });
  t.deepEqual(
    workers.map((worker) => `${worker.id} ${worker.health}`),
    ["first GONE", "second ALIVE"],
  );
  t.is((await client.getTask({ taskId: `${id}/0` })).preemptions, 1);
  await room.clock.advance(1_000);
  t.is(second.running().length, 1);
});

test("a worker whose process has ended has 2 s to come back and adopt", async (t) => {
  for (const comesBack of [true, false]) {
    await using room = await Room.open();
    room.probeAnswer = "refused";
    const worker = await room.worker();
    const client = await room.client();
    const id = await submit(client);
    await until(() => worker.running().length === 1);
    const uid = only(worker.running());
    await worker.run(uid);
    if (!comesBack) worker.connection.onDown(() => void worker.connection.close());
    room.cut();
    await room.clock.advance(1_900);
    t.is((await client.getTask({ taskId: `${id}/0` })).state, "RUNNING");
    await room.clock.advance(10_000);
    const task = await client.getTask({ taskId: `${id}/0` });
    t.is(task.state, comesBack ? "RUNNING" : "PENDING");
    t.is(task.preemptions, comesBack ? 0 : 1);
    if (comesBack) t.deepEqual(worker.running(), [uid]);
  }
});

test("a worker that does not answer is gone after 10 s", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const client = await room.client();
  const id = await submit(client);
  await settle();
  await worker.run(only(worker.running()));
  worker.connection.onDown(() => void worker.connection.close());
  room.cut();
  await room.clock.advance(9_999);
  t.is((await client.getTask({ taskId: `${id}/0` })).state, "RUNNING");
  await room.clock.advance(1);
  const task = await client.getTask({ taskId: `${id}/0` });
  t.is(task.state, "PENDING");
  t.is(task.cause?.kind, "worker-lost");
});

test("a frozen worker delays nobody else, and shows as stalled", async (t) => {
  await using room = await Room.open();
  const frozen = await room.worker({ workerId: "frozen" });
  const client = await room.client();
  frozen.isFrozen = true;
  await room.clock.advance(2_000);
  const worker = await room.worker({ workerId: "well" });
  await submit(client, { replicas: 2, resources: { cpuMillis: 2_500, memoryBytes: 0, diskBytes: 0, gpus: 0 } });
  await settle();
  t.is(worker.running().length, 1);
  await room.clock.advance(6_000);
  const { workers } = await client.listWorkers({ includeGone: false });
  t.deepEqual(
    workers.map(({ id, health }) => `${id} ${health}`),
    ["frozen STALLED", "well ALIVE"],
  );
});

test("a restarted controller observes before it places, adopts what runs, and starts nothing twice", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const client = await room.client();
  const id = await submit(client);
  await settle();
  const uid = only(worker.running());
  await worker.run(uid);
  await room.stopController();
  await room.startController();
  t.is(room.controller.phase, "observing");
  await room.clock.advance(5_000);
  t.is(room.controller.phase, "serving");
  t.deepEqual(worker.running(), [uid]);
  const again = await room.client();
  t.is((await again.getJob({ jobId: id })).state, "RUNNING");
  await worker.exit(uid);
  t.is((await again.getJob({ jobId: id })).state, "SUCCEEDED");
  t.is((await again.listAttempts({ taskId: `${id}/0` })).attempts.length, 1);
});

test("a controller that observes asks its workers to stop nothing that it does not know, and says so until it serves", async (t) => {
  await using room = await Room.open();
  const [here, away] = [await room.worker({ workerId: "here" }), await room.worker({ workerId: "away" })];
  t.true(here.observedOnly.length > 0);
  t.false(here.observedOnly.includes(true), "a new controller knows nobody, so there is nobody to wait for");
  await room.stopController();
  await away.connection.close();
  await room.startController();
  here.observedOnly.length = 0;
  await room.clock.advance(9_000);
  t.is(room.controller.phase, "observing");
  t.true(here.observedOnly.length > 0);
  t.false(here.observedOnly.includes(false));
  await room.clock.advance(5_000);
  t.is(room.controller.phase, "serving");
  t.false(here.observedOnly.at(-1));
});

test("a restarted controller waits 10 s for a worker that does not come, and then goes on without", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker({ workerId: "lost" });
  const client = await room.client();
  const id = await submit(client);
  await settle();
  await worker.run(only(worker.running()));
  await room.stopController();
  await worker.connection.close();
  await room.startController();
  const other = await room.worker({ workerId: "other" });
  const again = await room.client();
  await room.clock.advance(9_000);
  t.is(room.controller.phase, "observing");
  t.is((await again.getTask({ taskId: `${id}/0` })).state, "RUNNING");
  await room.clock.advance(3_000);
  t.is(room.controller.phase, "serving");
  await until(() => other.running().length === 1);
});

test("an attempt that ran where nobody knew of it any more is stopped when its worker returns", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  worker.attempts.set("stray", { uid: "stray", phase: "RUNNING", ports: {} });
  await room.clock.advance(2_000);
  t.false(worker.attempts.has("stray"));
});

test("a task's token sees and submits within its hierarchy only", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const user = await room.client();
  const [mine, other] = [await submit(user, { env: { A: "1" } }), await submit(user)];
  await settle();
  const own = [...worker.specs].find(([, { jobId }]) => jobId === mine);
  const task = await room.client(own?.[1].token);
  const child = await submit(task, { name: "child" });
  t.is(child, `${mine}/child`);
  t.deepEqual(
    (await task.listJobs(listOf())).jobs.map(({ id }) => id),
    [mine],
  );
  t.deepEqual(
    (await task.listJobs(listOf({ recursive: true }))).jobs.map(({ id }) => id),
    [child, mine],
  );
  for (const asked of [
    () => task.getJob({ jobId: other }),
    () => task.getTask({ taskId: `${other}/0` }),
    () => task.why({ id: other }),
    () => task.why({ id: `${other}/0` }),
    () => task.terminateJob({ jobId: other }),
    () => task.listWorkers({ includeGone: false }),
    () => task.listJobs(listOf({ parentId: other })),
  ]) {
    await t.throwsAsync(asked, { code: "PERMISSION_DENIED" });
  }
  await settle();
  const nested = [...worker.specs].find(([, { jobId }]) => jobId === child);
  const below = await room.client(nested?.[1].token);
  t.is((await below.getJob({ jobId: mine })).state, "PENDING");
  t.is((await below.why({ id: `${mine}/0` })).id, `${mine}/0`);
  await t.throwsAsync(async () => below.terminateJob({ jobId: mine }), { code: "PERMISSION_DENIED" });
  t.is((await task.terminateJob({ jobId: child })).state, "KILLED");
  const workerHub = await t.throwsAsync(async () => registerAs(room, own?.[1].token ?? ""));
  t.regex(workerHub?.message ?? "", /cannot speak for a worker/);
});

async function registerAs(room: Room, token: string): Promise<void> {
  const worker = await room.worker({ token, workerId: "impostor" });
  const { workerId, incarnation } = worker;
  await worker.hub.report({ workerId, incarnation, observed: [] });
}

function listOf(change: { recursive?: boolean; parentId?: string; limit?: number; cursor?: string } = {}) {
  return { parentId: "", states: [], name: "", cursor: "", limit: 0, recursive: false, ...change };
}

test("a wrong token is refused for good, and nothing is told about why", async (t) => {
  await using room = await Room.open();
  for (const token of ["", "wrong", "a.b.c"]) {
    await t.throwsAsync(room.connect(token).ready(), { code: "UNAUTHENTICATED" });
  }
});

test("what is asked badly is INVALID_ARGUMENT, what is not there NOT_FOUND by its id", async (t) => {
  await using room = await Room.open();
  const client = await room.client();
  await t.throwsAsync(async () => client.getJob({ jobId: "../etc" }), { code: "INVALID_ARGUMENT" });
  await t.throwsAsync(async () => client.getJob({ jobId: "k3f9x0q2m7ab" }), {
    code: "NOT_FOUND",
    message: /k3f9x0q2m7ab/,
  });
  await t.throwsAsync(async () => client.getTask({ taskId: "k3f9x0q2m7ab" }), { code: "INVALID_ARGUMENT" });
  await t.throwsAsync(async () => submit(client, { replicas: 0 }), {
    code: "INVALID_ARGUMENT",
    message: /replicas is 0/,
  });
  await t.throwsAsync(async () => client.listJobs(listOf({ limit: 501 })), { code: "INVALID_ARGUMENT" });
  await t.throwsAsync(async () => client.listJobs(listOf({ cursor: "x" })), { code: "INVALID_ARGUMENT" });
  const watching = async () => {
    for await (const _ of client.watchJob({ jobId: "k3f9x0q2m7ab", afterVersion: 0 }));
  };
  await t.throwsAsync(watching, { code: "NOT_FOUND" });
  const id = await submit(client);
  await t.throwsAsync(async () => client.getResult({ taskId: `${id}/0` }), {
    code: "FAILED_PRECONDITION",
    message: /PENDING/,
  });
});

test("jobs are listed newest first and tasks by index, page by page", async (t) => {
  await using room = await Room.open();
  const client = await room.client();
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) ids.unshift(await submit(client, { replicas: 3 }));
  const listed: string[] = [];
  let cursor = "";
  do {
    const page = await client.listJobs(listOf({ limit: 2, cursor }));
    listed.push(...page.jobs.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== "");
  t.deepEqual(listed, ids);
  const first = await client.listTasks({ jobId: ids[0] ?? "", cursor: "", limit: 2 });
  const rest = await client.listTasks({ jobId: ids[0] ?? "", cursor: first.cursor, limit: 2 });
  t.deepEqual(
    [...first.tasks, ...rest.tasks].map(({ index }) => index),
    [0, 1, 2],
  );
  t.is(rest.cursor, "");
});

test("a name's watcher hears of each endpoint that comes and goes, and a dead member within the same step", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const user = await room.client();
  const id = await submit(user);
  await settle();
  const uid = only(worker.running());
  const task = await room.client(worker.specs.get(uid)?.token);
  const seen: string[] = [];
  const leave = new AbortController();
  const watching = (async () => {
    for await (const { endpoints } of user.watchEndpoints({ name: "a", namespace: id }, { signal: leave.signal })) {
      seen.push(endpoints.map(({ endpointId }) => endpointId).join());
    }
  })();
  const endpoint = { name: "a", namespace: "ignored", address: "ws://x", metadata: {}, token: "", taskId: "" };
  await settle();
  const reply = await task.registerEndpoint({ endpoint: { ...endpoint, endpointId: "e1" }, namespace: "default" });
  t.is(reply.leaseMs, 30_000);
  t.is(reply.endpoint?.namespace, id);
  await settle();
  await task.registerEndpoint({ endpoint: { ...endpoint, endpointId: "e2" }, namespace: "" });
  await settle();
  t.deepEqual(await task.renewEndpoints({ endpointIds: ["e1", "e3"] }), { unknown: ["e3"] });
  t.deepEqual(await task.unregisterEndpoint({ endpointId: "e2" }), { existed: true });
  await settle();
  await worker.exit(uid);
  await settle();
  t.deepEqual(seen, ["", "e1", "e1,e2", "e1", ""]);
  leave.abort();
  await t.throwsAsync(watching, { code: "CANCELLED" });
});

test("a follower reads what is there, then what comes, and ends when its tasks have", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const client = await room.client();
  const id = await submit(client);
  await settle();
  const uid = only(worker.running());
  await worker.print(uid, "one", "two");
  const query = { id, recursive: false, sinceMs: 0, contains: "", source: "LOG_SOURCE_UNSPECIFIED" } as const;
  const lines: string[] = [];
  const following = (async () => {
    for await (const { entries } of client.readLogs({ ...query, follow: true }))
      lines.push(...entries.map(({ data }) => data));
  })();
  await settle();
  t.deepEqual(lines, ["one", "two"]);
  await worker.print(uid, "one", "two", "three");
  await worker.exit(uid);
  await following;
  t.deepEqual(lines, ["one", "two", "three"]);
  const read: string[] = [];
  for await (const { entries } of client.readLogs({ ...query, follow: false, tail: 1 }))
    read.push(...entries.map(({ data }) => data));
  t.deepEqual(read, ["three"]);
});

test("submissions of one turn share a commit", async (t) => {
  await using room = await Room.open();
  const client = await room.client();
  let commits = 0;
  const commit = room.journal.commit.bind(room.journal);
  room.journal.commit = (what) => {
    commits += 1;
    return commit(what);
  };
  await Promise.all(Array.from({ length: 100 }, () => submit(client)));
  t.true(commits <= 3, `${commits} commits`);
});

test("a commit that fails is told to nobody as done, and the controller goes on from what was kept", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const client = await room.client();
  const kept = await submit(client);
  await settle();
  const uid = only(worker.running());
  const commit = room.journal.commit.bind(room.journal);
  room.journal.commit = async () => {
    room.journal.commit = commit;
    throw new Error("disk full");
  };
  const error = await t.throwsAsync(submit(client));
  t.regex(error?.message ?? "", /disk full|closed the link|said goodbye|was closed|ended/);
  await room.clock.advance(20_000);
  t.is(room.controller.phase, "serving");
  const again = await room.client();
  t.deepEqual(
    (await again.listJobs(listOf())).jobs.map(({ id }) => id),
    [kept],
  );
  t.deepEqual(worker.running(), [uid]);
  const failure = room.logger.lines.findIndex(({ level }) => level === "error");
  t.not(failure, -1);
  room.logger.lines.splice(0);
});

test("a final job is told to a watcher that knows it already", async (t) => {
  await using room = await Room.open();
  const client = await room.client();
  const id = await submit(client);
  const { version } = await client.terminateJob({ jobId: id });
  const seen: JobStatus[] = [];
  for await (const status of client.watchJob({ jobId: id, afterVersion: version })) seen.push(status);
  t.deepEqual(
    seen.map(({ state }) => state),
    ["KILLED"],
  );
});

test("streams end with UNAVAILABLE when the controller stops, and hold it up no longer", async (t) => {
  await using room = await Room.open();
  const client = await room.client();
  const id = await submit(client);
  const query = {
    id,
    recursive: true,
    sinceMs: 0,
    contains: "",
    source: "LOG_SOURCE_UNSPECIFIED",
    follow: true,
  } as const;
  const streams = [
    client.watchJob({ jobId: id, afterVersion: 0 }),
    client.watchEndpoints({ name: "a", namespace: "" }),
    client.readLogs(query),
  ].map(async (stream) => {
    for await (const _ of stream);
  });
  const ends = Promise.allSettled(streams);
  await settle();
  const before = room.clock.now();
  await room.stopController();
  t.is(room.clock.now(), before);
  for (const end of await ends) t.like(end, { status: "rejected", reason: { code: "UNAVAILABLE" } });
});

test("a follower of a whole tree hears of children that come later, and ends when all have", async (t) => {
  await using room = await Room.open();
  const worker = await room.worker();
  const client = await room.client();
  const root = await submit(client);
  await settle();
  const own = only(worker.running());
  const query = {
    id: root,
    recursive: true,
    sinceMs: 0,
    contains: "",
    source: "LOG_SOURCE_UNSPECIFIED",
    follow: true,
  } as const;
  const lines: string[] = [];
  const following = (async () => {
    for await (const { entries } of client.readLogs(query)) {
      lines.push(...entries.map(({ data, taskId }) => `${taskId.slice(root.length)} ${data}`));
    }
  })();
  const task = await room.client(worker.specs.get(own)?.token);
  await submit(task, { name: "child", detached: true });
  await settle();
  const child = only(worker.running().filter((uid) => uid !== own));
  await worker.print(own, "from above");
  await worker.print(child, "from below");
  await worker.exit(own);
  await settle();
  await worker.exit(child);
  await following;
  t.deepEqual(lines, ["/0 from above", "/child/0 from below"]);
});

test("jobs, results and logs in a state directory are there for the next controller", async (t) => {
  const stateDir = await mkdtemp(join(tmpdir(), "iris-controller-"));
  t.teardown(() => rm(stateDir, { recursive: true, force: true }));
  const options = { stateDir, journal: undefined };
  await using room = await Room.open(options);
  const worker = await room.worker();
  const client = await room.client();
  const id = await submit(client);
  await until(() => worker.running().length === 1);
  const uid = only(worker.running());
  await worker.print(uid, "kept");
  await worker.exit(uid, exitOf({ hasResult: true, result: new Uint8Array([5]) }));
  await room.stopController();
  await room.startController(options);
  const again = await room.client();
  t.is((await again.getJob({ jobId: id })).state, "SUCCEEDED");
  t.deepEqual([...(await again.getResult({ taskId: `${id}/0` })).value], [5]);
  const query = {
    id,
    recursive: false,
    sinceMs: 0,
    contains: "",
    source: "LOG_SOURCE_UNSPECIFIED",
    follow: false,
  } as const;
  const lines: string[] = [];
  for await (const { entries } of again.readLogs(query)) lines.push(...entries.map(({ data }) => data));
  t.deepEqual(lines, ["kept"]);
});

/** For what waits for a real disk: turns of the loop until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    if (turns > 1_000) throw new Error("it never came to that");
    await settle(1);
  }
}

test("an empty token is refused: it would let everybody in", async (t) => {
  const transport = new MemoryNetwork().transport("controller");
  await t.throwsAsync(Controller.start({ transport, stateDir: null, token: "" }), { code: "INVALID_ARGUMENT" });
});

test("a port that is taken rejects the start and leaves nothing", async (t) => {
  await using room = await Room.open();
  const transport = room.network.transport("controller");
  await t.throwsAsync(Controller.start({ transport, port: 8080, stateDir: null, token: TOKEN, clock: room.clock }), {
    code: "ALREADY_EXISTS",
  });
});
