import { once } from "node:events";
import test from "ava";
import { WebSocket } from "ws";
import { Connection } from "../../src/net/connection.ts";
import { SessionListener } from "../../src/net/session-listener.ts";
import { wsTransport } from "../../src/net/transport-ws.ts";
import type { IrisError } from "../../src/runtime/errors.ts";
import { systemClock } from "../../src/runtime/ports/clock.ts";
import { systemRandom } from "../../src/runtime/ports/random.ts";
import { authenticate, bytes, targetsOf, text } from "../kit/session-pair.ts";

const ports = { clock: systemClock, random: systemRandom };
const targets = targetsOf({
  "echo.say": (call) => Promise.resolve(call.payload),
  "echo.twice": async function* (call) {
    yield call.payload;
    yield call.payload;
  },
});
const listen = (options: Partial<Parameters<typeof SessionListener.listen>[0]> = {}) =>
  SessionListener.listen({ transport: wsTransport(), authenticate, targets, path: "/rpc", ...ports, ...options });
const connect = (address: string, token = "good") =>
  new Connection({ address, transport: wsTransport(), token, ...ports });

test("calls and streams over real sockets, big ones too", async (t) => {
  await using listener = await listen();
  t.regex(listener.address, /^ws:\/\/127\.0\.0\.1:\d+\/rpc$/);
  await using connection = connect(listener.address);
  await connection.ready();
  t.is(text(await connection.call("echo", "say", bytes("hi"))), "hi");
  const big = "x".repeat(8 * 1024 * 1024);
  t.is(text(await connection.call("echo", "say", bytes(big))).length, big.length);
  const got: string[] = [];
  for await (const item of connection.call("echo", "twice", bytes("a"))) got.push(text(item));
  t.deepEqual(got, ["a", "a"]);
});

test("many big calls at once pass, though the socket is full in between", async (t) => {
  await using listener = await listen();
  await using connection = connect(listener.address);
  await connection.ready();
  const payload = bytes("x".repeat(1024 * 1024));
  const answers = await Promise.all(Array.from({ length: 24 }, () => connection.call("echo", "say", payload)));
  t.true(answers.every((answer) => answer.bytes.length === 1024 * 1024));
});

test("a port in use is ALREADY_EXISTS, naming the port and the way out", async (t) => {
  await using listener = await listen();
  const error = await t.throwsAsync<IrisError>(listen({ port: listener.port }));
  t.is(error?.code, "ALREADY_EXISTS");
  t.regex(error?.message ?? "", new RegExp(`port ${listener.port} .*choose another port`));
});

test("HTTP is served on the same port, and other paths take no sessions", async (t) => {
  await using listener = await listen({ onHttp: (request, response) => void response.end(`you asked ${request.url}`) });
  const response = await fetch(`http://127.0.0.1:${listener.port}/healthz`);
  t.is(await response.text(), "you asked /healthz");
  await using connection = connect(listener.address);
  await connection.ready();
  await t.throwsAsync(wsTransport().dial(`ws://127.0.0.1:${listener.port}/other`), { code: "UNAVAILABLE" });
});

test("without a handler, HTTP is answered with 404", async (t) => {
  await using listener = await listen();
  t.is((await fetch(`http://127.0.0.1:${listener.port}/`)).status, 404);
});

test("a dial to nobody is UNAVAILABLE with the address, to nonsense INVALID_ARGUMENT, and can be cancelled", async (t) => {
  const gone = await listen();
  const { address } = gone;
  await gone.stop();
  const error = await t.throwsAsync<IrisError>(wsTransport().dial(address));
  t.is(error?.code, "UNAVAILABLE");
  t.true(error?.message.includes(address));
  await t.throwsAsync(wsTransport().dial("nonsense"), { code: "INVALID_ARGUMENT" });
  const cancel = new AbortController();
  const dialled = t.throwsAsync(wsTransport().dial(address, { signal: cancel.signal }), { code: "CANCELLED" });
  cancel.abort();
  await dialled;
  await t.throwsAsync(wsTransport().dial(address, { signal: cancel.signal }), { code: "CANCELLED" });
});

test("a wrong token is heard over the socket before it closes", async (t) => {
  await using listener = await listen();
  await using connection = connect(listener.address, "bad");
  await t.throwsAsync(connection.ready(), { code: "UNAUTHENTICATED" });
});

test("text, rubbish and messages too large end their link, and no other", async (t) => {
  await using listener = await listen({ transport: wsTransport({ messageBytes: 100_000 }) });
  await using connection = connect(listener.address);
  await connection.ready();
  for (const hostile of ["text", Buffer.from([0xff, 0xff]), Buffer.alloc(200_000)]) {
    const socket = new WebSocket(listener.address);
    socket.on("error", () => {});
    await once(socket, "open");
    socket.send(hostile);
    await once(socket, "close");
  }
  t.is(text(await connection.call("echo", "say", bytes("still here"))), "still here");
});

test("send says false when the socket is full and tells when there is room", async (t) => {
  const received = Promise.withResolvers<void>();
  let bytesReceived = 0;
  const most = 32 * 1024 * 1024;
  const listener = await wsTransport().listen({
    onLink: (link) =>
      link.attach({
        onMessage: (message) => {
          bytesReceived += message.length;
          if (bytesReceived >= most) received.resolve();
        },
        onDrain() {},
        onClose() {},
      }),
  });
  const link = await wsTransport({ highWaterBytes: 64 * 1024 }).dial(listener.address);
  const drained = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  link.attach({ onMessage() {}, onDrain: () => drained.resolve(), onClose: () => closed.resolve() });
  let took = true;
  for (let sent = 0; sent < most; sent += 1024 * 1024) took = link.send(new Uint8Array(1024 * 1024)) && took;
  t.false(took);
  await drained.promise;
  await received.promise;
  link.close();
  await closed.promise;
  t.false(link.send(new Uint8Array(1)));
  await listener.close();
});

test("answers that are on their way are delivered before a listener has stopped", async (t) => {
  const listener = await listen();
  await using connection = connect(listener.address);
  await connection.ready();
  const payload = bytes("x".repeat(4 * 1024 * 1024));
  const answers = Promise.all([1, 2, 3].map(() => connection.call("echo", "say", payload)));
  await connection.call("echo", "say", bytes(""));
  await listener.stop({ graceMs: 5_000 });
  t.is((await answers).length, 3);
});
