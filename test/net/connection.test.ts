import test from "ava";
import { Connection, type ConnectionOptions, RECONNECT, reconnectPauseMs } from "../../src/net/connection.ts";
import { SessionListener, type SessionListenerOptions } from "../../src/net/session-listener.ts";
import { FaultyNetwork } from "../kit/faulty-network.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { RecordingLogger } from "../kit/recording-logger.ts";
import { SeededRandom } from "../kit/seeded-random.ts";
import { authenticate, bytes, targetsOf, text } from "../kit/session-pair.ts";

const ADDRESS = "ws://server:8080/rpc";
const echo = targetsOf({ "echo.say": (call) => Promise.resolve(call.payload) });

function world() {
  const clock = new ManualClock();
  const network = new FaultyNetwork({ clock });
  const random = new SeededRandom(1);
  return {
    clock,
    network,
    listen: (options: Partial<SessionListenerOptions> = {}) =>
      SessionListener.listen({
        transport: network.transport("server"),
        port: 8080,
        path: "/rpc",
        authenticate,
        targets: echo,
        clock,
        random,
        ...options,
      }),
    connect: (options: Partial<ConnectionOptions> = {}) =>
      new Connection({
        address: ADDRESS,
        transport: network.transport("client"),
        token: "good",
        clock,
        random,
        ...options,
      }),
  };
}

test("a connection dials at once, and is ready when the hello is done", async (t) => {
  const { listen, connect, clock } = world();
  await using listener = await listen();
  await using connection = connect();
  t.false(connection.isUp);
  await connection.ready();
  t.true(connection.isUp);
  t.is(text(await connection.call("echo", "say", bytes("hi"))), "hi");
  t.is(listener.sessions, 1);
  await connection.close();
  await connection.close();
  await settle();
  t.is(listener.sessions, 0);
  t.is(clock.pending, 0);
});

test("a lost link is dialled again, each time after a longer pause, and calls work again", async (t) => {
  const { listen, connect, clock, network } = world();
  await using listener = await listen();
  await using connection = connect();
  const log: string[] = [];
  connection.onUp((peer) => log.push(`up ${peer.address}`));
  connection.onDown((error) => log.push(`down ${error.code}`));
  await connection.ready();
  await clock.advance(RECONNECT.healthyMs);
  network.cut("server");
  await settle();
  t.false(connection.isUp);
  const error = await t.throwsAsync(Promise.resolve(connection.call("echo", "say", bytes("x"))));
  t.like(error, { code: "UNAVAILABLE", retryable: true });
  t.regex(error?.message ?? "", /ws:\/\/server:8080/);
  t.false(connection.tell("echo", "say", bytes("x")));
  await clock.advance(60_000);
  t.deepEqual(log, [`up ${ADDRESS}`, "down LOST"]);
  network.heal();
  await clock.advance(RECONNECT.maxMs);
  t.deepEqual(log, [`up ${ADDRESS}`, "down LOST", `up ${ADDRESS}`]);
  t.is(text(await connection.call("echo", "say", bytes("again"))), "again");
  t.is(listener.sessions, 1);
});

test("the pauses double from 100 ms to 5 s, their upper half by chance", (t) => {
  t.deepEqual(
    [0, 1, 2, 5, 6, 100, 10_000].map((failures) => reconnectPauseMs(failures, 0)),
    [50, 100, 200, 1_600, 2_500, 2_500, 2_500],
  );
  t.deepEqual(
    [0, 1, 6].map((failures) => Math.round(reconnectPauseMs(failures, 0.999_999))),
    [100, 200, 5_000],
  );
});

test("a listener that comes late is found", async (t) => {
  const { listen, connect, clock } = world();
  await using connection = connect();
  const ready = connection.ready();
  await clock.advance(30_000);
  await using _ = await listen();
  await clock.advance(RECONNECT.maxMs);
  await ready;
  t.true(connection.isUp);
});

test("a wrong token is final: ready rejects at once, and nobody dials again", async (t) => {
  const { listen, connect, clock } = world();
  let asked = 0;
  await using _ = await listen({
    authenticate: (token) => {
      asked++;
      return authenticate(token);
    },
  });
  await using connection = connect({ token: "bad" });
  await t.throwsAsync(connection.ready(), { code: "UNAUTHENTICATED" });
  await t.throwsAsync(connection.ready(), { code: "UNAUTHENTICATED" });
  await t.throwsAsync(Promise.resolve(connection.call("echo", "say", bytes("x"))), { code: "UNAUTHENTICATED" });
  await clock.advance(60_000);
  t.is(asked, 1);
  t.is(clock.pending, 0);
});

test("ready gives up in time, saying what was wrong", async (t) => {
  const { connect, clock, network } = world();
  await using refused = connect();
  const unreached = t.throwsAsync(refused.ready({ timeoutMs: 1_000 }));
  await clock.advance(1_000);
  t.like(await unreached, { code: "UNAVAILABLE" });
  network.freeze("server");
  await using silent = connect();
  const unheard = t.throwsAsync(silent.ready({ timeoutMs: 1_000 }));
  const cancel = new AbortController();
  const cancelled = t.throwsAsync(silent.ready({ signal: cancel.signal }));
  await clock.advance(1_000);
  t.like(await unheard, { code: "DEADLINE_EXCEEDED" });
  cancel.abort();
  t.like(await cancelled, { code: "CANCELLED" });
});

test("a listener that never answers the hello is given up after 5 s, and dialled again", async (t) => {
  const { network, connect, clock } = world();
  let links = 0;
  const listener = await network.transport("server").listen({
    port: 8080,
    path: "/rpc",
    onLink: (link) => {
      links++;
      link.attach({ onMessage() {}, onDrain() {}, onClose() {} });
    },
  });
  await using connection = connect();
  await clock.advance(4_999);
  t.deepEqual([links, connection.state], [1, "greeting"]);
  await clock.advance(1);
  t.is(connection.state, "waiting");
  await clock.advance(100);
  t.deepEqual([links, connection.state], [2, "greeting"]);
  await connection.close();
  await listener.close();
  t.is(clock.pending, 0);
});

test("closing while dialling, greeting or waiting leaves nothing behind", async (t) => {
  const { connect, listen, clock, network } = world();
  const waiting = connect();
  await clock.advance(50);
  const never = t.throwsAsync(waiting.ready());
  await waiting.close();
  t.like(await never, { code: "UNAVAILABLE" });
  network.freeze("server");
  const dialling = connect();
  await settle();
  await dialling.close();
  network.heal();
  await using _ = await listen({ authenticate: () => new Promise(() => {}) });
  const greeting = connect();
  await settle();
  await greeting.close();
  await settle();
  t.is(clock.pending, 0);
  t.is(network.links, 0);
});

test("closing with grace lets calls finish; without it they are LOST", async (t) => {
  const { listen, connect, clock } = world();
  const gate = Promise.withResolvers<ReturnType<typeof bytes>>();
  await using _ = await listen({ targets: targetsOf({ "slow.work": () => gate.promise }) });
  const patient = connect();
  const hasty = connect();
  await Promise.all([patient.ready(), hasty.ready()]);
  const kept = patient.call("slow", "work", bytes("")).then(text);
  const lost = t.throwsAsync(Promise.resolve(hasty.call("slow", "work", bytes(""))), { code: "LOST" });
  await settle();
  await hasty.close();
  await lost;
  const closed = patient.close({ graceMs: 10_000 });
  await clock.advance(1_000);
  gate.resolve(bytes("done"));
  t.is(await kept, "done");
  await closed;
  await settle();
  t.is(clock.pending, 0);
});

test("a listener that stops says goodbye, and its peers find the next one", async (t) => {
  const { listen, connect, clock } = world();
  const first = await listen();
  await using connection = connect();
  await connection.ready();
  await first.stop();
  await settle();
  t.false(connection.isUp);
  await using second = await listen();
  await clock.advance(RECONNECT.maxMs);
  t.true(connection.isUp);
  t.is(second.sessions, 1);
});

test("who listens late hears that it is up; who throws keeps nobody from hearing", async (t) => {
  const { listen, connect } = world();
  const logger = new RecordingLogger();
  await using _ = await listen();
  await using connection = connect({ logger });
  connection.onUp(() => {
    throw new Error("mine");
  });
  let heard = 0;
  connection.onUp(() => heard++);
  await connection.ready();
  const off = connection.onUp(() => heard++);
  await settle();
  t.is(heard, 2);
  off();
  t.true(logger.lines.some((line) => line.level === "error"));
});

test("the listener calls back through the peer that it was told of", async (t) => {
  const { listen, connect } = world();
  const peers: string[] = [];
  await using _ = await listen({
    onPeer: (peer) => void peer.channel.call("here", "name", bytes("")).then((name) => peers.push(text(name))),
  });
  await using connection = connect({ targets: targetsOf({ "here.name": () => Promise.resolve(bytes("client")) }) });
  await connection.ready();
  await settle();
  t.deepEqual(peers, ["client"]);
});

test("more sessions than a listener takes are turned away", async (t) => {
  const { listen, connect } = world();
  await using listener = await listen({ limits: { sessions: 1 } });
  await using first = connect();
  await first.ready();
  await using second = connect();
  await settle();
  t.false(second.isUp);
  t.is(listener.sessions, 1);
});
