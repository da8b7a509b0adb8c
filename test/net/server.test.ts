import test from "ava";
import type { ActorPool } from "../../src/net/actor-pool.ts";
import { Connection } from "../../src/net/connection.ts";
import { remoteRef } from "../../src/net/remote-ref.ts";
import { FixedResolver } from "../../src/net/resolver.ts";
import { ActorServer, type ActorServerOptions } from "../../src/net/server.ts";
import { planServer } from "../../src/net/server-plan.ts";
import { type ServiceHandlers, serviceTarget } from "../../src/net/service.ts";
import { SessionListener } from "../../src/net/session-listener.ts";
import type { Transport } from "../../src/net/transport.ts";
import { MemoryNetwork } from "../../src/net/transport-memory.ts";
import { Control, type ControlMethods, type Endpoint } from "../../src/net/wire/iris.ts";
import { Actor } from "../../src/runtime/actor.ts";
import { currentCall } from "../../src/runtime/context.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { systemClock } from "../../src/runtime/ports/clock.ts";
import { systemRandom } from "../../src/runtime/ports/random.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

const TOKEN = "let-me-in";
const codeOf = (error: unknown) => (error as IrisError).code;

class Calculator {
  readonly who: string;
  left = 0;
  signalSeen: AbortSignal | undefined;
  readonly gate = Promise.withResolvers<void>();

  constructor(who = "calc") {
    this.who = who;
  }
  name(): string {
    return this.who;
  }
  add(a: number, b: number): number {
    return a + b;
  }
  async divide(a: number, b: number): Promise<number> {
    if (b === 0) throw new RangeError("division by zero");
    return a / b;
  }
  unavailable(): never {
    throw new IrisError("UNAVAILABLE", "the database is away");
  }
  async *count(to: number): AsyncGenerator<number> {
    try {
      for (let at = 1; at <= to; at++) yield at;
    } finally {
      this.left++;
    }
  }
  async wait(): Promise<string> {
    await this.gate.promise;
    return "done";
  }
  odd(): unknown {
    return { deep: [new WeakMap()] };
  }
  big(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }
  echo(value: unknown): unknown {
    return value;
  }
  get size(): number {
    return 1;
  }
  onStart(): void {}
  _private(): string {
    return "secret";
  }
}

/** A server on a network in memory, and a resolver that knows it; both are gone when the test is over. */
async function serving(instance: object = new Calculator(), options: ActorServerOptions = {}) {
  const network = new MemoryNetwork();
  const server = new ActorServer(
    { token: TOKEN, ...options },
    { transport: network.transport("server"), random: new SeededRandom(1), environment: {} },
  );
  const endpoint = await server.register("calc", instance);
  const transport = network.transport("client");
  const resolver = new FixedResolver({ calc: server.address, nobody: server.address }, { token: TOKEN, transport });
  const pool = resolver.lookup<Calculator>("calc");
  return {
    network,
    server,
    endpoint,
    resolver,
    pool,
    [Symbol.asyncDispose]: async () => {
      await resolver[Symbol.asyncDispose]();
      await server.stop({ graceMs: 0 });
    },
  };
}

test("an object's methods are called from elsewhere, with values for arguments and results", async (t) => {
  await using s = await serving();
  t.is(await s.pool.call().add(2, 3), 5);
  const value = { at: new Date(5), big: 2n ** 70n, map: new Map([["x", new Set([1])]]), none: undefined };
  t.deepEqual(await s.pool.call().echo(value), value);
  t.like(s.endpoint, { name: "calc", address: s.server.address, token: TOKEN, metadata: {} });
});

test("the user's errors arrive as they were thrown, and are no failures of the transport", async (t) => {
  await using s = await serving();
  const error = (await t.throwsAsync(async () => s.pool.call().divide(1, 0))) as Error;
  t.is(error.name, "RangeError");
  t.is(error.message, "division by zero");
  t.false(IrisError.is(error));
  const thrown = (await t.throwsAsync(async () => s.pool.call().unavailable())) as IrisError;
  t.is(thrown.code, "UNAVAILABLE");
  t.false(thrown.retryable);
  t.true(thrown.maybeExecuted);
});

test("only public methods of the class can be called", async (t) => {
  await using s = await serving();
  const call = s.pool.call() as unknown as Record<string, () => Promise<unknown>>;
  const names = [
    "constructor",
    "onStart",
    "onStop",
    "toString",
    "hasOwnProperty",
    "__proto__",
    "_private",
    "size",
    "who",
    "nothing",
    "valueOf",
  ];
  for (const name of names) {
    t.is(codeOf(await t.throwsAsync(async () => call[name]?.())), "NO_SUCH_METHOD", name);
  }
});

test("a name that nobody registered is NO_SUCH_ACTOR", async (t) => {
  await using s = await serving();
  const nobody = s.resolver.lookup<Calculator>("nobody");
  t.is(codeOf(await t.throwsAsync(async () => nobody.call().add(1, 2))), "NO_SUCH_ACTOR");
});

test("an async generator streams; leaving the loop ends it at the server", async (t) => {
  const calculator = new Calculator();
  await using s = await serving(calculator);
  const all: number[] = [];
  for await (const item of s.pool.call().count(100)) all.push(item);
  t.is(all.length, 100);
  t.is(calculator.left, 1);
  for await (const item of s.pool.call().count(1_000_000)) if (item === 3) break;
  await settle();
  t.is(calculator.left, 2);
  t.is(await s.pool.call().add(1, 1), 2);
});

test("awaiting a stream and iterating over a single answer are told as what they are", async (t) => {
  await using s = await serving();
  const loose = s.pool.call() as unknown as Record<string, (...args: unknown[]) => unknown>;
  t.is(codeOf(await t.throwsAsync(async () => loose["count"]?.(3))), "FAILED_PRECONDITION");
  const iterate = async () => {
    const outcome = loose["add"]?.(1, 2) as AsyncIterable<unknown>;
    for await (const _ of outcome) t.fail("nothing comes");
  };
  t.is(codeOf(await t.throwsAsync(iterate)), "FAILED_PRECONDITION");
});

test("a result that cannot travel fails the call and names the place", async (t) => {
  await using s = await serving();
  const error = (await t.throwsAsync(async () => s.pool.call().odd())) as IrisError;
  t.is(error.code, "NOT_SHIPPABLE");
  t.regex(error.message, /calc\.odd\(\)/);
  t.regex(error.message, /deep\[0\]/);
  t.true(error.maybeExecuted);
});

test("arguments and results too large for a message are refused, and the session lives on", async (t) => {
  const limits = { messageBytes: 100_000, helloBytes: 1_000, batchBytes: 10_000 };
  await using s = await serving(new Calculator(), { limits });
  const result = (await t.throwsAsync(async () => s.pool.call().big(200_000))) as IrisError;
  t.is(result.code, "PAYLOAD_TOO_LARGE");
  t.true(result.maybeExecuted);
  const args = (await t.throwsAsync(async () => s.pool.call().echo(new Uint8Array(17 * 1024 * 1024)))) as IrisError;
  t.is(args.code, "PAYLOAD_TOO_LARGE");
  t.not(args.maybeExecuted, true);
  t.is(await s.pool.call().add(1, 2), 3);
});

test("a thousand calls at once are all answered", async (t) => {
  await using s = await serving();
  const sums = await Promise.all(Array.from({ length: 1_000 }, (_, at) => s.pool.call().add(at, 1)));
  t.deepEqual(
    sums,
    Array.from({ length: 1_000 }, (_, at) => at + 1),
  );
});

test("a wrong token, or none, is UNAUTHENTICATED; null lets everybody in", async (t) => {
  await using s = await serving();
  const transport = s.network.transport("stranger");
  for (const token of ["wrong", null]) {
    await using resolver = new FixedResolver({ calc: s.server.address }, { token, transport });
    const error = await t.throwsAsync(async () => resolver.lookup<Calculator>("calc").call().add(1, 2));
    t.is(codeOf(error), "UNAUTHENTICATED");
  }
  await using open = await serving(new Calculator(), { token: null });
  t.is(await open.pool.call().add(1, 2), 3);
});

test("a reference can be registered too, and outlives the server", async (t) => {
  await using system = new ActorSystem();
  const ref = system.spawn(Calculator, { args: ["spawned"] });
  {
    await using s = await serving(ref);
    t.is(await s.pool.call().name(), "spawned");
  }
  t.is(await ref.call().name(), "spawned");
});

test("an actor that ends takes its name with it", async (t) => {
  await using system = new ActorSystem();
  const ref = system.spawn(Calculator);
  await using s = await serving(ref);
  await s.pool.call().name();
  await ref.stop();
  await settle();
  t.is(codeOf(await t.throwsAsync(async () => s.pool.call().name())), "NO_SUCH_ACTOR");
  await s.server.register("calc", new Calculator("next"));
  t.is(await s.pool.call().name(), "next");
});

test("unregistering stops the actor that was made for it, after its calls; twice is fine", async (t) => {
  class Stopping extends Calculator {
    stopped = 0;
    onStop(): void {
      this.stopped++;
    }
  }
  const instance = new Stopping();
  await using s = await serving(instance);
  const running = s.pool.call().wait();
  await settle();
  const unregistered = s.server.unregister("calc");
  t.is(codeOf(await t.throwsAsync(async () => s.pool.call().name())), "NO_SUCH_ACTOR");
  instance.gate.resolve();
  t.is(await running, "done");
  await unregistered;
  await s.server.unregister("calc");
  t.is(instance.stopped, 1);
});

test("what cannot be registered is refused with the reason", async (t) => {
  await using s = await serving();
  const register = (name: unknown, actor: unknown, metadata?: unknown) =>
    t.throwsAsync(s.server.register(name as string, actor as object, metadata as Record<string, string>));
  t.is(codeOf(await register("calc", new Calculator())), "ALREADY_EXISTS");
  const twin = new Calculator();
  await s.server.register("twin", twin);
  t.is(codeOf(await register("alias", twin)), "ALREADY_EXISTS");
  t.is(codeOf(await register("", {})), "INVALID_ARGUMENT");
  t.is(codeOf(await register("a b", {})), "INVALID_ARGUMENT");
  t.is(codeOf(await register("x".repeat(256), {})), "INVALID_ARGUMENT");
  t.is(codeOf(await register("cls", Calculator)), "INVALID_ARGUMENT");
  t.is(codeOf(await register("none", null)), "INVALID_ARGUMENT");
  t.is(codeOf(await register("meta", {}, { n: 1 })), "INVALID_ARGUMENT");
  await s.server.stop();
  t.is(codeOf(await register("late", {})), "FAILED_PRECONDITION");
  t.is(codeOf(await t.throwsAsync(s.server.listen())), "FAILED_PRECONDITION");
});

test("stopping takes no new calls, lets running ones finish, and is safe to repeat", async (t) => {
  const calculator = new Calculator();
  await using s = await serving(calculator);
  const running = s.pool.call().wait();
  await settle();
  const served = s.server.serve();
  const stopping = s.server.stop({ graceMs: 60_000 });
  await settle();
  const [member] = s.pool.members();
  await t.throwsAsync(async () => member?.call().name(), { code: "UNAVAILABLE" });
  calculator.gate.resolve();
  t.is(await running, "done");
  await stopping;
  await served;
  await s.server.stop();
  t.is(s.network.listeners, 0);
  t.throws(() => s.server.address, { code: "FAILED_PRECONDITION" });
});

test("stopping aborts what is still running when the grace is over", async (t) => {
  await using s = await serving(new Calculator());
  const running = t.throwsAsync(async () => s.pool.call().wait());
  await settle();
  await s.server.stop({ graceMs: 0 });
  const error = (await running) as IrisError;
  t.is(error.code, "LOST");
  t.true(error.maybeExecuted);
});

test("a server that never listened stops at once; options that make no sense are refused", async (t) => {
  const idle = new ActorServer({ token: null });
  await idle.stop();
  await idle[Symbol.asyncDispose]();
  t.is(codeOf(t.throws(() => new ActorServer({ token: null, port: 70_000 }))), "INVALID_ARGUMENT");
  t.is(codeOf(t.throws(() => new ActorServer({ token: "" }))), "INVALID_ARGUMENT");
  t.throws(() => new ActorServer({ token: null, limits: { messageBytes: 0 } }), { instanceOf: RangeError });
});

test("a port in use is told as such, and another try may follow", async (t) => {
  await using first = await serving();
  const port = Number(new URL(first.server.address).port);
  const transport = first.network.transport("server");
  const second = new ActorServer({ token: TOKEN, port }, { transport, environment: {} });
  const error = (await t.throwsAsync(second.listen())) as IrisError;
  t.is(error.code, "ALREADY_EXISTS");
  t.true(error.message.includes(String(port)));
  t.is(codeOf(await t.throwsAsync(second.register("calc", new Calculator()))), "ALREADY_EXISTS");
  await first.server.stop();
  await second.register("calc", new Calculator());
  await second.stop();
});

test("a call's deadline travels into the calls made while it is handled", async (t) => {
  const network = new MemoryNetwork();
  const clock = new ManualClock();
  const ports = (name: string) => ({ transport: network.transport(name), clock, environment: {} });
  class Last extends Actor {
    deadlineAt: number | undefined;
    signal: AbortSignal | undefined;
    async ask(): Promise<void> {
      this.deadlineAt = this.context.deadlineAt;
      this.signal = this.context.signal;
      await new Promise((_, reject) => this.context.signal.addEventListener("abort", reject, { once: true }));
    }
  }
  class First {
    readonly next: ActorPool<Last>;
    readonly codes: string[] = [];
    constructor(next: ActorPool<Last>) {
      this.next = next;
    }
    async relay(): Promise<void> {
      await this.next
        .call({ timeoutMs: 60_000 })
        .ask()
        .catch((error: unknown) => this.codes.push(codeOf(error)));
    }
  }
  const last = new Last();
  await using b = new ActorServer({ token: null }, ports("b"));
  await b.register("last", last);
  await using middle = new FixedResolver({ last: b.address }, { token: null, ...ports("a") });
  const first = new First(middle.lookup<Last>("last"));
  await using a = new ActorServer({ token: null }, ports("a"));
  await a.register("first", first);
  await using client = new FixedResolver({ first: a.address }, { token: null, ...ports("client") });

  const startedAt = clock.now();
  const failed = t.throwsAsync(async () => client.lookup<First>("first").call({ timeoutMs: 1_000 }).relay());
  await settle();
  t.is(last.deadlineAt, startedAt + 1_000);
  await clock.advance(1_000);
  t.is(codeOf(await failed), "DEADLINE_EXCEEDED");
  t.true(last.signal?.aborted);
  await settle();
  t.is(first.codes.length, 1);
});

test("sockets that are opened while a call is handled do not keep that call", async (t) => {
  const network = new MemoryNetwork();
  const inner = network.transport("inner");
  const found: unknown[] = [];
  const transport: Transport = {
    dial: (address, options) => {
      found.push(["dial", currentCall()]);
      return inner.dial(address, options);
    },
    listen: (options) => {
      found.push(["listen", currentCall()]);
      return inner.listen(options);
    },
  };
  class Opener {
    async open(): Promise<number> {
      found.push(["handling", currentCall() === undefined]);
      await using server = new ActorServer({ token: null }, { transport, environment: {} });
      await server.register("calc", new Calculator());
      await using resolver = new FixedResolver({ calc: server.address }, { token: null, transport });
      return await resolver.lookup<Calculator>("calc").call().add(1, 2);
    }
  }
  await using system = new ActorSystem();
  t.is(await system.spawn(Opener).call().open(), 3);
  t.deepEqual(found, [
    ["handling", false],
    ["listen", undefined],
    ["dial", undefined],
  ]);
});

test("cancelling at the caller aborts the method at the server", async (t) => {
  class Waiter extends Actor {
    signal: AbortSignal | undefined;
    async wait(): Promise<void> {
      this.signal = this.context.signal;
      await new Promise((_, reject) => this.context.signal.addEventListener("abort", reject, { once: true }));
    }
  }
  const waiter = new Waiter();
  await using s = await serving(waiter);
  const controller = new AbortController();
  const pool = s.pool as unknown as ActorPool<Waiter>;
  const failed = t.throwsAsync(async () => pool.call({ signal: controller.signal }).wait());
  await settle();
  t.false(waiter.signal?.aborted);
  controller.abort(new Error("changed my mind"));
  t.is(codeOf(await failed), "CANCELLED");
  await settle();
  t.true(waiter.signal?.aborted);
});

test("a full mailbox refuses, and says that the call did not run", async (t) => {
  await using system = new ActorSystem();
  const ref = system.spawn(Calculator, { mailbox: { capacity: 2 } });
  await using s = await serving(ref);
  await s.pool.call().name();
  // They come in one message, so none is in hand yet when the third finds the mailbox full.
  const outcomes = Promise.allSettled([1, 2, 3, 4].map(() => s.pool.call().wait()));
  await settle();
  await ref.stop({ graceMs: 0 });
  const errors = (await outcomes).map((outcome) => (outcome.status === "rejected" ? outcome.reason : undefined));
  const full = errors.filter((error) => codeOf(error) === "MAILBOX_FULL") as IrisError[];
  t.is(full.length, 2);
  t.true(full.every((error) => error.retryable && error.maybeExecuted !== true));
});

test("tells arrive, and what is thrown then hurts nobody", async (t) => {
  const said: string[] = [];
  class Ear {
    hear(what: string): void {
      if (what === "boom") throw new Error("boom");
      said.push(what);
    }
  }
  await using s = await serving(new Ear());
  await using connection = new Connection({
    address: s.server.address,
    transport: s.network.transport("teller"),
    token: TOKEN,
    clock: systemClock,
    random: systemRandom,
  });
  await connection.ready();
  const ref = remoteRef<Ear>(connection, "calc");
  t.true(ref.tell().hear("boom"));
  t.true(ref.tell().hear("hello"));
  await ref.call().hear("sync");
  t.deepEqual(said, ["hello", "sync"]);
});

test("arguments that are no array, or no values, concern their call alone", async (t) => {
  await using s = await serving();
  await using connection = new Connection({
    address: s.server.address,
    transport: s.network.transport("odd"),
    token: TOKEN,
    clock: systemClock,
    random: systemRandom,
  });
  await connection.ready();
  const { encodeValue } = await import("../../src/net/value/index.ts");
  const call = (codec: "VALUE" | "PROTOBUF", bytes: Uint8Array) =>
    t.throwsAsync(async () => connection.call("calc", "add", { codec, bytes }));
  t.is(codeOf(await call("VALUE", encodeValue(7))), "PROTOCOL_ERROR");
  t.is(codeOf(await call("VALUE", new Uint8Array([255, 254, 253]))), "PROTOCOL_ERROR");
  t.is(codeOf(await call("PROTOBUF", new Uint8Array())), "PROTOCOL_ERROR");
  t.is(await remoteRef<Calculator>(connection, "calc").call().add(1, 2), 3);
});

test("over real sockets: a pool of two goes on when one is killed, and a broadcast tells of the dead", async (t) => {
  const start = async (who: string) => {
    const server = new ActorServer({ token: TOKEN });
    await server.register("calc", new Calculator(who));
    return server;
  };
  const [one, two] = await Promise.all([start("one"), start("two")]);
  await using resolver = new FixedResolver({ calc: [one.address, two.address] }, { token: TOKEN });
  t.regex(one.address, /^ws:\/\/127\.0\.0\.1:\d+$/);
  const pool = resolver.lookup<Calculator>("calc");
  t.is(pool.size, 2);
  t.deepEqual([await pool.call().name(), await pool.call().name()].sort(), ["one", "two"]);
  await two.stop({ graceMs: 0 });
  for (let turn = 0; turn < 6; turn++) t.is(await pool.call({ idempotent: true }).name(), "one");
  const results = await pool.broadcast({ timeoutMs: 5_000 }).name();
  t.deepEqual(
    results.map((result) => (result.ok ? result.value : codeOf(result.error))),
    ["one", "UNAVAILABLE"],
  );
  const port = Number(new URL(one.address).port);
  const third = new ActorServer({ token: TOKEN, port });
  const error = (await t.throwsAsync(third.listen())) as IrisError;
  t.is(error.code, "ALREADY_EXISTS");
  t.true(error.message.includes(String(port)));
  await one.stop();
});

test("inside a job a server registers by itself, with a token of its own, and takes it back when it stops", async (t) => {
  const network = new MemoryNetwork();
  const endpoints = new Map<string, Endpoint>();
  const handlers = {
    registerEndpoint: async ({ endpoint }: { endpoint?: Endpoint | undefined }) => {
      if (endpoint === undefined) throw new IrisError("INVALID_ARGUMENT", "no endpoint");
      const stored = { ...endpoint, namespace: "root", taskId: "root/0" };
      endpoints.set(endpoint.endpointId, stored);
      return { endpoint: stored, leaseMs: 30_000 };
    },
    unregisterEndpoint: async ({ endpointId }: { endpointId: string }) => ({ existed: endpoints.delete(endpointId) }),
    renewEndpoints: async () => ({ unknown: [] }),
  } as Partial<ServiceHandlers<ControlMethods>> as ServiceHandlers<ControlMethods>;
  const control = serviceTarget<ControlMethods>(Control, handlers);
  const tokens: string[] = [];
  await using controller = await SessionListener.listen({
    transport: network.transport("controller"),
    port: 8080,
    path: "/rpc",
    authenticate: (token) => {
      tokens.push(token);
      return { kind: "task", namespace: "root" };
    },
    targets: (name) => (name === Control.name ? control : undefined),
    clock: systemClock,
    random: systemRandom,
  });
  t.is(controller.address, "ws://controller:8080/rpc");
  const environment = {
    IRIS_JOB_ID: "root",
    IRIS_CONTROLLER_ADDRESS: "http://controller:8080",
    IRIS_TOKEN: "task-token",
    IRIS_BIND_HOST: "127.0.0.1",
    IRIS_ADVERTISE_HOST: "task-host",
  };
  const server = new ActorServer({}, { transport: network.transport("task-host"), environment });
  const endpoint = await server.register("calc", new Calculator(), { zone: "a" });
  t.deepEqual([...endpoints.values()], [endpoint]);
  t.like(endpoint, {
    name: "calc",
    namespace: "root",
    taskId: "root/0",
    address: server.address,
    metadata: { zone: "a" },
  });
  t.regex(server.address, /^ws:\/\/task-host:\d+$/);
  t.deepEqual(tokens, ["task-token"]);
  t.is(endpoint.token.length, 32);
  for (const [token, code] of [
    ["task-token", "UNAUTHENTICATED"],
    [endpoint.token, undefined],
  ] as const) {
    await using resolver = new FixedResolver(
      { calc: endpoint.address },
      { token, transport: network.transport("peer") },
    );
    const call = resolver.lookup<Calculator>("calc").call().add(1, 2);
    if (code === undefined) t.is(await call, 3);
    else t.is(codeOf(await t.throwsAsync(async () => call)), code);
  }
  await server.stop();
  t.is(endpoints.size, 0);
});

test("where a server listens and whom it lets in follows from its options and the task's environment", (t) => {
  const inJob = {
    IRIS_JOB_ID: "root",
    IRIS_CONTROLLER_ADDRESS: "http://c:8080",
    IRIS_TOKEN: "task",
    IRIS_BIND_HOST: "0.0.0.0",
    IRIS_ADVERTISE_HOST: "10.0.0.7",
  };
  const plan = (options: Parameters<typeof planServer>[0], environment = {}) =>
    planServer(
      options,
      environment,
      () => "minted",
      () => "cookie",
    );
  const toController = { address: "ws://c:8080/rpc", namespace: undefined };
  const here = { host: "127.0.0.1", port: 0, advertiseHost: undefined };
  t.deepEqual(plan({}), { ...here, controller: undefined, accepted: ["cookie"], registeredToken: "" });
  t.deepEqual(plan({}, inJob), {
    host: "0.0.0.0",
    port: 0,
    advertiseHost: "10.0.0.7",
    controller: { ...toController, token: "task" },
    accepted: ["minted"],
    registeredToken: "minted",
  });
  t.deepEqual(plan({ controller: "http://c:8080" }), {
    ...here,
    controller: { ...toController, token: "cookie" },
    accepted: ["minted", "cookie"],
    registeredToken: "minted",
  });
  t.like(plan({ controller: null }, inJob), { controller: undefined, accepted: ["minted"] });
  t.like(plan({ token: null }, inJob), { accepted: undefined, registeredToken: "" });
  t.like(plan({ token: "mine", controller: "http://c:1" }), { accepted: ["mine"], registeredToken: "mine" });
  t.like(plan({ host: "::1", port: 9 }, inJob), { host: "::1", port: 9, advertiseHost: "10.0.0.7" });
  t.throws(() => plan({ controller: "c:8080:" }), { code: "INVALID_ARGUMENT" });
});
