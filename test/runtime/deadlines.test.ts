import test from "ava";
import { Actor, type ActorRef, currentCall, IrisError } from "../../src/runtime/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { gated, world } from "./kit.ts";

const codeOf = (error: unknown) => (IrisError.is(error) ? `${error.code} ${error.maybeExecuted}` : String(error));
const caught = (promise: Promise<unknown>) => promise.then(() => "answered", codeOf);

test("a call settles at its deadline even if the method hangs; the method sees the signal", async (t) => {
  await using w = world();
  const { ref, log, open } = gated(w.system);
  const answer = caught(ref.call({ timeoutMs: 100 }).wait("a"));
  await w.clock.advance(99);
  t.deepEqual(log, ["begin a"]);
  await w.clock.advance(1);
  t.is(await answer, "DEADLINE_EXCEEDED true");
  t.deepEqual(log, ["begin a", "abort a"]);
  open("a");
});

test("the place of a method that hangs past its deadline is not given away before it returns", async (t) => {
  await using w = world();
  const { ref, log, open } = gated(w.system);
  const first = caught(ref.call({ timeoutMs: 10 }).wait("a"));
  const second = ref.call().now("b");
  await w.clock.advance(10);
  t.is(await first, "DEADLINE_EXCEEDED true");
  t.false(log.includes("b"));
  open("a");
  t.is(await second, "b");
});

test("work past its deadline is not started", async (t) => {
  await using w = world();
  const { ref, log, open } = gated(w.system);
  const first = ref.call().wait("a");
  const late = caught(ref.call({ timeoutMs: 10 }).now("late"));
  t.true(ref.tell({ timeoutMs: 10 }).now("late too"));
  await w.clock.advance(10);
  t.is(await late, "DEADLINE_EXCEEDED false");
  open("a");
  await first;
  await settle();
  t.deepEqual(log, ["begin a", "end a"]);
  t.like(w.system.inspect().roots[0]?.counts, { handled: 1, expired: 2, open: 0 });
  t.is(await caught(ref.call({ timeoutMs: 0 }).now("never")), "DEADLINE_EXCEEDED false");
});

test("an expired message gives its place in a full mailbox back", async (t) => {
  await using w = world();
  const { ref, open } = gated(w.system, { mailbox: { capacity: 1 } });
  const first = ref.call().wait("a");
  await settle();
  const late = caught(ref.call({ timeoutMs: 10 }).now("late"));
  t.false(ref.tell().now("b"));
  await w.clock.advance(10);
  await late;
  t.true(ref.tell().now("c"));
  open("a");
  await first;
});

test("a deadline travels into the calls made while handling the call; the sooner one counts", async (t) => {
  class Front extends Actor {
    readonly #back: ActorRef<Back>;
    constructor(back: ActorRef<Back>) {
      super();
      this.#back = back;
    }
    plain(): Promise<number | undefined> {
      return this.#back.call().deadline();
    }
    async later(): Promise<number | undefined> {
      await settle(2);
      return this.#back.call({ timeoutMs: 1_000 }).deadline();
    }
    sooner(): Promise<number | undefined> {
      return this.#back.call({ timeoutMs: 10 }).deadline();
    }
  }
  class Back extends Actor {
    deadline(): number | undefined {
      t.is(this.context.deadlineAt, currentCall()?.deadlineAt);
      return this.context.deadlineAt;
    }
  }
  await using w = world();
  const now = w.clock.now();
  const front = w.system.spawn(Front, { args: [w.system.spawn(Back)] });
  t.is(await front.call().plain(), undefined);
  t.is(await front.call({ timeoutMs: 50 }).plain(), now + 50);
  t.is(await front.call({ timeoutMs: 50 }).later(), now + 50);
  t.is(await front.call({ timeoutMs: 50 }).sooner(), now + 10);
});

test("a child that is spawned in a call does not inherit the call's deadline", async (t) => {
  class Child extends Actor {
    #atStart: unknown = "unset";
    override async onStart(): Promise<void> {
      this.#atStart = currentCall();
    }
    seen(): unknown {
      return this.#atStart;
    }
  }
  class Parent extends Actor {
    make(): ActorRef<Child> {
      return this.context.spawn(Child, { name: "child" });
    }
  }
  await using w = world();
  const parent = w.system.spawn(Parent);
  const child = await parent.call({ timeoutMs: 10 }).make();
  t.is(await child.call().seen(), undefined);
});

test("aborting takes a queued call back, and reaches the method of one in hand", async (t) => {
  await using w = world();
  const { ref, log, open } = gated(w.system);
  const [inHand, queued] = [new AbortController(), new AbortController()];
  const first = caught(ref.call({ signal: inHand.signal }).wait("a"));
  const second = caught(ref.call({ signal: queued.signal }).now("b"));
  await settle();
  queued.abort();
  inHand.abort();
  t.is(await first, "CANCELLED true");
  t.is(await second, "CANCELLED false");
  t.is(await caught(ref.call({ signal: AbortSignal.abort() }).now("c")), "CANCELLED false");
  open("a");
  await settle();
  t.deepEqual(log, ["begin a", "abort a", "end a"]);
  t.like(w.system.inspect().roots[0]?.counts, { cancelled: 3, handled: 0, open: 0 });
});

test("an actor that crashes on errors survives a method that gives up because it was told to", async (t) => {
  class Polite extends Actor {
    async work(): Promise<void> {
      const { signal } = this.context;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    ping(): string {
      return "alive";
    }
  }
  await using w = world();
  const ref = w.system.spawn(Polite, { onMethodError: "crash" });
  const answer = caught(ref.call({ timeoutMs: 10 }).work());
  await w.clock.advance(10);
  t.is(await answer, "DEADLINE_EXCEEDED true");
  t.is(await ref.call().ping(), "alive");
});

test("a call that has settled leaves no timer and no listener behind", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  const remove = signal.removeEventListener.bind(signal);
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  await ref.call({ timeoutMs: 1_000, signal }).now("a");
  t.is(w.clock.pending, 0);
  t.is(listeners, 0);
});

test("a time-out that is no duration is refused", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  for (const timeoutMs of [-1, Number.NaN]) t.throws(() => ref.call({ timeoutMs }), { message: /timeoutMs is/ });
});
