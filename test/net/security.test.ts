import { once } from "node:events";
import test from "ava";
import { WebSocket } from "ws";
import { Connection } from "../../src/net/connection.ts";
import { FixedResolver } from "../../src/net/resolver.ts";
import { ActorServer, type ActorServerOptions } from "../../src/net/server.ts";
import { Access } from "../../src/net/server-access.ts";
import { SessionListener } from "../../src/net/session-listener.ts";
import type { Link, Transport } from "../../src/net/transport.ts";
import { MemoryNetwork } from "../../src/net/transport-memory.ts";
import { outsideCalls } from "../../src/runtime/context.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import { systemClock } from "../../src/runtime/ports/clock.ts";
import { systemRandom } from "../../src/runtime/ports/random.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { RecordingLogger } from "../kit/recording-logger.ts";
import { SeededRandom } from "../kit/seeded-random.ts";
import { selfSigned } from "../kit/self-signed.ts";
import { authenticate } from "../kit/session-pair.ts";

class Greeter {
  readonly greeting: string;
  constructor(greeting: string) {
    this.greeting = greeting;
  }
  greet(): string {
    return this.greeting;
  }
  async *repeat(): AsyncGenerator<string> {
    yield this.greeting;
  }
  fail(): never {
    throw new IrisError("UNAVAILABLE", "my database is away");
  }
}

/** A server of `open` and `secret` in memory, and how to call it with a token. */
async function serving(options: ActorServerOptions = {}) {
  const network = new MemoryNetwork();
  const server = new ActorServer(
    { token: "owner", grants: { guest: ["open", "absent"] }, ...options },
    { transport: network.transport("server"), random: new SeededRandom(1), environment: {} },
  );
  for (const name of ["open", "secret"]) await server.register(name, new Greeter(name));
  const transport = network.transport("client");
  const opened: AsyncDisposable[] = [server];
  return {
    server,
    as(token: string) {
      const { address } = server;
      const addresses = { open: address, secret: address, absent: address, other: address };
      const resolver = new FixedResolver(addresses, { token, transport });
      opened.unshift(resolver);
      return (name: keyof typeof addresses) => resolver.lookup<Greeter>(name).call();
    },
    connect(token: string) {
      const ports = { clock: systemClock, random: systemRandom };
      const connection = new Connection({ address: server.address, transport, token, ...ports });
      opened.unshift(connection);
      return connection;
    },
    async [Symbol.asyncDispose]() {
      for (const it of opened) await it[Symbol.asyncDispose]();
    },
  };
}

const codeOf = async (outcome: PromiseLike<unknown>): Promise<string> => {
  try {
    await outcome;
    return "none";
  } catch (error) {
    return (error as IrisError).code;
  }
};

test("a granted token calls the names that it is granted and no others, whether they are there or not", async (t) => {
  await using s = await serving();
  const guest = s.as("guest");
  t.is(await guest("open").greet(), "open");
  t.is(await codeOf(guest("secret").greet()), "PERMISSION_DENIED");
  t.is(await codeOf(guest("other").greet()), "PERMISSION_DENIED");
  t.is(await codeOf(guest("absent").greet()), "NO_SUCH_ACTOR");
  const owner = s.as("owner");
  t.is(await owner("secret").greet(), "secret");
  t.is(await codeOf(owner("other").greet()), "NO_SUCH_ACTOR");
  t.is(await codeOf(s.as("stranger")("open").greet()), "UNAUTHENTICATED");
  t.is(await codeOf(s.as("")("open").greet()), "UNAUTHENTICATED");
});

test("streams, tells and watches of what is not granted come to nothing", async (t) => {
  await using s = await serving();
  await t.throwsAsync(
    async () => {
      for await (const _ of s.as("guest")("secret").repeat()) t.fail();
    },
    { code: "PERMISSION_DENIED" },
  );
  const connection = s.connect("guest");
  await connection.ready();
  const ended = Promise.withResolvers<ExitReason>();
  connection.watch("secret", (reason) => ended.resolve(reason));
  const reason = await ended.promise;
  t.is(reason.kind, "crashed");
  t.regex(reason.kind === "crashed" ? reason.error.message : "", /does not grant "secret"/);
  const open = Promise.withResolvers<ExitReason>();
  connection.watch("open", (why) => open.resolve(why));
  await settle();
  await s.server.unregister("open");
  t.not((await open.promise).kind, "crashed");
});

test("grants that cannot be meant are refused, and no message shows a token", (t) => {
  const bad: [accepted: string[] | undefined, grants: Record<string, unknown>][] = [
    [undefined, { s3cret: ["a"] }],
    [["s3cret"], { s3cret: ["a"] }],
    [["owner"], { "": ["a"] }],
    [["owner"], { s3cret: "a" }],
    [["owner"], { s3cret: [""] }],
  ];
  for (const [accepted, grants] of bad) {
    const error = t.throws(() => new Access(accepted, grants as never), { code: "INVALID_ARGUMENT" });
    t.notRegex(error?.message ?? "", /s3cret/);
  }
  t.throws(() => new ActorServer({ token: null, grants: { a: ["b"] } }), { code: "INVALID_ARGUMENT" });
});

test("stacks of errors cross only if the server allows it, and are those of the code that threw", async (t) => {
  for (const stacks of [false, true]) {
    await using s = await serving({ stacks });
    const error = await t.throwsAsync(async () => s.as("owner")("open").fail());
    t.is("remoteStack" in (error as object), stacks);
    if (stacks) t.regex((error as { remoteStack?: string }).remoteStack ?? "", /Greeter\.fail/);
  }
});

test("an IrisError that the user's code throws is its answer: no pool tries it elsewhere, idempotent or not", async (t) => {
  let ran = 0;
  class Failing {
    unavailable(): never {
      ran++;
      throw new IrisError("UNAVAILABLE", "my database is away");
    }
    lost(): never {
      ran++;
      throw new IrisError("LOST", "my connection broke", { maybeExecuted: false, retryable: true });
    }
    async *stream(): AsyncGenerator<number> {
      ran++;
      yield await Promise.reject(new IrisError("MAILBOX_FULL", "my own mailbox"));
    }
  }
  const network = new MemoryNetwork();
  const servers = await Promise.all(
    ["one", "two"].map(async (name) => {
      const ports = { transport: network.transport(name), random: new SeededRandom(1), environment: {} };
      const server = new ActorServer({ token: "t", host: name }, ports);
      await server.register("failing", new Failing());
      return server;
    }),
  );
  const addresses = { failing: servers.map((server) => server.address) };
  await using resolver = new FixedResolver(addresses, { token: "t", transport: network.transport("client") });
  const pool = resolver.lookup<Failing>("failing");
  for (const idempotent of [false, true]) {
    const before = ran;
    const call = pool.call({ idempotent });
    for (const [method, code] of [
      ["unavailable", "UNAVAILABLE"],
      ["lost", "LOST"],
    ] as const) {
      const error = (await t.throwsAsync(async () => call[method](), { code })) as IrisError;
      t.true(error.maybeExecuted, method);
      t.false(error.retryable, method);
    }
    await t.throwsAsync(
      async () => {
        for await (const _ of call.stream()) t.fail();
      },
      { code: "MAILBOX_FULL" },
    );
    t.is(ran - before, 3, `idempotent: ${idempotent}`);
  }
  for (const server of servers) await server.stop({ graceMs: 0 });
});

test("a method that throws on what its own actor refused has run all the same", async (t) => {
  const network = new MemoryNetwork();
  const system = new ActorSystem({ name: "s" });
  class Busy {
    ran = 0;
    async work(): Promise<void> {
      this.ran++;
      // To itself by way of its mailbox, outside any call: there is no room.
      await outsideCalls(() => Promise.all([self.call().rest(), self.call().rest()]));
    }
    rest(): void {}
    async *items(): AsyncGenerator<number> {
      this.ran++;
      await outsideCalls(() => Promise.all([self.call().rest(), self.call().rest()]));
      yield 1;
    }
  }
  const busy = new Busy();
  const self = system.host(busy, { name: "busy", mailbox: { capacity: 1 } });
  await using server = new ActorServer({ token: "t" }, { transport: network.transport("server"), environment: {} });
  await server.register("busy", self);
  const transport = network.transport("client");
  await using resolver = new FixedResolver({ busy: server.address }, { token: "t", transport });
  const call = resolver.lookup<Busy>("busy").call();
  const error = (await t.throwsAsync(async () => call.work(), { code: "MAILBOX_FULL" })) as IrisError;
  t.true(error.maybeExecuted);
  t.false(error.retryable);
  await t.throwsAsync(
    async () => {
      for await (const _ of call.items()) t.fail();
    },
    { code: "MAILBOX_FULL" },
  );
  t.is(busy.ran, 2);
  await system.stop();
});

/** Links that come from wherever the test says. */
class Doorstep implements Transport {
  #onLink: ((link: Link) => void) | undefined;
  readonly closed: string[] = [];
  dial(): Promise<Link> {
    return Promise.reject(new IrisError("UNAVAILABLE", "nobody is dialled here"));
  }
  async listen(options: { onLink(link: Link): void }) {
    this.#onLink = (link) => options.onLink(link);
    return { host: "h", port: 1, address: "ws://h:1", close: async () => {} };
  }
  /** Whether it was let in; and how to hang up. */
  come(remoteAddress: string): { isIn: boolean; leave(): void } {
    let isIn = true;
    let handler: Parameters<Link["attach"]>[0] | undefined;
    this.#onLink?.({
      remoteAddress,
      attach: (given) => {
        handler = given;
      },
      send: () => true,
      close() {},
      destroy: () => {
        isIn = false;
      },
    });
    return { isIn, leave: () => handler?.onClose() };
  }
}

test("one address gets no more sessions than its share, and others still get theirs", async (t) => {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const transport = new Doorstep();
  await using listener = await SessionListener.listen({
    transport,
    authenticate,
    targets: () => undefined,
    clock,
    random: new SeededRandom(1),
    logger,
    limits: { sessionsPerAddress: 2, sessions: 4 },
  });
  const [first] = [transport.come("10.0.0.1:1"), transport.come("10.0.0.1:2")];
  t.false(transport.come("10.0.0.1:3").isIn);
  t.true(transport.come("[fe80::1]:9").isIn);
  t.true(transport.come("[fe80::1]:8").isIn);
  t.false(transport.come("[fe80::1]:7").isIn);
  t.false(transport.come("10.0.0.2:1").isIn, "the listener is full");
  first?.leave();
  t.true(transport.come("10.0.0.1:4").isIn);
  t.is(listener.sessions, 4);
  await clock.advance(5_000);
  t.is(listener.sessions, 0, "nobody said hello in time");
  t.true(transport.come("10.0.0.1:5").isIn);
  t.true(transport.come("10.0.0.1:6").isIn);
  await settle();
});

/** What becomes of a WebSocket that a page of `origin` opens. */
async function openFrom(address: string, origin: string | undefined): Promise<number> {
  const socket = new WebSocket(address, origin === undefined ? {} : { origin });
  const opened = once(socket, "open").then(() => 101);
  const refused = once(socket, "unexpected-response").then(([, response]) => response.statusCode as number);
  opened.catch(() => {});
  refused.catch(() => {});
  socket.on("error", () => {});
  const status = await Promise.race([opened, refused]);
  socket.terminate();
  return status;
}

test("pages of other origins get no socket, programs and pages that the owner names do", async (t) => {
  await using server = new ActorServer({ token: "t", origins: ["https://app.example"] }, { environment: {} });
  await server.listen();
  const { address } = server;
  t.is(await openFrom(address, undefined), 101);
  t.is(await openFrom(address, "https://app.example"), 101);
  t.is(await openFrom(address, address.replace("ws:", "http:")), 101);
  t.is(await openFrom(address, "https://evil.example"), 403);
  t.is(await openFrom(address, "null"), 403);
});

test("over TLS a server is called by those who trust its certificate, and by nobody else", async (t) => {
  const { key, cert } = selfSigned();
  await using server = new ActorServer({ token: "t", tls: { key, cert } }, { environment: {} });
  await server.register("greeter", new Greeter("hello"));
  t.regex(server.address, /^wss:\/\/127\.0\.0\.1:\d+$/);
  await using trusting = new FixedResolver({ greeter: server.address }, { token: "t", tls: { ca: cert } });
  const greeter = trusting.lookup<Greeter>("greeter").call({ timeoutMs: 10_000 });
  t.is(await greeter.greet(), "hello");
  const items: string[] = [];
  for await (const item of greeter.repeat()) items.push(item);
  t.deepEqual(items, ["hello"]);
  await using wary = new FixedResolver({ greeter: server.address }, { token: "t" });
  const refused = wary.lookup<Greeter>("greeter").members()[0]?.call({ timeoutMs: 10_000 }).greet();
  const error = await t.throwsAsync(Promise.resolve(refused), { code: "UNAVAILABLE" });
  t.regex(error?.message ?? "", /self-signed certificate/);
  const plain = { greeter: server.address.replace("wss:", "ws:") };
  await using unencrypted = new FixedResolver(plain, { token: "t" });
  const unread = unencrypted.lookup<Greeter>("greeter").members()[0]?.call({ timeoutMs: 10_000 }).greet();
  await t.throwsAsync(Promise.resolve(unread), { code: "UNAVAILABLE" });
});
