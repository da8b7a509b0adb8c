import test from "ava";
import { Actor, IrisError } from "../../src/runtime/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { world } from "./kit.ts";

class Source extends Actor {
  readonly log: string[];
  constructor(log: string[]) {
    super();
    this.log = log;
  }
  async *count(to: number): AsyncGenerator<number> {
    try {
      for (let n = 0; n < to; n++) {
        this.log.push(`yield ${n}`);
        yield n;
      }
    } finally {
      await settle(1);
      this.log.push("closed");
    }
  }
  async *failing(): AsyncGenerator<number> {
    yield 1;
    throw new Error("dry");
  }
  async *stuck(): AsyncGenerator<number> {
    const { signal } = this.context;
    yield 1;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    this.log.push("told to stop");
  }
  ping(): string {
    return "pong";
  }
}

function source(w: ReturnType<typeof world>, options = {}) {
  const log: string[] = [];
  return { ref: w.system.spawn(Source, { name: "source", args: [log], ...options }), log };
}
const codeOf = (error: unknown) => (IrisError.is(error) ? error.code : String(error));

test("a method that is an async generator streams, value by value, to the end", async (t) => {
  await using w = world();
  const { ref } = source(w);
  t.deepEqual(await Array.fromAsync(ref.call().count(4)), [0, 1, 2, 3]);
  t.like(w.system.inspect().roots[0]?.counts, { accepted: 1, handled: 1, open: 0 });
});

test("nothing is sent before the first pull, and nothing is read ahead", async (t) => {
  await using w = world();
  const { ref, log } = source(w);
  const stream = ref.call().count(10)[Symbol.asyncIterator]();
  await settle();
  t.deepEqual(log, []);
  await stream.next();
  await settle();
  t.deepEqual(log, ["yield 0"]);
  await stream.next();
  await settle();
  t.deepEqual(log, ["yield 0", "yield 1"]);
  await stream.return?.();
});

test("leaving the loop ends the generator, finally blocks included, before the loop is left", async (t) => {
  await using w = world();
  const { ref, log } = source(w);
  for await (const n of ref.call().count(10)) if (n === 1) break;
  t.deepEqual(log, ["yield 0", "yield 1", "closed"]);
  t.is(await ref.call().ping(), "pong");
});

test("a stream is the message in hand until it ends: others wait", async (t) => {
  await using w = world();
  const { ref, log } = source(w);
  const stream = ref.call().count(2)[Symbol.asyncIterator]();
  await stream.next();
  const behind = ref
    .call()
    .ping()
    .then(() => log.push("ping"));
  await settle();
  t.deepEqual(log, ["yield 0"]);
  await stream.next();
  t.deepEqual(await stream.next(), { done: true, value: undefined });
  await behind;
  t.deepEqual(log, ["yield 0", "yield 1", "closed", "ping"]);
});

test("pulls made at once are answered in order", async (t) => {
  await using w = world();
  const { ref } = source(w);
  const stream = ref.call().count(2)[Symbol.asyncIterator]();
  const pulls = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
  t.deepEqual(
    pulls.map(({ value }) => value),
    [0, 1, undefined, undefined],
  );
});

test("what the generator throws reaches the loop unchanged; the actor lives on, or crashes if it is to", async (t) => {
  await using w = world();
  const { ref } = source(w);
  const seen: unknown[] = [];
  await t.throwsAsync(
    async () => {
      for await (const n of ref.call().failing()) seen.push(n);
    },
    { message: "dry" },
  );
  t.deepEqual(seen, [1]);
  t.is(await ref.call().ping(), "pong");
  const brittle = source(w, { name: "brittle", onMethodError: "crash" });
  await t.throwsAsync(Array.fromAsync(brittle.ref.call().failing()), { message: "dry" });
  t.is((await brittle.ref.ended).kind, "crashed");
});

test("a deadline ends a stream that waits, and its generator", async (t) => {
  await using w = world();
  const { ref, log } = source(w);
  const all = Array.fromAsync(ref.call({ timeoutMs: 50 }).stuck()).then(String, codeOf);
  await w.clock.advance(50);
  t.is(await all, "DEADLINE_EXCEEDED");
  await settle();
  t.deepEqual(log, ["told to stop"]);
  t.is(await ref.call().ping(), "pong");
  t.like(w.system.inspect().roots[0]?.counts, { expired: 1, handled: 1, open: 0 });
});

test("a failure that comes between two pulls is told to the next", async (t) => {
  await using w = world();
  const { ref } = source(w);
  const controller = new AbortController();
  const stream = ref.call({ signal: controller.signal }).count(5)[Symbol.asyncIterator]();
  await stream.next();
  controller.abort();
  await settle();
  t.is(await stream.next().then(String, codeOf), "CANCELLED");
  t.deepEqual(await stream.next(), { done: true, value: undefined });
  t.is(await ref.call().ping(), "pong");
});

test("leaving while the generator waits tells it so", async (t) => {
  await using w = world();
  const { ref, log } = source(w);
  const stream = ref.call().stuck()[Symbol.asyncIterator]();
  await stream.next();
  const pull = stream.next();
  await settle();
  await stream.return?.();
  t.deepEqual(await pull, { done: true, value: undefined });
  t.deepEqual(log, ["told to stop"]);
});

test("leaving before it was handled takes the message back; leaving before the first pull sends nothing", async (t) => {
  await using w = world();
  const { ref, log } = source(w);
  const held = ref.call().stuck()[Symbol.asyncIterator]();
  await held.next();
  const waiting = ref.call().count(3)[Symbol.asyncIterator]();
  const pull = waiting.next();
  await settle();
  await waiting.return?.();
  t.deepEqual(await pull, { done: true, value: undefined });
  await ref.call().count(3)[Symbol.asyncIterator]().return?.();
  t.like(w.system.inspect().roots[0]?.counts, { accepted: 2, cancelled: 1 });
  await held.return?.();
  t.false(log.includes("yield 0"));
});

test("a stream whose actor is killed fails as lost; one whose actor has ended as undeliverable", async (t) => {
  await using w = world();
  const { ref } = source(w);
  const stream = ref.call().stuck()[Symbol.asyncIterator]();
  await stream.next();
  const pull = stream.next().then(String, codeOf);
  void ref.stop({ graceMs: 10 });
  await w.clock.advance(10);
  t.is(await pull, "LOST");
  t.is(await Array.fromAsync(ref.call().count(1)).then(String, codeOf), "UNDELIVERABLE");
});

test("a tell cannot stream: it is refused", async (t) => {
  await using w = world();
  const { ref, log } = source(w);
  t.false((ref.tell() as unknown as { count(n: number): boolean }).count(1));
  await settle();
  t.deepEqual(log, []);
});
