import test from "ava";
import { ActorPool, type PoolCallOptions } from "../../src/net/actor-pool.ts";
import { ConnectionCache, type DialledChannel, dialWith } from "../../src/net/actor-pool-connections.ts";
import { MemberList } from "../../src/net/actor-pool-members.ts";
import { type Candidate, pickMember } from "../../src/net/actor-pool-route.ts";
import { Answer } from "../../src/net/answer.ts";
import type { ChannelCallOptions, Outcome, Payload } from "../../src/net/channel.ts";
import { SessionListener } from "../../src/net/session-listener.ts";
import { decodeValue, encodeValue } from "../../src/net/value/index.ts";
import type { Endpoint } from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { FaultyNetwork } from "../kit/faulty-network.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { SeededRandom } from "../kit/seeded-random.ts";
import { authenticate, targetsOf } from "../kit/session-pair.ts";

interface Sent {
  readonly target: string;
  readonly method: string;
  readonly args: unknown[];
  readonly options: ChannelCallOptions;
  readonly answer: Answer;
  left: boolean;
}

/** A connection whose ups, downs and answers the test decides. */
class ScriptedChannel implements DialledChannel {
  readonly sent: Sent[] = [];
  isUp = false;
  isClosed = false;
  /** Answers each call at once, when set. */
  reply: ((sent: Sent) => unknown) | undefined;
  readonly #ups = new Set<() => void>();
  readonly #downs = new Set<(error: IrisError) => void>();
  readonly #ready = Promise.withResolvers<void>();

  constructor() {
    this.#ready.promise.catch(() => {});
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }
  onUp(fn: () => void): () => void {
    this.#ups.add(fn);
    return () => this.#ups.delete(fn);
  }
  onDown(fn: (error: IrisError) => void): () => void {
    this.#downs.add(fn);
    return () => this.#downs.delete(fn);
  }
  async close(): Promise<void> {
    this.isClosed = true;
    this.isUp = false;
  }

  up(): this {
    this.isUp = true;
    for (const fn of this.#ups) fn();
    return this;
  }
  down(why = "the link broke"): void {
    this.isUp = false;
    const lost = new IrisError("LOST", why, { maybeExecuted: true });
    for (const { answer } of this.sent) answer.fail(lost);
    for (const fn of this.#downs) fn(lost);
  }
  refuse(error: IrisError): void {
    this.#ready.reject(error);
  }

  call(target: string, method: string, payload: Payload, options: ChannelCallOptions = {}): Outcome {
    const hooks = {
      granted() {},
      left() {
        sent.left = true;
      },
    };
    const answer = new Answer(`${target}.${method}`, hooks, 4);
    const sent: Sent = { target, method, args: decodeValue(payload.bytes) as unknown[], options, answer, left: false };
    this.sent.push(sent);
    if (this.reply !== undefined) settleWith(sent, this.reply(sent));
    return answer;
  }
  tell(target: string, method: string, payload: Payload): boolean {
    this.call(target, method, payload);
    return true;
  }
}

function settleWith({ answer }: Sent, result: unknown): void {
  if (result instanceof Error) answer.fail(result);
  else answer.settle({ codec: "VALUE", bytes: encodeValue(result) });
}

function endpoint(id: string): Endpoint {
  return { endpointId: id, name: "adder", namespace: "", address: `ws://${id}:1`, metadata: {}, token: "", taskId: "" };
}

interface Adder {
  add(a: number, b: number): number;
  count(): AsyncGenerator<number>;
}

/** A pool of `ids` whose connections are made by hand; those in `upIds` come up at once, and answer with their id. */
function kit(ids: string[], upIds: string[] = ids) {
  const clock = new ManualClock();
  const channels = new Map<string, ScriptedChannel>();
  const failures = new Map<string, (error: IrisError) => void>();
  const connections = new ConnectionCache((address, _token, onDialFailed) => {
    const id = address.slice("ws://".length, -":1".length);
    const channel = new ScriptedChannel();
    channels.set(id, channel);
    failures.set(id, onDialFailed);
    channel.reply = () => id;
    if (upIds.includes(id)) queueMicrotask(() => channel.up());
    return channel;
  });
  const source = new MemberList(ids.map(endpoint));
  const pool = new ActorPool<Adder>({ name: "adder", source, connections, clock });
  const call = (options?: PoolCallOptions) => pool.call(options).add(1, 2) as Promise<unknown>;
  const channel = (id: string): ScriptedChannel => {
    const found = channels.get(id);
    if (found === undefined) throw new Error(`nobody dialled ${id}`);
    return found;
  };
  return { clock, connections, source, pool, call, channel, channels, failures };
}

const codeOf = (error: unknown) => (error as IrisError).code;

test("calls go to the members in turn", async (t) => {
  const { call } = kit(["a", "b", "c"]);
  const takers = [await call(), await call(), await call(), await call(), await call(), await call()];
  t.deepEqual(takers, ["a", "b", "c", "a", "b", "c"]);
});

test("a call names the registered actor, its method and its arguments", async (t) => {
  const { call, channel } = kit(["a"]);
  await call({ timeoutMs: 500, idempotent: true });
  const [sent] = channel("a").sent;
  t.is(sent?.target, "adder");
  t.is(sent?.method, "add");
  t.deepEqual(sent?.args, [1, 2]);
  t.is(sent?.options.timeoutMs, 500);
  t.true(sent?.options.idempotent);
});

test("a pool is no promise, and neither are its proxies", async (t) => {
  const { pool } = kit(["a"]);
  t.is(await pool, pool);
  t.is((pool.call() as { then?: unknown }).then, undefined);
  await pool.call();
});

test("leastOutstanding takes the member with the fewest unanswered calls", async (t) => {
  const { pool, call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  for (const id of ["a", "b"]) channel(id).reply = undefined;
  const busy = Promise.all([call(), call(), call()]); // a, b, a
  channel("b")
    .sent.at(-1)
    ?.answer.settle({ codec: "VALUE", bytes: encodeValue("b") });
  await settle();
  t.deepEqual(
    pool.members().map(({ outstanding }) => outstanding),
    [2, 0],
  );
  for (const id of ["a", "b"]) channel(id).reply = () => id;
  t.is(await call({ route: "leastOutstanding" }), "b");
  for (const { answer } of channel("a").sent) answer.settle({ codec: "VALUE", bytes: encodeValue("a") });
  await busy;
});

test("a call whose outcome nobody looks at does not count as outstanding for ever", async (t) => {
  const { pool, call, channel } = kit(["a"]);
  await call();
  channel("a").reply = undefined;
  void pool.call().add(1, 2);
  t.is(pool.members()[0]?.outstanding, 1);
  await settle();
  t.is(pool.members()[0]?.outstanding, 0);
});

test("hash: the same key finds the same member, and moves only if that member goes", (t) => {
  const members = (ids: string[]): Candidate[] =>
    ids.map((endpointId) => ({ endpoint: { endpointId }, outstanding: 0 }));
  const keys = Array.from({ length: 1_000 }, (_, index) => `key-${index}`);
  const place = (ids: string[]) =>
    new Map(keys.map((hash) => [hash, pickMember(members(ids), { hash }, 7)?.endpoint.endpointId]));
  const before = place(["a", "b", "c", "d"]);
  const after = place(["a", "b", "d"]);
  const sizes = new Map<string | undefined, number>();
  for (const [key, id] of before) {
    sizes.set(id, (sizes.get(id) ?? 0) + 1);
    if (id !== "c") t.is(after.get(key), id);
  }
  for (const id of ["a", "b", "c", "d"]) t.true((sizes.get(id) ?? 0) > 150, `${id} has ${sizes.get(id)} of 1000 keys`);
});

test("a member that is known dead is skipped, and used again when it is back", async (t) => {
  const { call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  channel("a").down();
  t.deepEqual([await call(), await call(), await call()], ["b", "b", "b"]);
  channel("a").up();
  t.deepEqual([await call(), await call()].sort(), ["a", "b"]);
});

test("a member that cannot be dialled is passed over as soon as that is known", async (t) => {
  const { call, failures } = kit(["a", "b"], ["b"]);
  const first = call();
  failures.get("a")?.(new IrisError("UNAVAILABLE", "connection refused"));
  t.is(await first, "b");
});

test("a failure that cannot have run is tried at another member, others are not", async (t) => {
  const { call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  const cases: [IrisError, boolean][] = [
    [new IrisError("UNAVAILABLE", "stopping"), true],
    [new IrisError("MAILBOX_FULL", "full"), true],
    [new IrisError("NO_SUCH_ACTOR", "not here any more"), true],
    [new IrisError("UNAVAILABLE", "thrown by the method", { maybeExecuted: true }), false],
    [new IrisError("LOST", "cut", { maybeExecuted: true }), false],
    [new IrisError("DEADLINE_EXCEEDED", "late", { maybeExecuted: true }), false],
    [new IrisError("NO_SUCH_METHOD", "no"), false],
    [new IrisError("NOT_SHIPPABLE", "no"), false],
  ];
  for (const [error, isTriedElsewhere] of cases) {
    for (const failing of ["a", "b"]) {
      channel(failing).reply = () => error;
      const other = failing === "a" ? "b" : "a";
      channel(other).reply = () => other;
      const outcomes = await Promise.allSettled([call(), call()]); // one of the two meets the failing member
      const failed = outcomes.filter(({ status }) => status === "rejected").length;
      t.is(failed, isTriedElsewhere ? 0 : 1, `${error.code}: ${error.message}`);
    }
  }
});

test("an idempotent call that was lost is tried at another member", async (t) => {
  const { call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  channel("a").reply = () => new IrisError("LOST", "cut", { maybeExecuted: true });
  t.deepEqual([await call({ idempotent: true }), await call({ idempotent: true })], ["b", "b"]);
});

test("when every member refuses, the call fails with the refusal, each having been asked once", async (t) => {
  const { call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  for (const id of ["a", "b"]) channel(id).reply = () => new IrisError("MAILBOX_FULL", `mailbox of ${id} is full`);
  const error = await t.throwsAsync(call());
  t.is(codeOf(error), "MAILBOX_FULL");
  t.is(channel("a").sent.length + channel("b").sent.length, 4);
});

test("an empty pool waits for a member", async (t) => {
  const { call, source, clock } = kit([], ["a"]);
  const waiting = call();
  await clock.advance(60_000);
  source.set([endpoint("a")]);
  t.is(await waiting, "a");
  t.is(clock.pending, 0);
});

test("a call that waits for a member ends at its deadline", async (t) => {
  const { call, clock } = kit([]);
  const waiting = t.throwsAsync(call({ timeoutMs: 1_000 }));
  await clock.advance(999);
  await clock.advance(1);
  t.is(codeOf(await waiting), "DEADLINE_EXCEEDED");
  t.is(clock.pending, 0);
});

test("a call that waits for a member ends when it is cancelled", async (t) => {
  const { call } = kit([]);
  const controller = new AbortController();
  const waiting = t.throwsAsync(call({ signal: controller.signal }));
  controller.abort();
  t.is(codeOf(await waiting), "CANCELLED");
});

test("closing a pool fails the calls that wait, and lets those that were sent finish", async (t) => {
  const { pool, call, channel, connections } = kit(["a"]);
  await call();
  channel("a").reply = undefined;
  const sent = call();
  const { pool: empty, call: callEmpty } = kit([]);
  const waiting = t.throwsAsync(callEmpty());
  const sizing = t.throwsAsync(empty.waitForSize(1));
  await empty.close();
  t.is(codeOf(await waiting), "CANCELLED");
  t.is(codeOf(await sizing), "CANCELLED");
  await pool[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
  t.false(channel("a").isClosed);
  channel("a")
    .sent.at(-1)
    ?.answer.settle({ codec: "VALUE", bytes: encodeValue("late") });
  t.is(await sent, "late");
  await settle();
  t.true(channel("a").isClosed);
  t.is(connections.size, 0);
  t.is(codeOf(await t.throwsAsync(call())), "CANCELLED");
});

test("while all members are dead a call waits five seconds for one to come back, then says who cannot be reached", async (t) => {
  const { call, channel, clock } = kit(["a"]);
  await call();
  channel("a").down("connection reset");
  const hopeful = call();
  await clock.advance(4_000);
  channel("a").up();
  t.is(await hopeful, "a");
  channel("a").down("connection reset");
  const hopeless = t.throwsAsync(call());
  await clock.advance(5_000);
  const error = (await hopeless) as IrisError;
  t.is(error.code, "UNAVAILABLE");
  t.regex(error.message, /ws:\/\/a:1 cannot be reached: connection reset/);
  t.not(error.maybeExecuted, true);
  t.is(clock.pending, 0);
});

test("a pool whose members all refuse our token says so at once", async (t) => {
  const { call, channel } = kit(["a"], []);
  const failed = t.throwsAsync(call());
  channel("a").refuse(new IrisError("UNAUTHENTICATED", "wrong token"));
  t.is(codeOf(await failed), "UNAUTHENTICATED");
  t.is(codeOf(await t.throwsAsync(call())), "UNAUTHENTICATED");
});

test("a broadcast gives one result for each member, dead ones included", async (t) => {
  const { pool, call, channel } = kit(["a", "b", "c"]);
  await Promise.all([call(), call(), call()]);
  channel("b").down();
  channel("c").reply = () => new RangeError("too much");
  const results = await pool.broadcast().add(1, 2);
  t.deepEqual(
    results.map((result) => [result.endpoint.endpointId, result.ok ? result.value : result.error.message]),
    [
      ["a", "a"],
      ["b", "adder.add(): ws://b:1 cannot be reached: the link broke"],
      ["c", "too much"],
    ] as [string, unknown][],
  );
  const { pool: empty } = kit([]);
  t.deepEqual(await empty.broadcast().add(1, 2), []);
});

test("one member can be called by itself, and fails at once when it is dead", async (t) => {
  const { pool, call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  const [, b] = pool.members();
  t.is((await b?.call().add(1, 2)) as unknown, "b");
  channel("b").down();
  t.false(b?.isUp);
  t.is(codeOf(await t.throwsAsync(async () => b?.call().add(1, 2))), "UNAVAILABLE");
  t.false(b?.tell().add(1, 2));
});

test("members that leave keep their connection until their last call has settled", async (t) => {
  const { pool, source, call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  channel("a").reply = undefined;
  const running = call();
  source.set([endpoint("b")]);
  t.is(pool.size, 1);
  t.deepEqual([await call(), await call()], ["b", "b"]);
  t.false(channel("a").isClosed);
  channel("a")
    .sent.at(-1)
    ?.answer.settle({ codec: "VALUE", bytes: encodeValue("a") });
  t.is(await running, "a" as unknown);
  t.true(channel("a").isClosed);
});

test("pools of one resolver share connections; the last one closes them", async (t) => {
  const { pool, source, connections, call, channel, clock } = kit(["a"]);
  const second = new ActorPool<Adder>({ name: "other", source: new MemberList(source.current()), connections, clock });
  await call();
  await second.call().add(1, 2);
  t.is(connections.size, 1);
  t.is(channel("a").sent.length, 2);
  await pool.close();
  t.false(channel("a").isClosed);
  await second.close();
  t.true(channel("a").isClosed);
});

test("waitForSize resolves when enough are known, and tells how many there were when time is over", async (t) => {
  const { pool, source, clock } = kit(["a"]);
  await pool.waitForSize(1);
  const waiting = pool.waitForSize(2, { timeoutMs: 1_000 });
  source.set([endpoint("a"), endpoint("b")]);
  await waiting;
  const late = t.throwsAsync(pool.waitForSize(3, { timeoutMs: 1_000 }));
  await clock.advance(1_000);
  const error = (await late) as IrisError;
  t.is(error.code, "DEADLINE_EXCEEDED");
  t.regex(error.message, /2 of 3/);
  t.is(clock.pending, 0);
});

test("a stream comes from one member, and leaving the loop leaves it there", async (t) => {
  const { pool, call, channel } = kit(["a"]);
  await call();
  channel("a").reply = undefined;
  const seen: number[] = [];
  const reading = (async () => {
    for await (const item of pool.call().count()) {
      seen.push(item);
      if (item === 2) break;
    }
  })();
  const sent = channel("a").sent.at(-1);
  for (const item of [1, 2, 3]) sent?.answer.push({ codec: "VALUE", bytes: encodeValue(item) });
  await reading;
  t.deepEqual(seen, [1, 2]);
  t.true(sent?.left);
  t.is(pool.members()[0]?.outstanding, 0);
});

test("a stream that could not begin at one member begins at another; one that broke later is not begun again", async (t) => {
  const { pool, call, channel } = kit(["a", "b"]);
  await Promise.all([call(), call()]);
  for (const id of ["a", "b"]) channel(id).reply = undefined;
  const seen: number[] = [];
  const reading = (async () => {
    for await (const item of pool.call({ idempotent: true }).count()) seen.push(item);
  })();
  channel("a").sent.at(-1)?.answer.fail(new IrisError("UNAVAILABLE", "stopping"));
  await settle();
  const second = channel("b").sent.at(-1);
  second?.answer.push({ codec: "VALUE", bytes: encodeValue(1) });
  await settle();
  second?.answer.fail(new IrisError("LOST", "cut", { maybeExecuted: true }));
  t.is(codeOf(await t.throwsAsync(reading)), "LOST");
  t.deepEqual(seen, [1]);
  t.deepEqual(
    pool.members().map(({ outstanding }) => outstanding),
    [0, 0],
  );
});

test("arguments that cannot travel fail the call before anything is sent", async (t) => {
  const { pool, call, channel } = kit(["a"]);
  await call();
  const bad = pool.call() as unknown as { add(value: unknown): Promise<unknown> };
  t.is(codeOf(await t.throwsAsync(async () => bad.add(new WeakMap()))), "NOT_SHIPPABLE");
  t.is(channel("a").sent.length, 1);
});

test("a timeoutMs that is no duration is refused", (t) => {
  const { pool } = kit(["a"]);
  t.is(codeOf(t.throws(() => pool.call({ timeoutMs: -1 }))), "INVALID_ARGUMENT");
  t.is(codeOf(t.throws(() => pool.call({ timeoutMs: Number.NaN }))), "INVALID_ARGUMENT");
});

test("a member that takes its calls and fails them is passed over after three, and tried again after 1 s, then 2 s", async (t) => {
  const { call, channel, clock } = kit(["a", "b"]);
  await call();
  await call();
  const a = channel("a");
  const asked = () => a.sent.length;
  a.reply = () => new IrisError("UNAVAILABLE", "draining");
  const before = asked();
  for (let turn = 0; turn < 20; turn++) t.is(await call(), "b");
  t.is(asked() - before, 3);
  await clock.advance(999);
  for (let turn = 0; turn < 4; turn++) t.is(await call(), "b");
  t.is(asked() - before, 3);
  await clock.advance(1);
  for (let turn = 0; turn < 4; turn++) t.is(await call(), "b");
  t.is(asked() - before, 4, "one trial");
  await clock.advance(1_999);
  for (let turn = 0; turn < 4; turn++) t.is(await call(), "b");
  t.is(asked() - before, 4);
  a.reply = () => "a";
  await clock.advance(1);
  t.deepEqual([await call(), await call()].sort(), ["a", "b"], "a success brings it back for good");
});

test("a broken link is one failure, however many calls it took with it", async (t) => {
  const { call, channel, clock } = kit(["a", "b"]);
  await call();
  await call();
  const a = channel("a");
  a.reply = undefined;
  const lost = Promise.allSettled(Array.from({ length: 20 }, () => call()));
  await settle();
  a.down();
  await lost;
  a.reply = () => "a";
  a.up();
  t.deepEqual([await call(), await call()].sort(), ["a", "b"]);
  t.is(clock.pending, 0);
});

test("when there is no other, a member that is passed over is better than none", async (t) => {
  const { call, pool, channel } = kit(["a"]);
  await call();
  const a = channel("a");
  a.reply = () => new IrisError("UNAVAILABLE", "draining");
  for (let turn = 0; turn < 3; turn++) {
    await t.throwsAsync(async () => pool.members()[0]?.call().add(1, 2), { code: "UNAVAILABLE" });
  }
  a.reply = () => "a";
  t.is(await call(), "a");
});

test("an idempotent call has one key in all its tries, unlike any other call; others have none", async (t) => {
  const { call, channel } = kit(["a", "b"]);
  await call();
  await call();
  channel("a").reply = () => new IrisError("LOST", "broken", { maybeExecuted: true });
  await Promise.all([call({ idempotent: true }), call({ idempotent: true })]);
  const keysAt = (id: string) => channel(id).sent.map(({ options }) => options.key);
  const ofB = keysAt("b").filter((key) => key !== undefined);
  t.deepEqual([keysAt("a")[0], keysAt("b")[0]], [undefined, undefined]);
  t.is(new Set(ofB).size, 2);
  t.true(ofB.includes(keysAt("a").at(-1) ?? "none"));
  t.true(ofB.every((key) => key.length <= 64));
});

test("a member whose hello fails at its first dial is passed over as soon as that is known", async (t) => {
  const clock = new ManualClock();
  const network = new FaultyNetwork({ clock });
  const random = new SeededRandom(1);
  const hangsUp = await network.transport("bad").listen({ port: 9000, onLink: (link) => link.close() });
  const listener = await SessionListener.listen({
    transport: network.transport("good"),
    port: 9000,
    authenticate,
    targets: targetsOf({
      "adder.add": async () => ({ codec: "VALUE", bytes: encodeValue(3) }),
    }),
    clock,
    random,
  });
  const connections = new ConnectionCache(dialWith({ transport: network.transport("client"), clock, random }));
  const ends = ["bad", "good"].map((id) => ({ ...endpoint(id), address: `ws://${id}:9000`, token: "good" }));
  const pool = new ActorPool<Adder>({ name: "adder", source: new MemberList(ends), connections, clock });
  const answers = [pool.call().add(1, 2), pool.call().add(1, 2)].map((answer) => Promise.resolve(answer));
  await settle();
  t.deepEqual(await Promise.all(answers), [3, 3]);
  t.is(clock.now(), new ManualClock().now(), "no time has passed");
  await pool.close();
  await connections[Symbol.asyncDispose]();
  await listener.stop();
  await hangsUp.close();
  t.is(clock.pending, 0);
});

test("a call that was lost and finds nobody to try it again may have run, whatever ends it", async (t) => {
  const endings: [PoolCallOptions, string, (it: ReturnType<typeof kit>, cancel: AbortController) => unknown][] = [
    [{ timeoutMs: 1_000 }, "DEADLINE_EXCEEDED", ({ clock }) => clock.advance(1_000)],
    [{}, "UNAVAILABLE", ({ clock }) => clock.advance(5_000)],
    [{}, "CANCELLED", ({ pool }) => pool.close()],
    [{}, "CANCELLED", (_it, cancel) => cancel.abort()],
  ];
  for (const [options, code, end] of endings) {
    const it = kit(["a"]);
    await it.call();
    it.channel("a").reply = undefined;
    const cancel = new AbortController();
    const lost = it.call({ ...options, idempotent: true, signal: cancel.signal });
    const failed = t.throwsAsync(lost, { code });
    it.channel("a").down();
    await settle();
    await end(it, cancel);
    const error = (await failed) as IrisError;
    t.true(error.maybeExecuted, code);
    t.is(codeOf(error.cause), "LOST");
  }
});

test("a member whose dial leads nowhere holds a call up for 250 ms, if others are up", async (t) => {
  const { call, channel, clock, channels } = kit(["a", "b"], ["a"]);
  t.is(await call(), "a");
  const waiting = call();
  let answer: unknown;
  void waiting.then((value) => {
    answer = value;
  });
  await clock.advance(249);
  t.true(channels.has("b"));
  t.is(answer, undefined);
  await clock.advance(1);
  t.is(await waiting, "a");
  t.is(clock.pending, 0);
  const next = [call(), call()];
  channel("b").up();
  t.deepEqual((await Promise.all(next)).sort(), ["a", "b"], "it takes its turn once it is up");
});
