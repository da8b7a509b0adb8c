/** A pool on scripted members, and one on a whole cluster of this machine. */
import test from "ava";
import { IrisClient } from "../../src/cluster/iris-client.ts";
import type { ActorPool, PoolMember } from "../../src/net/actor-pool.ts";
import { type Answer, answerOf, loadCode, packCall } from "../../src/pool/call.ts";
import { Dispatcher } from "../../src/pool/dispatcher.ts";
import { abandoned, Executor, MISSING } from "../../src/pool/executor-actor.ts";
import { POOL_LIMITS } from "../../src/pool/limits.ts";
import { RemoteRunners } from "../../src/pool/remote-runners.ts";
import { type PoolClient, WorkerPool } from "../../src/pool/worker-pool.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { ManualClock } from "../kit/manual-clock.ts";

const CLOCK = { now: () => 0 };

/** Members as the network gives them, with executors of this process behind them. */
class ScriptedMembers {
  readonly sent: string[] = [];
  readonly touched: string[] = [];
  isClosed = false;
  #members: PoolMember<Executor>[] = [];
  #listeners = new Set<() => void>();

  members(): PoolMember<Executor>[] {
    return this.#members;
  }

  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  /** `fail` is asked before each call. */
  join(id: string, fail: () => IrisError | undefined = () => undefined): { isUp: boolean } {
    const executor = new Executor(null, CLOCK);
    const state = { isUp: true };
    const methods = {
      run: async (hash: string, args: Uint8Array): Promise<Answer | typeof MISSING> => {
        this.sent.push(`run@${id}`);
        const error = fail();
        if (error !== undefined) throw error;
        return executor.run(hash, args);
      },
      teach: async (hash: string, code: Uint8Array, args: Uint8Array): Promise<Answer | typeof MISSING> => {
        this.sent.push(`teach@${id}`);
        const error = fail();
        if (error !== undefined) throw error;
        return executor.teach(hash, code, args);
      },
      touch: async () => void this.touched.push(id),
    };
    const member = {
      endpoint: { endpointId: id, name: "pool", namespace: "", address: "ws://x", metadata: {}, token: "", taskId: id },
      get isUp() {
        return state.isUp;
      },
      outstanding: 0,
      call: () => methods,
      tell: () => ({ touch: () => this.touched.push(id) > 0 }),
    };
    this.#members = [...this.#members, member as unknown as PoolMember<Executor>];
    this.changed();
    return state;
  }

  leave(id: string): void {
    this.#members = this.#members.filter(({ endpoint }) => endpoint.endpointId !== id);
    this.changed();
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function scripted() {
  const members = new ScriptedMembers();
  const clock = new ManualClock();
  const dispatcher = new Dispatcher({ name: "pool", inFlightMax: 100, maxRetries: 3 });
  const runners = new RemoteRunners({ members, dispatcher, clock });
  return { members, clock, dispatcher, runners };
}

const double = (n: number): number => n * 2;
const callOf = (n: number) => packCall(double, [n], null);

test("a function is sent to a worker once, with its first call", async (t) => {
  const { members, dispatcher, runners } = scripted();
  members.join("w1");
  for (const n of [1, 2, 3]) t.is(await dispatcher.submit(callOf(n)), n * 2);
  t.deepEqual(members.sent, ["teach@w1", "run@w1", "run@w1"]);
  runners.close();
  t.true(members.isClosed);
});

test("a worker that has forgotten a function is sent it again", async (t) => {
  const executor = new Executor(null, CLOCK);
  const { code, args } = callOf(4);
  t.is(await executor.run(code.hash, args), MISSING);
  t.like(await executor.teach(code.hash, code.bytes, args), { ok: true });
  t.like(await executor.run(code.hash, args), { ok: true });
});

test("a member whose call was lost gets nothing more until it is up again", async (t) => {
  const { members, dispatcher, runners } = scripted();
  let isCut = true;
  const state = members.join("w1", () =>
    isCut ? new IrisError("LOST", "the link broke", { maybeExecuted: true }) : undefined,
  );
  const future = dispatcher.submit(callOf(1));
  state.isUp = false;
  await new Promise((resolve) => setImmediate(resolve));
  t.is(dispatcher.size, 0);
  members.changed();
  t.is(dispatcher.size, 0, "it is still down");
  isCut = false;
  state.isUp = true;
  members.changed();
  t.is(await future, 2);
  t.is(dispatcher.status().retried, 1);
  runners.close();
});

test("a lost call goes to another member; a member that left gets nothing more", async (t) => {
  const { members, dispatcher, runners } = scripted();
  members.join("w1", () => new IrisError("LOST", "died"));
  const future = dispatcher.submit(callOf(1));
  members.join("w2");
  t.is(await future, 2);
  members.leave("w1");
  members.leave("w2");
  t.is(dispatcher.size, 0);
  runners.close();
});

test("a call that cannot be sent at all fails by itself and says nothing of its worker", async (t) => {
  const { members, dispatcher, runners } = scripted();
  members.join("w1", () => new IrisError("PAYLOAD_TOO_LARGE", "20 MiB of 16 MiB"));
  await t.throwsAsync(dispatcher.submit(callOf(1)).result(), { code: "PAYLOAD_TOO_LARGE" });
  t.is(dispatcher.size, 1);
  runners.close();
});

test("the pool tells its workers now and then that it is there", async (t) => {
  const { members, clock, runners } = scripted();
  members.join("w1");
  await clock.advance(POOL_LIMITS.touchEveryMs * 2);
  t.deepEqual(members.touched, ["w1", "w1"]);
  runners.close();
  await clock.advance(POOL_LIMITS.touchEveryMs);
  t.is(members.touched.length, 2);
  t.is(clock.pending, 0);
});

test("a worker that hears nothing of its pool for long enough ends by itself, and no sooner", async (t) => {
  const clock = new ManualClock();
  const executor = new Executor(null, clock);
  let hasEnded = false;
  const end = abandoned(executor, clock, new AbortController().signal).then(() => {
    hasEnded = true;
  });
  await clock.advance(POOL_LIMITS.abandonedAfterMs);
  executor.touch();
  await clock.advance(POOL_LIMITS.abandonedAfterMs);
  t.false(hasEnded);
  await clock.advance(POOL_LIMITS.touchEveryMs);
  await end;
  t.is(clock.pending, 0);
});

test("a function that cannot be loaded, and a result that cannot be sent, are answers", async (t) => {
  const missing = answerOf(loadCode(new Uint8Array([1, 2, 3]), null), callOf(1).args, CLOCK);
  t.false((await missing).ok);
  const call = packCall(() => Symbol("mine"), [], null);
  t.false((await answerOf(loadCode(call.code.bytes, null), call.args, CLOCK)).ok);
});

test("a pool whose job cannot be submitted rejects everything with the reason", async (t) => {
  const refused = new IrisError("RESOURCE_EXHAUSTED", "too many tasks");
  const client = {
    workspace: null,
    submit: () => Promise.reject(refused),
    resolver: () => t.fail(),
  } as unknown as PoolClient;
  const pool = new WorkerPool(client, { numWorkers: 1 });
  t.is(await pool.submit(double, 1).then(undefined, (error) => error), refused);
  t.is(await pool.ready().then(undefined, (error) => error), refused);
  await t.notThrowsAsync(pool.shutdown());
});

test("the pool's job asks for its replicas and tolerates all but the last; its end is the pool's", async (t) => {
  const { promise: waited, reject } = Promise.withResolvers<never>();
  const asked: Record<string, unknown>[] = [];
  const members = new ScriptedMembers();
  let namespace: string | undefined;
  const client = {
    workspace: null,
    submit: async (request: Record<string, unknown>) => {
      asked.push(request);
      return { id: "root12345678", wait: () => waited, terminate: async () => {} };
    },
    resolver: (options: { namespace?: string }) => {
      namespace = options.namespace;
      return { lookup: () => members as unknown as ActorPool<unknown>, [Symbol.asyncDispose]: async () => {} };
    },
  } as unknown as PoolClient;
  const pool = new WorkerPool(client, { numWorkers: 3, env: { A: "b" } }, { clock: new ManualClock() });
  members.join("w1");
  t.is(await pool.submit(double, 2), 4);
  t.like(asked[0], { name: pool.name, replicas: 3, maxTaskFailures: 2, env: { A: "b" } });
  t.is(namespace, "root12345678", "outside any job the pool's own namespace must be named");
  const failed = new IrisError("JOB_FAILED", "every worker crashed");
  reject(failed);
  t.is(
    await pool
      .submit(double, 2)
      .then(() => pool.submit(double, 2))
      .then(undefined, (e) => e),
    failed,
  );
  await pool.shutdown();
});

test("numbers that make no sense are refused at once", (t) => {
  const client = {} as PoolClient;
  for (const config of [{ numWorkers: 0 }, { numWorkers: 1, inFlightMax: 0 }, { numWorkers: 1, maxRetries: -1 }]) {
    t.throws(() => new WorkerPool(client, config), { code: "INVALID_ARGUMENT" });
  }
});

test("on a cluster: functions run in tasks, a crash is survived, and nothing is left", async (t) => {
  await using client = await IrisClient.local({ workers: 1, cpu: 4, memory: "2GB" });
  const pool = new WorkerPool(client, { numWorkers: 2, resources: { cpu: 1, memory: "256MB" }, maxRetries: 0 });
  t.is(await pool.submit(double, 21), 42);
  t.regex((await pool.submit(() => process.env["IRIS_TASK_ID"])) ?? "", /^[0-9a-z]{12}\/[01]$/);
  const own = pool.submit(() => {
    throw new RangeError("mine");
  });
  await t.throwsAsync(own.result(), { instanceOf: RangeError, message: "mine" });
  const squares: number[] = [];
  for await (const n of pool.map((item: number) => item * item, [1, 2, 3, 4])) squares.push(n);
  t.deepEqual(squares, [1, 4, 9, 16]);
  await t.throwsAsync(pool.submit(() => process.exit(3)).result(), { code: "LOST" });
  t.is(await pool.submit(double, 4), 8);
  await pool.shutdown();
  for await (const job of client.jobs()) t.is(job.state, "KILLED");
});
