/** A pool on scripted members, and one on a whole cluster of this machine. */
import test from "ava";
import { IrisClient } from "../../src/cluster/iris-client.ts";
import type { ActorPool, PoolMember } from "../../src/net/actor-pool.ts";
import { type Answer, answerOf, asAnswer, loadCode, packCall, readAnswer } from "../../src/pool/call.ts";
import { RunningCall } from "../../src/pool/context.ts";
import { Dispatcher } from "../../src/pool/dispatcher.ts";
import { abandoned, Executor, MISSING } from "../../src/pool/executor-actor.ts";
import { POOL_LIMITS } from "../../src/pool/limits.ts";
import { RemoteRunners } from "../../src/pool/remote-runners.ts";
import { SharedList, SharedValues } from "../../src/pool/shared.ts";
import { type PoolClient, WorkerPool } from "../../src/pool/worker-pool.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { ManualClock } from "../kit/manual-clock.ts";
import { sumOfShared, waitForAbort } from "./fixtures/in-context.ts";

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
  join(
    who: string,
    fail: () => IrisError | undefined = () => undefined,
    gate: Promise<void> = Promise.resolve(),
  ): { isUp: boolean } {
    const executor = new Executor(process.cwd(), CLOCK, () => {});
    const state = { isUp: true };
    const methods = {
      run: async (id: number, hash: string, args: Uint8Array): Promise<Answer | typeof MISSING> => {
        this.sent.push(`run@${who}`);
        const error = fail();
        if (error !== undefined) throw error;
        await gate;
        return executor.run(id, hash, args);
      },
      teach: async (id: number, hash: string, code: Uint8Array, args: Uint8Array): Promise<Answer | typeof MISSING> => {
        this.sent.push(`teach@${who}`);
        const error = fail();
        if (error !== undefined) throw error;
        await gate;
        return executor.teach(id, hash, code, args);
      },
      stop: async (id: number): Promise<boolean> => {
        this.sent.push(`stop ${id}@${who}`);
        throw new IrisError("DEADLINE_EXCEEDED", "no answer");
      },
      share: async (index: number, part: number, parts: number, bytes: Uint8Array): Promise<void> => {
        this.sent.push(`share ${index} ${part + 1}/${parts}@${who}`);
        executor.share(index, part, parts, bytes);
      },
      touch: async () => void this.touched.push(who),
    };
    const member = {
      endpoint: {
        endpointId: who,
        name: "pool",
        namespace: "",
        address: "ws://x",
        metadata: {},
        token: "",
        taskId: who,
      },
      get isUp() {
        return state.isUp;
      },
      outstanding: 0,
      call: () => methods,
      tell: () => ({
        cancel: (id: number) => this.sent.push(`cancel ${id}@${who}`) > 0,
        touch: () => this.touched.push(who) > 0,
      }),
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
  const dispatcher = new Dispatcher({ name: "pool", inFlightMax: 100, maxRetries: 3, cancelGraceMs: 2_000, clock });
  const runners = new RemoteRunners({ members, dispatcher, clock });
  return { members, clock, dispatcher, runners };
}

const double = (n: number): number => n * 2;
const callOf = (n: number) => packCall(double, [n], null);

test("an executor runs one call at a time, skips what was cancelled before its turn, and tells what runs", async (t) => {
  let died = 0;
  const held = packCall(waitForAbort, [], process.cwd());
  const executor = new Executor(process.cwd(), CLOCK, () => {
    died += 1;
  });
  const running = executor.teach(1, held.code.hash, held.code.bytes, held.args);
  const next = callOf(4);
  const skipped = executor.teach(2, next.code.hash, next.code.bytes, next.args);
  const last = executor.run(3, next.code.hash, next.args);
  await new Promise((resolve) => setImmediate(resolve));
  t.false(executor.stop(2), "only the call that runs can end the process");
  executor.cancel(2);
  executor.cancel(1);
  t.like(await running, { ok: true });
  t.like(await skipped, { ok: false });
  t.is(readAnswer(asAnswer(await last)), 8);
  t.false(executor.stop(1), "it has ended");
  t.is(died, 0);
  executor.cancel(7);
});

test("an executor ends its process under the call that was given up, and no other", async (t) => {
  let died = 0;
  const executor = new Executor(process.cwd(), CLOCK, () => {
    died += 1;
  });
  const held = packCall(waitForAbort, [], process.cwd());
  const running = executor.teach(1, held.code.hash, held.code.bytes, held.args);
  await new Promise((resolve) => setImmediate(resolve));
  t.true(executor.stop(1));
  t.is(died, 1);
  executor.cancel(1);
  await running;
});

test("a member that does not even obey is left, and its calls go to others", async (t) => {
  const { members, clock, dispatcher, runners } = scripted();
  members.join("w1", () => undefined, new Promise<never>(() => {}));
  const future = dispatcher.submit(callOf(1));
  t.true(future.cancel());
  await clock.advance(2_000);
  t.deepEqual(members.sent, ["teach@w1", "cancel 0@w1", "stop 0@w1"]);
  t.is(dispatcher.size, 0);
  members.changed();
  t.is(dispatcher.size, 0, "it is up, and yet not to be used");
  t.is(dispatcher.inFlight, 0);
  runners.close();
});

test("a shared value is sent to a worker once, in parts, before the first call that may use it", async (t) => {
  const { members, dispatcher, runners } = scripted();
  members.join("w1");
  const shared = new SharedList();
  const handle = shared.add({ numbers: [1, 2], padding: new Uint8Array(POOL_LIMITS.sharePartBytes) });
  const next = () => dispatcher.submit(packCall(sumOfShared, [handle], process.cwd(), shared));
  t.deepEqual(await next(), { sum: 3, seen: 1 });
  t.deepEqual(await next(), { sum: 3, seen: 2 });
  t.deepEqual(members.sent, ["share 0 1/2@w1", "share 0 2/2@w1", "teach@w1", "run@w1"]);
  runners.close();
});

test("a function is sent to a worker once, with its first call", async (t) => {
  const { members, dispatcher, runners } = scripted();
  members.join("w1");
  for (const n of [1, 2, 3]) t.is(await dispatcher.submit(callOf(n)), n * 2);
  t.deepEqual(members.sent, ["teach@w1", "run@w1", "run@w1"]);
  runners.close();
  t.true(members.isClosed);
});

test("a worker that has forgotten a function is sent it again", async (t) => {
  const executor = new Executor(null, CLOCK, () => {});
  const { code, args } = callOf(4);
  t.is(await executor.run(0, code.hash, args), MISSING);
  t.like(await executor.teach(0, code.hash, code.bytes, args), { ok: true });
  t.like(await executor.run(0, code.hash, args), { ok: true });
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
  const executor = new Executor(null, clock, () => {});
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
  const missing = answerOf(
    loadCode(new Uint8Array([1, 2, 3]), null),
    callOf(1).args,
    CLOCK,
    new RunningCall(new SharedValues()),
  );
  t.false((await missing).ok);
  const call = packCall(() => Symbol("mine"), [], null);
  t.false((await answerOf(loadCode(call.code.bytes, null), call.args, CLOCK, new RunningCall(new SharedValues()))).ok);
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
  const pool = new WorkerPool(client, {
    numWorkers: 2,
    resources: { cpu: 1, memory: "256MB" },
    maxRetries: 0,
    cancelGraceMs: 50,
  });
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
  const never = pool.with({ timeoutMs: 100 }).submit(() => new Promise<void>(() => {}));
  await t.throwsAsync(never.result(), { code: "DEADLINE_EXCEEDED" });
  t.is(await pool.submit(double, 4), 8);
  const context = new URL("../../src/pool/context.ts", import.meta.url).href;
  const shared = async (url: string, handle: object): Promise<number> =>
    (await import(url)).poolContext().shared(handle).numbers[1];
  t.is(await pool.submit(shared, context, pool.share({ numbers: [7, 8] })), 8);
  await pool.shutdown();
  for await (const job of client.jobs()) t.is(job.state, "KILLED");
});
