import test, { type ExecutionContext } from "ava";
import { Connection } from "../../src/net/connection.ts";
import type { SessionLimits } from "../../src/net/limits.ts";
import { FixedResolver } from "../../src/net/resolver.ts";
import { ActorServer } from "../../src/net/server.ts";
import type { Transport } from "../../src/net/transport.ts";
import { MemoryNetwork } from "../../src/net/transport-memory.ts";
import { wsTransport } from "../../src/net/transport-ws.ts";
import { currentCall } from "../../src/runtime/context.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import type { Clock } from "../../src/runtime/ports/clock.ts";
import { systemClock } from "../../src/runtime/ports/clock.ts";
import { systemRandom } from "../../src/runtime/ports/random.ts";
import type { CallOptions, Remote } from "../../src/runtime/ref.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { TcpProxy, type WireOptions } from "../kit/tcp-proxy.ts";

/** What is called, over every way. */
class Desk {
  readonly ran: string[] = [];
  readonly aborted = Promise.withResolvers<string>();
  readonly streamLeft = Promise.withResolvers<void>();
  readonly begun = Promise.withResolvers<void>();
  readonly gate = Promise.withResolvers<void>();
  made = 0;
  hanging = 0;

  add(a: number, b: number): number {
    return a + b;
  }
  echo(value: unknown): unknown {
    return value;
  }
  fail(): never {
    throw Object.assign(new TypeError("not like that", { cause: new Error("because") }), { code: "EHOW" });
  }
  note(what: string): void {
    this.ran.push(what);
  }
  notes(): string[] {
    return this.ran;
  }
  async hang(): Promise<void> {
    const signal = currentCall()?.signal;
    this.hanging++;
    this.begun.resolve();
    await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    this.aborted.resolve("aborted");
  }
  async once(): Promise<number> {
    const turn = ++this.made;
    this.begun.resolve();
    await this.gate.promise;
    return turn;
  }
  async *count(to: number): AsyncGenerator<number> {
    try {
      for (let at = 1; at <= to; at++) {
        this.made = at;
        yield at;
      }
    } finally {
      this.streamLeft.resolve();
    }
  }
  async *breaksAfter(items: number): AsyncGenerator<number> {
    for (let at = 1; at <= items; at++) yield at;
    throw new RangeError("no more");
  }
}

interface Way {
  readonly name: string;
  readonly transport: () => { server: Transport; client: Transport };
  readonly proxy?: WireOptions;
}

const overMemory = () => {
  const network = new MemoryNetwork();
  return { server: network.transport("server"), client: network.transport("client") };
};
const overSockets = () => ({ server: wsTransport(), client: wsTransport() });

const WAYS: readonly Way[] = [
  { name: "memory", transport: overMemory },
  { name: "WebSocket", transport: overSockets },
  { name: "a proxy", transport: overSockets, proxy: {} },
  { name: "a proxy that delays", transport: overSockets, proxy: { delayMs: () => 3 } },
  { name: "a proxy that trickles", transport: overSockets, proxy: { trickles: true } },
];

interface Opened {
  readonly desk: Desk;
  readonly server: ActorServer;
  readonly resolver: FixedResolver;
  readonly proxy: TcpProxy | undefined;
  readonly address: string;
  readonly client: Transport;
  readonly call: (options?: CallOptions) => Remote<Desk>;
}

const poolOf = (resolver: FixedResolver) => resolver.lookup<Desk>("desk");

/** Serves a desk at the other end of the way, and closes all of it behind `use`. */
async function over(
  way: Way,
  use: (opened: Opened) => Promise<void>,
  options: { clock?: Clock; limits?: Partial<SessionLimits> } = {},
): Promise<void> {
  const { clock = systemClock, limits } = options;
  const transports = way.transport();
  const desk = new Desk();
  await using server = new ActorServer(
    { token: "t", limits },
    { transport: transports.server, environment: {}, clock },
  );
  await server.register("desk", desk);
  const proxy = way.proxy === undefined ? undefined : await TcpProxy.before(server.address, way.proxy);
  const address = proxy?.address(server.address) ?? server.address;
  try {
    await using resolver = new FixedResolver(
      { desk: address },
      { token: "t", transport: transports.client, clock, limits },
    );
    const pool = poolOf(resolver);
    await use({ desk, server, resolver, proxy, address, client: transports.client, call: (o) => pool.call(o) });
    desk.gate.resolve();
  } finally {
    await proxy?.[Symbol.asyncDispose]();
  }
}

type Rule = (t: ExecutionContext, opened: Opened) => Promise<void>;

const RULES: Readonly<Record<string, Rule>> = {
  async "a call is answered with what its method returns"(t, { call }) {
    t.is(await call().add(2, 3), 5);
    const value = { at: new Date(5), big: 2n ** 70n, map: new Map([["x", new Set([1])]]), none: undefined };
    t.deepEqual(await call().echo(value), value);
  },
  async "bytes of many packets arrive as they were"(t, { call }) {
    const sent = Uint8Array.from({ length: 20_000 }, (_, at) => (at * 7) % 251);
    t.deepEqual(await call().echo(sent), sent);
  },
  async "calls in flight at once each get their own answer"(t, { call }) {
    const numbers = Array.from({ length: 100 }, (_, at) => at);
    t.deepEqual(
      await Promise.all(numbers.map((at) => call().add(at, at))),
      numbers.map((at) => at + at),
    );
  },
  async "an error of the method arrives with its class, message, code and cause"(t, { call }) {
    const error = await t.throwsAsync(async () => call().fail());
    t.like(error, { name: "TypeError", message: "not like that", code: "EHOW", cause: { message: "because" } });
    t.false(IrisError.is(error));
  },
  async "what is not there is said to be not there"(t, { call, resolver }) {
    const nothing = call() as unknown as Record<string, () => Promise<unknown>>;
    await t.throwsAsync(async () => nothing["nothing"]?.(), { code: "NO_SUCH_METHOD" });
    t.throws(() => resolver.lookup("nobody"), { code: "NOT_FOUND" });
  },
  async "items of a stream arrive in order, and its error after them"(t, { call }) {
    const items: number[] = [];
    for await (const item of call().count(100)) items.push(item);
    t.deepEqual(
      items,
      Array.from({ length: 100 }, (_, at) => at + 1),
    );
    const before: number[] = [];
    await t.throwsAsync(
      async () => {
        for await (const item of call().breaksAfter(5)) before.push(item);
      },
      { name: "RangeError", message: "no more" },
    );
    t.deepEqual(before, [1, 2, 3, 4, 5]);
  },
  async "who leaves a stream ends it at the other end, which was never far ahead"(t, { call, desk }) {
    for await (const item of call().count(1_000_000)) if (item === 3) break;
    await desk.streamLeft.promise;
    t.true(desk.made < 200, `${desk.made} items were made`);
  },
  async "cancelling a call aborts the work"(t, { call, desk }) {
    const cancel = new AbortController();
    const hanging = t.throwsAsync(async () => call({ signal: cancel.signal }).hang(), { code: "CANCELLED" });
    await desk.begun.promise;
    cancel.abort();
    await hanging;
    t.is(await desk.aborted.promise, "aborted");
    t.is(await call().add(1, 1), 2);
  },
  async "a deadline ends a call at both ends"(t, { call, desk }) {
    await call().add(0, 0);
    const error = await t.throwsAsync(async () => call({ timeoutMs: 300 }).hang(), { code: "DEADLINE_EXCEEDED" });
    t.true(error instanceof IrisError);
    await call().add(0, 0);
    // On a machine that stood still meanwhile it has not begun: work past its deadline is not started.
    if (desk.hanging > 0) t.is(await desk.aborted.promise, "aborted");
  },
  async "tells arrive in order, and a watch hears the end"(t, { address, client, server, call }) {
    await using connection = new Connection({
      address,
      transport: client,
      token: "t",
      clock: systemClock,
      random: systemRandom,
    });
    await connection.ready();
    const ended = Promise.withResolvers<ExitReason>();
    connection.watch("desk", (reason) => ended.resolve(reason));
    await using teller = new FixedResolver({ desk: address }, { token: "t", transport: client });
    const pool = teller.lookup<Desk>("desk");
    await pool.call().add(0, 0);
    const member = pool.members()[0];
    for (const what of ["a", "b", "c"]) t.true(member?.tell().note(what));
    t.deepEqual(await pool.call().notes(), ["a", "b", "c"]);
    await call().add(0, 0);
    await server.unregister("desk");
    t.not((await ended.promise).kind, "lost");
  },
};

for (const way of WAYS) {
  for (const [rule, check] of Object.entries(RULES)) {
    test(`over ${way.name}: ${rule}`, async (t) => {
      await over(way, (opened) => check(t, opened));
    });
  }
}

const proxied: Way = { name: "a proxy", transport: overSockets, proxy: {} };

test("a cut wire fails a call with LOST, an idempotent one comes back and has run once", async (t) => {
  await over(proxied, async ({ call, desk, proxy }) => {
    const plain = t.throwsAsync(async () => call().hang(), { code: "LOST" });
    await desk.begun.promise;
    proxy?.cut();
    t.true(((await plain) as IrisError).maybeExecuted);
  });
  await over(proxied, async ({ call, desk, proxy }) => {
    const idempotent = Promise.resolve(call({ idempotent: true }).once());
    await desk.begun.promise;
    proxy?.cut();
    desk.gate.resolve();
    t.is(await idempotent, 1);
    t.is(desk.made, 1);
    t.is(proxy?.connections, 2);
  });
});

test("a reference stays valid over cuts", async (t) => {
  await over(proxied, async ({ call, proxy }) => {
    for (let round = 0; round < 3; round++) {
      t.is(await call({ idempotent: true }).add(round, 1), round + 1);
      proxy?.cut();
    }
  });
});

test("a wire that is cut in the middle of a message loses that session and nothing else", async (t) => {
  await over({ ...proxied, proxy: { trickles: true } }, async ({ call, proxy, server, resolver }) => {
    await call().add(0, 0);
    const big = t.throwsAsync(async () => call().echo(new Uint8Array(100_000)), { code: "LOST" });
    await settle(100);
    proxy?.cut();
    await big;
    await using direct = new FixedResolver({ desk: server.address }, { token: "t" });
    t.is(await direct.lookup<Desk>("desk").call().add(1, 2), 3);
    t.is(await poolOf(resolver).call({ idempotent: true }).add(3, 4), 7);
  });
});

test("a half-open link is found by ping within three intervals, at both ends, and a live one is not", async (t) => {
  const clock = new ManualClock();
  const limits = { keepAliveEveryMs: 100 };
  await over(
    proxied,
    async ({ address, client, desk, proxy }) => {
      const connection = new Connection({
        address,
        transport: client,
        token: "t",
        clock,
        random: systemRandom,
        limits,
      });
      const upped = Promise.withResolvers<void>();
      connection.onUp(() => upped.resolve());
      await upped.promise;
      const downs: IrisError[] = [];
      connection.onDown((error) => downs.push(error));
      const ping = () => connection.call("desk", "notes", { codec: "VALUE", bytes: Uint8Array.of(1, 0x10, 0) });
      for (let interval = 0; interval < 10; interval++) {
        await clock.advance(100);
        await ping();
      }
      t.deepEqual(downs, []);
      const running = connection.call("desk", "hang", { codec: "VALUE", bytes: Uint8Array.of(1, 0x10, 0) });
      const lost = t.throwsAsync(Promise.resolve(running), { code: "LOST" });
      await desk.begun.promise;
      proxy?.freeze();
      await clock.advance(3 * limits.keepAliveEveryMs);
      await lost;
      t.is(downs.length, 1);
      t.regex(downs[0]?.message ?? "", /no sign of life/);
      t.is(await desk.aborted.promise, "aborted", "the server has found it, too, and aborted the work");
      await connection.close();
      proxy?.thaw();
    },
    { clock, limits },
  );
});

test("connections overtake each other, and a slow one holds up no other", async (t) => {
  const way: Way = { ...proxied, proxy: { delayMs: (connection) => (connection === 0 ? 150 : 0) } };
  await over(way, async ({ call, address }) => {
    await call().add(0, 0);
    const order: string[] = [];
    const slow = Promise.resolve(call().add(1, 1)).then(() => order.push("slow"));
    await using quick = new FixedResolver({ desk: address }, { token: "t" });
    const pool = quick.lookup<Desk>("desk");
    await pool.call().add(1, 1);
    order.push("quick");
    await slow;
    t.deepEqual(order, ["quick", "slow"]);
  });
});

test("a frozen wire that thaws delivers all that it held back, in order", async (t) => {
  await over(proxied, async ({ call, proxy }) => {
    await call().add(0, 0);
    proxy?.freeze();
    const answers = Array.from({ length: 20 }, (_, at) => Promise.resolve(call().add(at, 0)));
    let settled = 0;
    for (const answer of answers) void answer.then(() => settled++);
    await settle(50);
    t.is(settled, 0);
    proxy?.thaw();
    t.deepEqual(
      await Promise.all(answers),
      Array.from({ length: 20 }, (_, at) => at),
    );
  });
});
