import test from "ava";
import type { InboundCall, Payload, Peer } from "../../src/net/channel.ts";
import { encodeFrame } from "../../src/net/frame.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { settle } from "../kit/manual-clock.ts";
import { authenticate, batch, bytes, pair, raw, rawOpen, targetsOf, text, USER } from "../kit/session-pair.ts";

const echo = targetsOf({ "echo.say": (call) => Promise.resolve(call.payload) });
const CALL = {
  method: "say",
  remainingMs: 0,
  trace: "",
  codec: "VALUE",
  payload: new Uint8Array(),
  credit: 8,
  idempotent: false,
  key: "",
} as const;

/** A method that says when it was called, and answers when it is told to. */
function held() {
  const calls: InboundCall[] = [];
  const gate = Promise.withResolvers<Payload>();
  const targets = targetsOf({
    "slow.work": (call) => {
      calls.push(call);
      return gate.promise;
    },
  });
  return { calls, gate, targets };
}

test("a call is answered, either way: sessions are symmetric", async (t) => {
  let back: Promise<Payload> | undefined;
  const { dialler } = await pair({
    dialler: targetsOf({ "here.name": () => Promise.resolve(bytes("dialler")) }),
    targets: targetsOf({
      "echo.say": (call) => {
        back = Promise.resolve(call.peer.channel.call("here", "name", bytes("")));
        return back.then((name) => bytes(`${text(call.payload)} ${text(name)}`));
      },
    }),
  });
  t.is(text(await dialler.session.call("echo", "say", bytes("hello"))), "hello dialler");
});

test("an outcome may be awaited twice, and one that nobody looks at raises nothing", async (t) => {
  const { dialler } = await pair({ targets: echo });
  const outcome = dialler.session.call("echo", "say", bytes("x"));
  t.is(text(await outcome), "x");
  t.is(text(await outcome), "x");
  dialler.session.call("nobody", "say", bytes("ignored"));
  const iterate = async () => {
    for await (const _ of dialler.session.call("nobody", "say", bytes("x"))) t.fail();
  };
  await t.throwsAsync(iterate(), { code: "NO_SUCH_ACTOR" });
  await settle();
});

test("the callee sees who calls, the method, the time left and the trace", async (t) => {
  const { calls, gate, targets } = held();
  const { dialler } = await pair({ targets });
  const outcome = dialler.session.call("slow", "work", bytes("x"), { timeoutMs: 1_500, trace: "00-ab-cd-01" });
  await settle();
  const [call] = calls;
  t.is(call?.method, "work");
  t.is(call?.remainingMs, 1_500);
  t.is(call?.trace, "00-ab-cd-01");
  t.true(call?.wantsAnswer);
  t.deepEqual(call?.peer.identity, USER);
  gate.resolve(bytes("done"));
  t.is(text(await outcome), "done");
});

test("a call past its deadline fails with DEADLINE_EXCEEDED at its caller and is aborted at its callee", async (t) => {
  const { calls, targets } = held();
  const { dialler, clock } = await pair({ targets });
  const outcome = t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("x"), { timeoutMs: 500 })));
  await settle();
  t.false(calls[0]?.signal.aborted);
  await clock.advance(500);
  const error = await outcome;
  t.like(error, { code: "DEADLINE_EXCEEDED", maybeExecuted: true });
  t.regex(error?.message ?? "", /slow\.work.*500 ms/);
  t.true(calls[0]?.signal.aborted);
});

test("a call without time left is not sent", async (t) => {
  const { calls, targets } = held();
  const { dialler } = await pair({ targets });
  await t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("x"), { timeoutMs: 0 })), {
    code: "DEADLINE_EXCEEDED",
  });
  await t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("x"), { timeoutMs: Number.NaN })), {
    code: "INVALID_ARGUMENT",
  });
  await settle();
  t.is(calls.length, 0);
});

test("cancelling reaches the callee's signal and fails the call with CANCELLED", async (t) => {
  const { calls, targets } = held();
  const { dialler } = await pair({ targets });
  const cancel = new AbortController();
  const outcome = t.throwsAsync(
    Promise.resolve(dialler.session.call("slow", "work", bytes("x"), { signal: cancel.signal })),
  );
  await settle();
  cancel.abort(new Error("changed my mind"));
  const error = await outcome;
  t.like(error, { code: "CANCELLED", maybeExecuted: true });
  t.like(error?.cause, { message: "changed my mind" });
  await settle();
  t.true(calls[0]?.signal.aborted);
  t.like(calls[0]?.signal.reason, { code: "CANCELLED" });
});

test("a call cancelled in the turn it was made in never leaves", async (t) => {
  const { calls, targets } = held();
  const { dialler, messages } = await pair({ targets });
  const cancel = new AbortController();
  const sent = messages.dialler.length;
  const outcome = t.throwsAsync(
    Promise.resolve(dialler.session.call("slow", "work", bytes("x"), { signal: cancel.signal })),
  );
  cancel.abort();
  const error = await outcome;
  t.like(error, { code: "CANCELLED" });
  t.is((error as IrisError).maybeExecuted, undefined);
  await settle();
  t.is(calls.length, 0);
  t.is(messages.dialler.length, sent);
});

test("a broken link fails calls that had left with LOST, those that had not with UNAVAILABLE, and aborts the callee", async (t) => {
  const { calls, targets } = held();
  const { dialler, listener, network } = await pair({ targets });
  const left = t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("1"))));
  await settle();
  network.cut("b");
  const queued = t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("2"))));
  t.like(await left, { code: "LOST", maybeExecuted: true, retryable: false });
  const unsent = await queued;
  t.like(unsent, { code: "UNAVAILABLE", retryable: true });
  t.is((unsent as IrisError).maybeExecuted, undefined);
  await settle();
  t.is(dialler.closed?.code, "LOST");
  t.truthy(listener.closed);
  t.true(calls[0]?.signal.aborted);
  t.is(calls.length, 1);
});

test("LOST is retryable when the call said that it is idempotent", async (t) => {
  const { targets } = held();
  const { dialler, network } = await pair({ targets });
  const lost = t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("1"), { idempotent: true })));
  await settle();
  network.cut("b");
  t.like(await lost, { code: "LOST", maybeExecuted: true, retryable: true });
});

test("an unknown target is NO_SUCH_ACTOR, an unknown method NO_SUCH_METHOD", async (t) => {
  const { dialler } = await pair({ targets: echo });
  await t.throwsAsync(Promise.resolve(dialler.session.call("nobody", "say", bytes(""))), { code: "NO_SUCH_ACTOR" });
  await t.throwsAsync(Promise.resolve(dialler.session.call("echo", "shout", bytes(""))), { code: "NO_SUCH_METHOD" });
});

test("an error of the user's code arrives with its name, message, code and cause, and without its stack", async (t) => {
  const { dialler } = await pair({
    targets: targetsOf({
      "bad.work": () => {
        const cause = Object.assign(new Error("no such file"), { code: "ENOENT" });
        return Promise.reject(new TypeError("cannot work", { cause }));
      },
    }),
  });
  const error = await t.throwsAsync(Promise.resolve(dialler.session.call("bad", "work", bytes(""))));
  t.like(error, { name: "TypeError", message: "cannot work", cause: { code: "ENOENT", message: "no such file" } });
  t.false(IrisError.is(error));
  t.false("remoteStack" in (error as object));
});

test("the stack crosses only when the callee's end allows it", async (t) => {
  const { dialler } = await pair({
    stacks: true,
    targets: targetsOf({ "bad.work": () => Promise.reject(new Error("boom")) }),
  });
  const error = await t.throwsAsync(Promise.resolve(dialler.session.call("bad", "work", bytes(""))));
  t.regex((error as { remoteStack?: string }).remoteStack ?? "", /session\.test/);
});

test("arguments beyond the limit are PAYLOAD_TOO_LARGE and not sent; so are results, once they are made", async (t) => {
  const limits = { messageBytes: 4_096, helloBytes: 1_024, batchBytes: 1_024 };
  const { dialler, listener } = await pair({
    limits,
    targets: targetsOf({ "big.work": () => Promise.resolve(bytes("x".repeat(5_000))) }),
  });
  const args = await t.throwsAsync(Promise.resolve(dialler.session.call("big", "work", bytes("x".repeat(5_000)))));
  t.like(args, { code: "PAYLOAD_TOO_LARGE" });
  t.regex(args?.message ?? "", /big\.work.*4096/);
  const result = await t.throwsAsync(Promise.resolve(dialler.session.call("big", "work", bytes(""))));
  t.like(result, { code: "PAYLOAD_TOO_LARGE", maybeExecuted: true });
  t.is(dialler.closed, undefined);
  t.is(listener.closed, undefined);
});

test("too many calls in flight are refused at the caller, and again at the callee", async (t) => {
  const { targets } = held();
  const near = await pair({ targets, diallerLimits: { callsInFlight: 2 } });
  void near.dialler.session.call("slow", "work", bytes("1"));
  void near.dialler.session.call("slow", "work", bytes("2"));
  await t.throwsAsync(Promise.resolve(near.dialler.session.call("slow", "work", bytes("3"))), {
    code: "RESOURCE_EXHAUSTED",
  });
  const far = await pair({ targets, limits: { callsInFlight: 2 }, diallerLimits: {} });
  void far.dialler.session.call("slow", "work", bytes("1"));
  void far.dialler.session.call("slow", "work", bytes("2"));
  await t.throwsAsync(Promise.resolve(far.dialler.session.call("slow", "work", bytes("3"))), {
    code: "RESOURCE_EXHAUSTED",
  });
});

test("a cancelled call counts as running until its handler has ended", async (t) => {
  const { gate, targets } = held();
  const { dialler } = await pair({ targets, limits: { callsInFlight: 1 }, diallerLimits: {} });
  const cancel = new AbortController();
  const first = dialler.session.call("slow", "work", bytes("1"), { signal: cancel.signal });
  await settle();
  cancel.abort();
  await t.throwsAsync(Promise.resolve(first), { code: "CANCELLED" });
  await t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("2"))), {
    code: "RESOURCE_EXHAUSTED",
  });
  gate.resolve(bytes("late"));
  await settle();
  t.is(text(await dialler.session.call("slow", "work", bytes("3"))), "late");
});

test("no hello in time closes the session", async (t) => {
  const { clock, listener, link, heard } = await raw();
  await clock.advance(4_999);
  t.is(listener.closed, undefined);
  await clock.advance(1);
  t.is(listener.closed?.code, "UNAVAILABLE");
  t.regex(listener.closed?.message ?? "", /hello within 5000 ms/);
  t.like(heard.at(-1), { kind: "fault", body: { id: 0 } });
  t.is(clock.pending, 0);
  t.false(link.send(new Uint8Array(1)));
});

test("a wrong token is UNAUTHENTICATED, and the dialler hears it", async (t) => {
  const { dialler, listener, clock } = await pair({ token: "bad" });
  t.is(dialler.closed?.code, "UNAUTHENTICATED");
  t.is(listener.closed?.code, "UNAUTHENTICATED");
  t.is(dialler.opened + listener.opened, 0);
  t.is(clock.pending, 0);
  await t.throwsAsync(Promise.resolve(dialler.session.call("echo", "say", bytes(""))), { code: "UNAVAILABLE" });
});

test("what goes wrong inside an authenticator is not told to strangers", async (t) => {
  const { dialler } = await pair({ authenticate: () => Promise.reject(new Error("SELECT secret FROM users")) });
  t.is(dialler.closed?.code, "INTERNAL");
  t.notRegex(dialler.closed?.message ?? "", /SELECT/);
});

test("a wrong version is VERSION_MISMATCH", async (t) => {
  const self = await raw();
  self.say("hello", { version: 2, token: "good", supports: [], node: "n" });
  await settle();
  t.is(self.listener.closed?.code, "VERSION_MISMATCH");
  t.like(self.heard.at(-1), { kind: "fault", body: { id: 0, error: { code: "VERSION_MISMATCH" } } });
  t.true(self.closed);
});

test("nothing but a hello is taken before the hello is done", async (t) => {
  let handled = 0;
  const targets = targetsOf({
    "echo.say": (call) => {
      handled++;
      return Promise.resolve(call.payload);
    },
  });
  const first = await raw({ targets });
  first.say("call", { ...CALL, id: 1, target: "echo" });
  await settle();
  t.is(first.listener.closed?.code, "PROTOCOL_ERROR");
  const waiting = Promise.withResolvers<typeof USER>();
  const early = await raw({ targets, role: { end: "listener", authenticate: () => waiting.promise } });
  const hello = encodeFrame("hello", { version: 1, token: "good", supports: [], node: "n" });
  early.link.send(batch(hello, encodeFrame("call", { ...CALL, id: 1, target: "echo" })));
  await settle();
  t.is(early.listener.closed?.code, "PROTOCOL_ERROR");
  waiting.resolve(USER);
  await settle();
  t.is(early.listener.opened, 0);
  t.is(handled, 0);
});

test("a first message beyond helloBytes is not looked into", async (t) => {
  const self = await raw();
  self.say("hello", { version: 1, token: "x".repeat(20_000), supports: [], node: "n" });
  await settle();
  t.is(self.listener.closed?.code, "PROTOCOL_ERROR");
});

test("whoever breaks the protocol loses that session, and hears why", async (t) => {
  const breaches: Record<string, (self: Awaited<ReturnType<typeof rawOpen>>) => void> = {
    "a second hello": (self) => self.say("hello", { version: 1, token: "good", supports: [], node: "n" }),
    "call id 0": (self) => self.say("call", { ...CALL, id: 0, target: "slow" }),
    "a call id in use": (self) => {
      self.say("call", { ...CALL, id: 7, method: "work", target: "slow" });
      self.say("call", { ...CALL, id: 7, method: "work", target: "slow" });
    },
    "a watch id in use": (self) => {
      self.say("watch", { id: 1, target: "slow", cancel: false });
      self.say("watch", { id: 1, target: "slow", cancel: false });
    },
    rubbish: (self) => void self.link.send(Uint8Array.of(0xff, 0xff, 0xff)),
    "a body that is none": (self) => void self.link.send(Uint8Array.of(0x0a, 0x04, 0x12, 0x02, 0x0a, 0x7f)),
  };
  for (const [name, breach] of Object.entries(breaches)) {
    const self = await rawOpen({ targets: held().targets });
    breach(self);
    await settle();
    t.is(self.listener.closed?.code, "PROTOCOL_ERROR", name);
    t.like(self.heard.at(-1), { kind: "fault", body: { id: 0, error: { code: "PROTOCOL_ERROR" } } }, name);
    t.true(self.closed, name);
    t.is(self.clock.pending, 0, name);
  }
});

test("answers to nobody, credit for nothing and unknown frames are late or new, not wrong", async (t) => {
  const self = await rawOpen({ targets: echo });
  self.say("reply", { id: 99, codec: "VALUE", payload: new Uint8Array() });
  self.say("fault", { id: 99 });
  self.say("cancel", { id: 99 });
  self.say("credit", { id: 99, items: 1 });
  self.say("streamItem", { id: 99, codec: "VALUE", payload: new Uint8Array() });
  self.say("streamEnd", { id: 99 });
  self.say("down", { id: 99, reason: "normal", why: "" });
  self.link.send(Uint8Array.of(0x0a, 0x03, 0xfa, 0x01, 0x00)); // field 31
  self.say("call", { ...CALL, id: 1, target: "echo" });
  await settle();
  t.is(self.listener.closed, undefined);
  t.deepEqual(
    self.heard.map((said) => said.kind),
    ["reply"],
  );
});

test("an unknown payload format fails that call alone", async (t) => {
  const self = await rawOpen({ targets: echo });
  self.say("call", { ...CALL, id: 1, target: "echo", codec: "CODEC_UNSPECIFIED" });
  await settle();
  t.like(self.heard, [{ kind: "fault", body: { id: 1, error: { code: "INVALID_ARGUMENT" } } }]);
  t.is(self.listener.closed, undefined);
});

test("a handler that throws at once, or answers with nothing, fails its call and no more", async (t) => {
  const { dialler } = await pair({
    targets: targetsOf({
      "bad.throws": () => {
        throw new RangeError("at once");
      },
      "bad.nothing": () => undefined as unknown as Promise<Payload>,
      "echo.say": (call) => Promise.resolve(call.payload),
    }),
  });
  await t.throwsAsync(Promise.resolve(dialler.session.call("bad", "throws", bytes(""))), { name: "RangeError" });
  await t.throwsAsync(Promise.resolve(dialler.session.call("bad", "nothing", bytes(""))));
  t.is(text(await dialler.session.call("echo", "say", bytes("still here"))), "still here");
});

test("goodbye lets calls in flight finish, refuses new ones, then closes both ends", async (t) => {
  const { calls, gate, targets } = held();
  const { dialler, listener, clock } = await pair({ targets });
  const running = dialler.session.call("slow", "work", bytes("x"));
  await settle();
  const stopped = listener.session.stop(60_000);
  const crossing = t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("crosses the goodbye"))));
  await settle();
  t.like(await crossing, { code: "UNAVAILABLE", retryable: true });
  t.is(dialler.session.state, "left");
  await t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("after"))), { code: "UNAVAILABLE" });
  t.false(calls[0]?.signal.aborted);
  gate.resolve(bytes("done"));
  t.is(text(await running), "done");
  await stopped;
  await settle();
  t.is(listener.session.state, "closed");
  t.is(dialler.session.state, "closed");
  t.is(calls.length, 1);
  t.is(clock.pending, 0);
});

test("grace ends: what is still running is aborted, its caller hears LOST", async (t) => {
  const { calls, targets } = held();
  const { dialler, listener, clock } = await pair({ targets });
  const running = t.throwsAsync(Promise.resolve(dialler.session.call("slow", "work", bytes("x"))));
  await settle();
  const stopped = listener.session.stop(1_000);
  await clock.advance(1_000);
  await stopped;
  t.true(calls[0]?.signal.aborted);
  t.like(await running, { code: "LOST", maybeExecuted: true });
  await settle();
  t.is(clock.pending, 0);
});

test("an idle session stays open for ever: each end hears the other", async (t) => {
  const { dialler, listener, clock } = await pair();
  await clock.advance(3_600_000);
  t.is(dialler.session.state, "open");
  t.is(listener.session.state, "open");
});

test("a peer that falls silent is given up within three intervals, and not before two of them", async (t) => {
  for (const silentAfterMs of [0, 1, 2_500, 4_999]) {
    const { dialler, network, clock } = await pair();
    await clock.advance(5_000 + silentAfterMs);
    network.freeze("b");
    await clock.advance(9_999);
    t.is(dialler.closed, undefined, `${silentAfterMs}`);
    await clock.advance(5_001);
    t.is(dialler.closed?.code, "LOST", `${silentAfterMs}`);
    t.regex(dialler.closed?.message ?? "", /no sign of life/);
  }
});

test("a tell runs and is not answered; what it throws concerns nobody but the log", async (t) => {
  const told: string[] = [];
  const { dialler, messages } = await pair({
    targets: targetsOf({
      "log.note": (call) => {
        told.push(`${text(call.payload)} ${call.wantsAnswer}`);
        return Promise.reject(new Error("boom"));
      },
    }),
  });
  const before = messages.listener.length;
  t.true(dialler.session.tell("log", "note", bytes("one")));
  t.true(dialler.session.tell("nobody", "note", bytes("two")));
  await settle();
  t.deepEqual(told, ["one false"]);
  t.is(messages.listener.length, before);
});

test("frames of one turn are one message, however many; their answers too", async (t) => {
  const { dialler, messages } = await pair({ targets: echo });
  messages.dialler.length = 0;
  messages.listener.length = 0;
  await Promise.all(Array.from({ length: 100 }, (_, i) => dialler.session.call("echo", "say", bytes(`${i}`))));
  t.deepEqual(
    messages.dialler.map((frames) => frames.length),
    [100],
  );
  t.deepEqual(
    messages.listener.map((frames) => frames.length),
    [100],
  );
});

test("a batch that has grown to its bound leaves at once, and no message is larger than allowed", async (t) => {
  const limits = { batchBytes: 1_000, messageBytes: 2_000, helloBytes: 1_000 };
  const { dialler, messages } = await pair({ targets: echo, limits });
  messages.dialler.length = 0;
  await Promise.all(Array.from({ length: 20 }, () => dialler.session.call("echo", "say", bytes("x".repeat(280)))));
  t.true(messages.dialler.length >= 5);
  t.is(messages.dialler.flat().length, 20);
});

test("a peer that does not read holds calls back, then has them refused, and loses nothing once it reads", async (t) => {
  const { dialler, network } = await pair({
    targets: echo,
    limits: { queueBytes: 50_000, queueBytesFinal: 100_000 },
    highWaterBytes: 10_000,
  });
  network.freeze("b");
  const outcomes: Promise<string>[] = [];
  for (let i = 0; i < 200; i++) {
    outcomes.push(dialler.session.call("echo", "say", bytes("x".repeat(1_000))).then(text, (error) => error.code));
    await settle(1);
  }
  network.heal();
  const results = await Promise.all(outcomes);
  const refused = results.filter((result) => result === "RESOURCE_EXHAUSTED").length;
  t.true(refused > 100, `${refused} refused`);
  t.is(results.filter((result) => result.length === 1_000).length, 200 - refused);
  t.false(results.includes("LOST"));
});

test("a peer that calls and never reads its answers loses its session before memory is gone", async (t) => {
  const { calls, gate, targets } = held();
  const { dialler, listener, network } = await pair({
    dialler: targets,
    diallerLimits: { queueBytes: 50_000, queueBytesFinal: 100_000, batchBytes: 10_000 },
    highWaterBytes: 1,
  });
  for (let i = 0; i < 20; i++) void listener.session.call("slow", "work", bytes(""));
  await settle();
  t.is(calls.length, 20);
  network.freeze("b");
  gate.resolve(bytes("x".repeat(10_000)));
  await settle();
  t.is(dialler.closed?.code, "RESOURCE_EXHAUSTED");
  t.regex(dialler.closed?.message ?? "", /does not read/);
});

test("a watched target's end is told once; an unknown one at once; a lost link to all", async (t) => {
  const ended = Promise.withResolvers<{ kind: "shutdown"; why: string }>();
  const target = { handle: () => Promise.resolve(bytes("")), ended: ended.promise };
  const { dialler, network } = await pair({ targets: (name) => (name === "nobody" ? undefined : target) });
  const seen: string[] = [];
  dialler.session.watch("a", (reason) => seen.push(`a ${reason.kind} ${"why" in reason ? reason.why : ""}`));
  const unwatch = dialler.session.watch("a", () => seen.push("unwatched"));
  dialler.session.watch("nobody", (reason) => seen.push(`nobody ${reason.kind}`));
  await settle();
  unwatch();
  await settle();
  t.deepEqual(seen, ["nobody crashed"]);
  ended.resolve({ kind: "shutdown", why: "enough" });
  await settle();
  t.deepEqual(seen, ["nobody crashed", "a shutdown enough"]);
  dialler.session.watch("a", (reason) => seen.push(`again ${reason.kind}`));
  await settle();
  t.is(seen.at(-1), "again shutdown");
  const other = await pair({ targets: () => ({ handle: target.handle }) });
  other.dialler.session.watch("a", (reason) => seen.push(`lost ${reason.kind}`));
  await settle();
  other.network.cut("b");
  await settle();
  t.is(seen.at(-1), "lost lost");
  network.cut("b");
  await settle();
  t.is(seen.length, 4);
});

test("the peer's closed signal aborts when the session is over", async (t) => {
  let peer: Peer | undefined;
  const { dialler, network } = await pair({
    targets: targetsOf({
      "who.am": (call) => {
        peer = call.peer;
        return Promise.resolve(bytes(call.peer.identity.kind));
      },
    }),
    authenticate,
  });
  t.is(text(await dialler.session.call("who", "am", bytes(""))), "user");
  t.false(peer?.closed.aborted);
  network.cut("b");
  await settle();
  t.true(peer?.closed.aborted);
});
