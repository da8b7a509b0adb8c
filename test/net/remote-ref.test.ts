import test from "ava";
import { Answer } from "../../src/net/answer.ts";
import type { Channel, ChannelCallOptions, Outcome, Payload } from "../../src/net/channel.ts";
import { remoteRef } from "../../src/net/remote-ref.ts";
import { decodeValue, encodeValue } from "../../src/net/value/index.ts";
import { Actor } from "../../src/runtime/actor.ts";
import type { IrisError } from "../../src/runtime/errors.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";

interface Cart {
  add(item: string, count?: number): number;
  items(): AsyncGenerator<string>;
}

class RecordingChannel implements Channel {
  readonly calls: { target: string; method: string; args: unknown; options: ChannelCallOptions; answer: Answer }[] = [];
  left = 0;
  takesTells = true;

  call(target: string, method: string, payload: Payload, options: ChannelCallOptions = {}): Outcome {
    const answer = new Answer(`${target}.${method}`, { granted() {}, left: () => this.left++ }, 4);
    this.calls.push({ target, method, args: decodeValue(payload.bytes), options, answer });
    return answer;
  }
  tell(target: string, method: string, payload: Payload): boolean {
    if (this.takesTells) this.call(target, method, payload);
    return this.takesTells;
  }
}

const value = (of: unknown): Payload => ({ codec: "VALUE", bytes: encodeValue(of) });

function kit() {
  const channel = new RecordingChannel();
  const clock = new ManualClock();
  const ref = remoteRef<Cart>(channel, "cart-1", { clock, path: "ws://h:1/cart-1" });
  const last = () => {
    const call = channel.calls.at(-1);
    if (call === undefined) throw new Error("nothing was sent");
    return call;
  };
  return { channel, clock, ref, last };
}

test("a method call is sent at once, and its answer is the method's", async (t) => {
  const { ref, last } = kit();
  const outcome = ref.call({ timeoutMs: 100, idempotent: true }).add("tea", 2);
  t.like(last(), { target: "cart-1", method: "add", args: ["tea", 2] });
  t.like(last().options, { timeoutMs: 100, idempotent: true });
  last().answer.settle(value(7));
  t.is(await outcome, 7);
  t.is(await outcome, 7);
  t.is(await outcome.finally(() => {}), 7);
});

test("neither a reference nor its proxies are promises", async (t) => {
  const { ref, channel } = kit();
  t.is(await ref, ref);
  await ref.call();
  await ref.tell();
  t.is(channel.calls.length, 0);
  t.is((ref.call() as { then?: unknown }).then, undefined);
  t.is(String(Object.keys(ref.call())), "");
});

test("a stream's items are values; leaving the loop leaves the stream, a malformed item ends it", async (t) => {
  const { ref, last, channel } = kit();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const item of ref.call().items()) {
      seen.push(item);
      if (item === "b") break;
    }
  })();
  for (const item of ["a", "b", "c"]) last().answer.push(value(item));
  await reading;
  t.deepEqual(seen, ["a", "b"]);
  t.is(channel.left, 1);
  const failing = t.throwsAsync(async () => {
    for await (const _ of ref.call().items()) t.fail("it is no value");
  });
  last().answer.push({ codec: "PROTOBUF", bytes: new Uint8Array() });
  t.is(((await failing) as IrisError).code, "PROTOCOL_ERROR");
  t.is(channel.left, 2);
});

test("an answer that is no value is a PROTOCOL_ERROR", async (t) => {
  const { ref, last } = kit();
  const wrong = t.throwsAsync(async () => ref.call().add("tea"), { code: "PROTOCOL_ERROR" });
  last().answer.settle({ codec: "PROTOBUF", bytes: new Uint8Array() });
  await wrong;
});

test("arguments that cannot travel fail the call, and make a tell false", async (t) => {
  const { ref, channel } = kit();
  const odd = Symbol("local") as unknown as string;
  await t.throwsAsync(async () => ref.call().add(odd), { code: "NOT_SHIPPABLE" });
  t.false(ref.tell().add(odd));
  t.is(channel.calls.length, 0);
  t.true(ref.tell().add("tea"));
  channel.takesTells = false;
  t.false(ref.tell().add("tea"));
});

test("a call without time left, or cancelled before, is not sent", async (t) => {
  const { ref, channel, clock } = kit();
  await t.throwsAsync(async () => ref.call({ timeoutMs: 0 }).add("tea"), { code: "DEADLINE_EXCEEDED" });
  await t.throwsAsync(async () => ref.call({ signal: AbortSignal.abort() }).add("tea"), { code: "CANCELLED" });
  const late = ref.call({ timeoutMs: 10 });
  await clock.advance(10);
  const error = (await t.throwsAsync(async () => late.add("tea"))) as IrisError;
  t.is(error.code, "DEADLINE_EXCEEDED");
  t.regex(error.message, /ws:\/\/h:1\/cart-1\.add\(\)/);
  t.false(error.maybeExecuted);
  t.is(channel.calls.length, 0);
  t.throws(() => ref.call({ timeoutMs: -5 }), { code: "INVALID_ARGUMENT" });
});

test("a call made while handling another inherits its deadline and its cancellation, whichever is sooner", async (t) => {
  const { ref, channel, clock, last } = kit();
  class Shop extends Actor {
    order(timeoutMs: number | undefined): void {
      void ref.call({ timeoutMs }).add("tea");
      channel.calls.at(-1)?.options.signal?.addEventListener("abort", () => aborted.push(timeoutMs));
    }
    async hang(): Promise<void> {
      void ref.call().add("tea");
      await new Promise((_, reject) => this.context.signal.addEventListener("abort", reject, { once: true }));
    }
  }
  const aborted: unknown[] = [];
  await using system = new ActorSystem({ clock });
  const shop = system.spawn(Shop);
  await shop.call({ timeoutMs: 1_000 }).order(undefined);
  t.is(last().options.timeoutMs, 1_000);
  await shop.call({ timeoutMs: 1_000 }).order(5_000);
  t.is(last().options.timeoutMs, 1_000);
  await shop.call({ timeoutMs: 1_000 }).order(200);
  t.is(last().options.timeoutMs, 200);
  await shop.call().order(300);
  t.is(last().options.timeoutMs, 300);
  const caller = new AbortController();
  const hanging = t.throwsAsync(async () => shop.call({ signal: caller.signal }).hang(), { code: "CANCELLED" });
  await settle();
  t.false(last().options.signal?.aborted);
  caller.abort();
  await hanging;
  t.true(last().options.signal?.aborted);
});
