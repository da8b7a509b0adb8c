import test from "ava";
import fc from "fast-check";
import { Actor, ActorSystem, dispatch, IrisError, type MessageCounts, tellTo } from "../../src/runtime/index.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { Gated, gate, gated, world } from "./kit.ts";

const sum = ({ handled, failed, expired, cancelled, rejected, undeliverable, open }: MessageCounts) =>
  handled + failed + expired + cancelled + rejected + undeliverable + open;

test("an actor handles one message at a time, in the order in which they were sent", async (t) => {
  await using w = world();
  const { ref, log, open } = gated(w.system);
  const answers = [ref.call().wait("a"), ref.call().now("b"), ref.call().wait("c")];
  await settle();
  t.deepEqual(log, ["begin a"]);
  open("c");
  open("a");
  t.deepEqual(await Promise.all(answers), ["a", "b", "c"]);
  t.deepEqual(log, ["begin a", "end a", "b", "begin c", "end c"]);
});

test("with concurrency n at most n messages are in hand; the spawn's word counts before the class's", async (t) => {
  class Wide extends Gated {
    static readonly concurrency = 2;
  }
  await using w = world();
  for (const [concurrency, expected] of [
    [undefined, 2],
    [3, 3],
  ] as const) {
    const gates = new Map<string, PromiseWithResolvers<void>>();
    const log: string[] = [];
    const ref = w.system.spawn(Wide, { args: [log, gates], concurrency });
    const answers = ["a", "b", "c", "d"].map((name) => ref.call().wait(name));
    await settle();
    t.is(log.length, expected);
    t.is(w.system.inspect().roots.at(-1)?.inHand, expected);
    for (const name of ["d", "c", "b", "a"]) gate(gates, name).resolve();
    t.deepEqual(await Promise.all(answers), ["a", "b", "c", "d"]);
  }
});

test("any class can be an actor, and so can an object that exists", async (t) => {
  class Adder {
    #sum: number;
    constructor(start: number) {
      this.#sum = start;
    }
    add(n: number): number {
      this.#sum += n;
      return this.#sum;
    }
  }
  await using w = world();
  const spawned = w.system.spawn(Adder, { args: [40] });
  t.is(await spawned.call().add(2), 42);
  t.is(spawned.path, "adder-1");
  const hosted = w.system.host(new Adder(1), { name: "hosted" });
  t.is(await hosted.call().add(2), 3);
  const literal = w.system.host({ double: (n: number) => n * 2 });
  t.is(await literal.call().double(4), 8);
});

test("a hosted Actor gets its context; one that no system took in says so", async (t) => {
  class Named extends Actor {
    name(): string {
      return this.context.path;
    }
  }
  await using w = world();
  const named = new Named();
  t.throws(() => named.name(), { message: /this Named has no context/ });
  t.is(await w.system.host(named, { name: "here" }).call().name(), "here");
});

test("a full mailbox gives a call back with MAILBOX_FULL, a tell with false, and keeps what it has", async (t) => {
  await using w = world();
  const { ref, open, log } = gated(w.system, { mailbox: { capacity: 2 } });
  const first = ref.call().wait("a");
  await settle();
  t.true(ref.tell().now("b"));
  const third = ref.call().now("c");
  t.false(ref.tell().now("d"));
  const error = await t.throwsAsync(ref.call().now("e"), { instanceOf: IrisError });
  t.is((error as IrisError).code, "MAILBOX_FULL");
  t.is(error?.message, "mailbox of gated is full: 2 of 2; now returned to its sender");
  t.true((error as IrisError).retryable);
  open("a");
  await Promise.all([first, third]);
  t.deepEqual(log, ["begin a", "end a", "b", "c"]);
  t.is(w.system.inspect().roots[0]?.counts.refused, 2);
});

test("a full mailbox does not keep a stop out", async (t) => {
  await using w = world();
  const { ref, open } = gated(w.system, { mailbox: { capacity: 1 } });
  const first = ref.call().wait("a");
  await settle();
  ref.tell().now("b");
  const stopped = ref.stop();
  open("a");
  await first;
  t.deepEqual(await stopped, { kind: "normal" });
});

test("what a method throws reaches its caller unchanged, and by default the actor lives on", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  class OutOfStock extends Error {}
  const thrown = new OutOfStock("none left");
  t.is(await t.throwsAsync(ref.call().fail(thrown)), thrown);
  t.is(await ref.call().now("a"), "a");
});

test("with onMethodError crash the caller gets the error and the actor ends crashed by it", async (t) => {
  await using w = world();
  const { ref, log } = gated(w.system, { onMethodError: "crash" });
  const thrown = new Error("boom");
  const failing = ref.call().fail(thrown);
  const behind = ref.call().now("behind");
  t.is(await t.throwsAsync(failing), thrown);
  const error = await t.throwsAsync(behind);
  t.is((error as IrisError).code, "UNDELIVERABLE");
  const reason = await ref.ended;
  t.is(reason.kind, "crashed");
  t.is(reason.kind === "crashed" && reason.error.cause, thrown);
  t.deepEqual(log, ["stop crashed"]);
  t.is(w.logger.lines.find(({ level }) => level === "error")?.message, "actor crashed");
});

test("what a told method throws is logged, since nobody waits for it", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  const error = new Error("unheard");
  t.true(ref.tell().fail(error));
  await ref.call().now("after");
  const [line] = w.logger.lines;
  t.is(line?.level, "warn");
  t.like(line?.fields, { path: "gated", method: "fail", error });
});

test("whatever is no public method is NO_SUCH_METHOD by call and false by tell", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  const names = ["nothing", "constructor", "onStop", "context", "_x", "toString", "hasOwnProperty", "__proto__", "log"];
  for (const name of names) {
    const error = await t.throwsAsync(dispatch(ref, name, []) as Promise<unknown>, undefined, name);
    t.is((error as IrisError).code, "NO_SUCH_METHOD", name);
    t.false(tellTo(ref, name, []), name);
  }
  const untyped = ref.call() as unknown as Record<string, () => Promise<unknown>>;
  t.is(((await t.throwsAsync(untyped["constructor"]?.() as Promise<unknown>)) as IrisError).code, "NO_SUCH_METHOD");
  t.false((ref.tell() as unknown as Record<string, () => boolean>)["nothing"]?.());
});

test("what call() gives is no promise, and can be printed", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  const calls = ref.call();
  t.is(await calls, calls);
  t.is(`${calls as unknown as string}`, "[calls to gated]");
  t.is(`${ref as unknown as string}`, "[actor gated]");
});

test("a call that would wait for itself is refused at once, and names the cycle", async (t) => {
  class Knot extends Actor {
    async ask(path: string, then: string[]): Promise<string> {
      const [next, ...rest] = then;
      const other = this.context.system.find<Knot>(path);
      if (other === undefined) return "nobody";
      return next === undefined ? other.call().end() : other.call().ask(next, rest);
    }
    end(): string {
      return "end";
    }
  }
  await using w = world();
  const a = w.system.spawn(Knot, { name: "a" });
  w.system.spawn(Knot, { name: "b" });
  t.is(await a.call().ask("b", []), "end");
  const error = await t.throwsAsync(a.call().ask("b", ["a"]));
  t.is((error as IrisError).code, "FAILED_PRECONDITION");
  t.regex(error?.message ?? "", /waits for itself: a → b → a/);
  t.regex((await t.throwsAsync(a.call().ask("a", [])))?.message ?? "", /waits for itself: a → a/);

  const wide = w.system.spawn(Knot, { name: "wide", concurrency: 2 });
  t.is(await wide.call().ask("wide", []), "end");
  await t.throwsAsync(wide.call().ask("wide", ["wide"]), { message: /wide → wide → wide/ });
});

test("a start hook that calls its own actor is told so instead of hanging", async (t) => {
  class Eager extends Actor {
    override async onStart(): Promise<void> {
      await (this.context.self as ReturnType<typeof w.system.spawn<Eager, []>>).call().ping();
    }
    ping(): void {}
  }
  await using w = world();
  const reason = await w.system.spawn(Eager, { name: "eager", mailbox: { capacity: 1 } }).ended;
  t.regex(reason.kind === "crashed" ? reason.error.message : "", /waits for itself: eager → eager/);
});

test("a method that returns an async iterable without being a generator is told what to do", async (t) => {
  await using w = world();
  const ref = w.system.host({
    list() {
      return (async function* () {
        yield 1;
      })();
    },
  });
  const error = await t.throwsAsync(dispatch(ref, "list", []) as Promise<unknown>);
  t.regex(error?.message ?? "", /only a method declared with async \*/);
});

test("dispatch without an answer resolves on acceptance and rejects a refusal", async (t) => {
  await using w = world();
  const { ref, open, log } = gated(w.system, { mailbox: { capacity: 1 } });
  t.is(await dispatch(ref, "wait", ["a"], { wantsAnswer: false }), undefined);
  await settle();
  await dispatch(ref, "now", ["b"], { wantsAnswer: false });
  const error = await t.throwsAsync(dispatch(ref, "now", ["c"], { wantsAnswer: false }) as Promise<unknown>);
  t.is((error as IrisError).code, "MAILBOX_FULL");
  open("a");
  await settle();
  t.deepEqual(log, ["begin a", "end a", "b"]);
});

test("every accepted message ends in exactly one way, whatever happens to them and to the actor", async (t) => {
  const message = fc.constantFrom("now", "wait", "fail", "nothing", "expire", "cancel", "tell", "open", "turn");
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (messages, concurrency, crashes) => {
        const clock = new ManualClock();
        const system = new ActorSystem({ clock });
        const options = { concurrency, mailbox: { capacity: 8 }, onMethodError: crashes ? "crash" : "keep" } as const;
        const { ref, open } = gated(system, options);
        const settled: Promise<unknown>[] = [];
        let sent = 0;
        let last: MessageCounts | undefined;
        const look = () => {
          last = system.inspect().roots[0]?.counts ?? last;
          if (last !== undefined) t.is(sum(last), last.accepted);
        };
        for (const what of messages) {
          const call = (promise: Promise<unknown>) => {
            sent += 1;
            settled.push(
              promise.then(
                () => "ok",
                (error: unknown) => (IrisError.is(error) ? error.code : "threw"),
              ),
            );
          };
          if (what === "now") call(ref.call().now("x"));
          else if (what === "wait") call(ref.call().wait("gate"));
          else if (what === "fail") call(ref.call().fail(new Error("boom")));
          else if (what === "nothing") call(dispatch(ref, "nothing", []) as Promise<unknown>);
          else if (what === "expire") call(ref.call({ timeoutMs: 5 }).wait("gate"));
          else if (what === "cancel") {
            const controller = new AbortController();
            call(ref.call({ signal: controller.signal }).wait("gate"));
            if (sent % 2 === 0) controller.abort();
          } else if (what === "tell") {
            ref.tell().now("told");
          } else if (what === "open") {
            open("gate");
            await settle(3);
          } else await clock.advance(10);
          look();
        }
        const stopped = ref.stop({ graceMs: 20 });
        await clock.advance(30);
        await stopped;
        const answers = await Promise.all(settled);
        t.is(answers.length, sent);
        t.is(clock.pending, 0);
        t.deepEqual(system.inspect().roots, []);
      },
    ),
    { numRuns: 60 },
  );
});
