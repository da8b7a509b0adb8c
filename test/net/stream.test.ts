import test from "ava";
import type { Payload } from "../../src/net/channel.ts";
import { settle } from "../kit/manual-clock.ts";
import { bytes, pair, rawOpen, targetsOf, text } from "../kit/session-pair.ts";

/** Counts up for ever, and notes how far it came and how it ended. */
function counting() {
  const seen = { produced: 0, ended: 0 };
  const targets = targetsOf({
    "numbers.count": async function* (call): AsyncGenerator<Payload> {
      try {
        const until = Number(text(call.payload));
        for (let i = 1; i <= until; i++) {
          seen.produced = i;
          yield bytes(`${i}`);
        }
      } finally {
        seen.ended++;
      }
    },
  });
  return { seen, targets };
}

test("items arrive in order and the stream ends", async (t) => {
  const { seen, targets } = counting();
  const { dialler } = await pair({ targets });
  const got: number[] = [];
  for await (const item of dialler.session.call("numbers", "count", bytes("500"))) got.push(Number(text(item)));
  t.deepEqual(
    got,
    Array.from({ length: 500 }, (_, i) => i + 1),
  );
  t.is(seen.ended, 1);
});

test("a slow reader stops the writer: no more is produced than there is credit for", async (t) => {
  const { seen, targets } = counting();
  const { dialler } = await pair({ targets, limits: { streamCreditItems: 8 } });
  const items = dialler.session.call("numbers", "count", bytes("1000"))[Symbol.asyncIterator]();
  await items.next();
  await settle();
  t.is(seen.produced, 8);
  for (let i = 0; i < 3; i++) await items.next();
  await settle();
  t.is(seen.produced, 12, "credit comes back by halves");
  await items.return?.();
  await settle();
  t.is(seen.ended, 1);
});

test("leaving the loop ends the generator at the other end", async (t) => {
  const { seen, targets } = counting();
  const { dialler, listener } = await pair({ targets });
  for await (const item of dialler.session.call("numbers", "count", bytes("1000000"))) {
    if (text(item) === "3") break;
  }
  await settle();
  t.is(seen.ended, 1);
  t.true(seen.produced < 100);
  await listener.session.stop(60_000);
  t.is(listener.session.state, "closed", "nothing of the stream was left to wait for");
});

test("leaving reaches a generator that waits, through its signal", async (t) => {
  let aborted = false;
  const { dialler, listener } = await pair({
    targets: targetsOf({
      "quiet.watch": async function* (call): AsyncGenerator<Payload> {
        yield bytes("first");
        await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
        aborted = true;
      },
    }),
  });
  const items = dialler.session.call("quiet", "watch", bytes(""))[Symbol.asyncIterator]();
  t.is(text((await items.next()).value as Payload), "first");
  const next = items.next();
  await items.return?.();
  t.true((await next).done);
  await settle();
  t.true(aborted);
  void listener.session.stop(60_000);
  t.is(listener.session.state, "closed");
});

test("an error after some items arrives after them", async (t) => {
  const { dialler } = await pair({
    targets: targetsOf({
      "bad.stream": async function* (): AsyncGenerator<Payload> {
        yield bytes("1");
        yield bytes("2");
        throw new RangeError("no third");
      },
    }),
  });
  const got: string[] = [];
  const error = await t.throwsAsync(async () => {
    for await (const item of dialler.session.call("bad", "stream", bytes(""))) got.push(text(item));
  });
  t.deepEqual(got, ["1", "2"]);
  t.like(error, { name: "RangeError", message: "no third" });
});

test("a deadline covers the whole stream", async (t) => {
  const { dialler, clock } = await pair({
    targets: targetsOf({
      "quiet.watch": async function* (call): AsyncGenerator<Payload> {
        yield bytes("first");
        await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
      },
    }),
  });
  const items = dialler.session.call("quiet", "watch", bytes(""), { timeoutMs: 2_000 })[Symbol.asyncIterator]();
  await items.next();
  const next = t.throwsAsync(items.next(), { code: "DEADLINE_EXCEEDED" });
  await clock.advance(2_000);
  await next;
  t.true((await items.next()).done);
});

test("a broken link ends a stream with LOST, and its generator", async (t) => {
  const { seen, targets } = counting();
  const { dialler, network } = await pair({ targets });
  const items = dialler.session.call("numbers", "count", bytes("1000000"))[Symbol.asyncIterator]();
  await items.next();
  network.cut("b");
  const drain = async () => {
    while (!(await items.next()).done);
  };
  await t.throwsAsync(drain(), { code: "LOST" });
  await settle();
  t.is(seen.ended, 1);
});

test("awaiting a stream, or iterating over a single answer, says so", async (t) => {
  const { seen, targets } = counting();
  const { dialler } = await pair({
    targets: (name) => (name === "numbers" ? targets(name) : { handle: (call) => Promise.resolve(call.payload) }),
  });
  const awaited = await t.throwsAsync(Promise.resolve(dialler.session.call("numbers", "count", bytes("100"))));
  t.like(awaited, { code: "FAILED_PRECONDITION" });
  t.regex(awaited?.message ?? "", /iterate/);
  await settle();
  t.is(seen.ended, 1);
  const iterated = await t.throwsAsync(async () => {
    for await (const _ of dialler.session.call("echo", "say", bytes("x"))) t.fail();
  });
  t.like(iterated, { code: "FAILED_PRECONDITION" });
  t.regex(iterated?.message ?? "", /await/);
});

test("an outcome is iterated once", async (t) => {
  const { targets } = counting();
  const { dialler } = await pair({ targets });
  const outcome = dialler.session.call("numbers", "count", bytes("1"));
  for await (const _ of outcome);
  t.throws(() => outcome[Symbol.asyncIterator](), { code: "FAILED_PRECONDITION" });
});

test("too many streams are refused one by one", async (t) => {
  const { targets } = counting();
  const { dialler } = await pair({ targets, limits: { streamsInFlight: 2 }, diallerLimits: {} });
  const iterators = [1, 2, 3].map(() =>
    dialler.session.call("numbers", "count", bytes("1000"))[Symbol.asyncIterator](),
  );
  await iterators[0]?.next();
  await iterators[1]?.next();
  await t.throwsAsync(iterators[2]?.next() ?? Promise.resolve(), { code: "RESOURCE_EXHAUSTED" });
  await iterators[0]?.return?.();
  await settle();
  const fourth = dialler.session.call("numbers", "count", bytes("1"))[Symbol.asyncIterator]();
  t.is(text((await fourth.next()).value as Payload), "1");
});

test("a caller that grants no credit takes no stream; one that streams beyond its credit breaks the protocol", async (t) => {
  const { targets } = counting();
  const call = {
    method: "count",
    remainingMs: 0,
    trace: "",
    codec: "VALUE",
    payload: bytes("9").bytes,
    idempotent: false,
    key: "",
  } as const;
  const self = await rawOpen({ targets });
  self.say("call", { ...call, id: 1, target: "numbers", credit: 0 });
  await settle();
  t.like(self.heard, [{ kind: "fault", body: { id: 1, error: { code: "FAILED_PRECONDITION" } } }]);

  const outcome = self.listener.session.call("theirs", "stream", bytes(""));
  await settle();
  for (let i = 0; i < 33; i++) self.say("streamItem", { id: 1, codec: "VALUE", payload: new Uint8Array() });
  await settle();
  t.is(self.listener.closed?.code, "PROTOCOL_ERROR");
  await t.throwsAsync(async () => {
    for await (const _ of outcome);
  });
});

test("no credit at a time is too much to count, and none wakes nobody", async (t) => {
  const { seen, targets } = counting();
  const call = {
    method: "count",
    remainingMs: 0,
    trace: "",
    codec: "VALUE",
    payload: bytes("9").bytes,
    idempotent: false,
    key: "",
  } as const;
  const self = await rawOpen({ targets });
  self.say("call", { ...call, id: 1, target: "numbers", credit: 1 });
  await settle();
  self.say("credit", { id: 1, items: 0 });
  await settle();
  t.is(seen.produced, 1);
  for (let i = 0; i < 10; i++) self.say("credit", { id: 1, items: 0xffff_ffff });
  await settle();
  t.is(seen.ended, 1);
  t.is(self.heard.at(-1)?.kind, "streamEnd");
});
