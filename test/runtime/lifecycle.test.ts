import test from "ava";
import { Actor, type ActorRef, type ExitReason, IrisError, type Terminated } from "../../src/runtime/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { gated, world } from "./kit.ts";

const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: unknown) => (IrisError.is(error) ? error.code : String(error)),
  );

test("nothing is delivered before onStart has resolved, and nothing is lost meanwhile", async (t) => {
  const log: string[] = [];
  const start = Promise.withResolvers<void>();
  class Slow extends Actor {
    override async onStart(): Promise<void> {
      await start.promise;
      log.push("started");
    }
    work(): void {
      log.push("worked");
    }
  }
  await using w = world();
  const ref = w.system.spawn(Slow);
  const answer = ref.call().work();
  await settle();
  t.is(w.system.inspect().roots[0]?.state, "starting");
  t.deepEqual(log, []);
  start.resolve();
  await answer;
  t.deepEqual(log, ["started", "worked"]);
});

for (const [where, Broken] of Object.entries({
  constructor: class {
    constructor() {
      throw new Error("boom");
    }
    work(): void {}
  },
  onStart: class {
    async onStart(): Promise<void> {
      throw new Error("boom");
    }
    work(): void {}
  },
  "a synchronous onStart": class {
    onStart(): void {
      throw new Error("boom");
    }
    work(): void {}
  },
})) {
  test(`what ${where} throws ends the actor crashed: watchers told, queue undeliverable, no zombie`, async (t) => {
    await using w = world();
    const ref = w.system.spawn(Broken, { name: "broken" });
    const ends: Terminated[] = [];
    w.system.watch(ref, (end) => ends.push(end));
    const queued = await t.throwsAsync(ref.call().work());
    t.is((queued as IrisError).code, "UNDELIVERABLE");
    t.is(queued?.message, "broken ended (crashed: boom) before it came to work");
    const reason = await ref.ended;
    t.is(reason.kind === "crashed" && (reason.error.cause as Error).message, "boom");
    t.deepEqual(ends, [{ path: "broken", ref, reason }]);
    t.is(w.system.find("broken"), undefined);
    t.deepEqual(w.system.inspect().roots, []);
    const late = await t.throwsAsync(ref.call().work());
    t.is(late?.message, "broken has ended (crashed: boom); work was not delivered");
    t.false(ref.tell().work());
  });
}

test("children that a failing start has spawned end before the actor does", async (t) => {
  const log: string[] = [];
  class Child extends Actor {
    override onStop(): void {
      log.push("child");
    }
  }
  class Parent extends Actor {
    override async onStart(): Promise<void> {
      this.context.spawn(Child);
      await settle(2);
      throw new Error("boom");
    }
    override onStop(): void {
      log.push("never started, so never stopped");
    }
  }
  await using w = world();
  await w.system.spawn(Parent).ended;
  t.deepEqual(log, ["child"]);
});

test("a graceful stop finishes what is in hand, drains the queue, runs onStop and refuses what comes later", async (t) => {
  await using w = world();
  const { ref, log, open } = gated(w.system);
  const accepted = [ref.call().wait("a"), ref.call().now("b"), ref.call().wait("c")];
  await settle();
  const stopped = ref.stop();
  const refused = await t.throwsAsync(ref.call().now("late"));
  t.is((refused as IrisError).code, "UNDELIVERABLE");
  t.regex(refused?.message ?? "", /gated is ending .*; now was not delivered/);
  t.false(ref.tell().now("late"));
  open("a");
  await settle();
  t.is(w.system.inspect().roots[0]?.state, "stopping");
  t.is(await caught(ref.call().now("later still")), "UNDELIVERABLE");
  open("c");
  t.deepEqual(await stopped, { kind: "normal" });
  t.deepEqual(await Promise.all(accepted), ["a", "b", "c"]);
  t.deepEqual(log, ["begin a", "end a", "b", "begin c", "end c", "stop normal"]);
});

test("what has not ended after the grace is killed: in hand LOST and maybe executed, queued undeliverable", async (t) => {
  await using w = world();
  const { ref, log } = gated(w.system);
  const inHand = ref.call().wait("a");
  const queued = ref.call().now("b");
  await settle();
  const stopped = ref.stop({ graceMs: 500 });
  const answers = Promise.allSettled([inHand, queued]);
  await w.clock.advance(499);
  t.is(w.system.inspect().roots.length, 1);
  await w.clock.advance(1);
  t.deepEqual(await stopped, { kind: "killed", why: "did not end within 500 ms" });
  const [first, second] = (await answers).map((one) => (one as PromiseRejectedResult).reason as IrisError);
  t.is(first?.code, "LOST");
  t.true(first?.maybeExecuted);
  t.is(second?.code, "UNDELIVERABLE");
  t.is(second?.maybeExecuted, undefined);
  t.deepEqual(log, ["begin a", "abort a"]);
});

test("stop is idempotent, a later one can only bring the kill forward, and each tells how it ended", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  const lost = caught(ref.call().wait("a"));
  await settle();
  const stops = [ref.stop({ graceMs: 1_000 }), ref.stop({ graceMs: 100 }), ref.stop({ graceMs: 5_000 })];
  await w.clock.advance(100);
  const expected: ExitReason = { kind: "killed", why: "did not end within 100 ms" };
  t.deepEqual(
    await Promise.all([...stops, ref.stop(), ref.ended]),
    [1, 2, 3, 4, 5].map(() => expected),
  );
  t.is(await lost, "LOST");
  await t.throwsAsync(ref.stop({ graceMs: -1 }), { message: /graceMs is -1/ });
});

test("a stop right after the spawn waits for the start, then ends in order", async (t) => {
  await using w = world();
  const { ref, log } = gated(w.system);
  t.deepEqual(await ref.stop(), { kind: "normal" });
  t.deepEqual(log, ["stop normal"]);
});

test("a start that hangs is killed when the grace is over", async (t) => {
  class Stuck {
    onStart(): Promise<void> {
      return new Promise(() => {});
    }
    work(): void {}
  }
  await using w = world();
  const ref = w.system.spawn(Stuck);
  const queued = caught(ref.call().work());
  const stopped = ref.stop({ graceMs: 10 });
  await w.clock.advance(10);
  t.is((await stopped).kind, "killed");
  t.is(await queued, "UNDELIVERABLE");
});

test("what onStop throws makes the end a crash; an onStop that hangs is killed", async (t) => {
  class Failing {
    onStop(): void {
      throw new Error("cannot flush");
    }
  }
  class Hanging {
    onStop(): Promise<void> {
      return new Promise(() => {});
    }
  }
  await using w = world();
  const failed = await w.system.spawn(Failing).stop();
  t.is(failed.kind === "crashed" && failed.error.message, "cannot flush");
  const hanging = w.system.spawn(Hanging).stop({ graceMs: 10 });
  await w.clock.advance(10);
  t.is((await hanging).kind, "killed");
});

test("an actor can stop itself", async (t) => {
  class Once extends Actor {
    work(): string {
      void this.context.self.stop();
      return "done";
    }
  }
  await using w = world();
  const ref = w.system.spawn(Once);
  t.is(await ref.call().work(), "done");
  t.deepEqual(await ref.ended, { kind: "normal" });
});

test("watch fires exactly once, also for an actor that is dead already, and not after it was taken back", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  const ends: string[] = [];
  w.system.watch(ref, () => ends.push("before"));
  w.system.watch(ref, () => ends.push("never"))();
  w.system.watch(ref, () => {
    throw new Error("bad watcher");
  });
  await ref.stop();
  await ref.stop();
  w.system.watch(ref, ({ reason }) => ends.push(`after: ${reason.kind}`));
  t.deepEqual(ends, ["before"]);
  await settle();
  t.deepEqual(ends, ["before", "after: normal"]);
  t.is(w.logger.lines.filter(({ message }) => message === "a watcher threw").length, 1);
});

class Node extends Actor {
  readonly log: string[];
  constructor(log: string[]) {
    super();
    this.log = log;
  }
  grow(name: string): ActorRef<Node> {
    return this.context.spawn(Node, { name, args: [this.log] });
  }
  hang(): Promise<void> {
    return new Promise(() => {});
  }
  override onStop(reason: ExitReason): void {
    this.log.push(`${this.context.path} ${reason.kind}`);
  }
}

test("children end before their parent, the last spawned first", async (t) => {
  await using w = world();
  const log: string[] = [];
  const root = w.system.spawn(Node, { name: "root", args: [log] });
  const a = await root.call().grow("a");
  await root.call().grow("b");
  await a.call().grow("leaf");
  t.is(w.system.find("root/a/leaf")?.path, "root/a/leaf");
  t.deepEqual(
    w.system.inspect().roots[0]?.children.map(({ path }) => path),
    ["root/a", "root/b"],
  );
  await root.stop();
  t.deepEqual(log, ["root/b shutdown", "root/a/leaf shutdown", "root/a shutdown", "root normal"]);
});

test("a parent that is killed takes its children along", async (t) => {
  await using w = world();
  const root = w.system.spawn(Node, { name: "root", args: [[]] });
  const leaf = await (await root.call().grow("a")).call().grow("leaf");
  const lost = caught(root.call().hang());
  const ends: string[] = [];
  w.system.watch(root, () => ends.push("root"));
  w.system.watch(leaf, () => ends.push("leaf"));
  void root.stop({ graceMs: 10 });
  await w.clock.advance(10);
  t.is(await lost, "LOST");
  t.deepEqual(await leaf.ended, { kind: "killed", why: "its parent root/a was killed" });
  t.deepEqual(ends.sort(), ["leaf", "root"]);
});

test("an actor that is ending takes no more children", async (t) => {
  let refusal: unknown;
  class Late extends Actor {
    override onStop(): void {
      try {
        this.context.spawn(Node, { args: [[]] });
      } catch (error) {
        refusal = error;
      }
    }
  }
  await using w = world();
  await w.system.spawn(Late, { name: "late" }).stop();
  t.is((refusal as IrisError).code, "FAILED_PRECONDITION");
  t.regex((refusal as IrisError).message, /late is ending \(normal\) and takes no more children/);
});

test("outside of a call the context's signal aborts when the actor ends", async (t) => {
  const signals: AbortSignal[] = [];
  class Poller extends Actor {
    override onStart(): void {
      signals.push(this.context.signal);
    }
  }
  await using w = world();
  const ref = w.system.spawn(Poller);
  await settle();
  t.is(signals[0]?.aborted, false);
  await ref.stop();
  t.is(signals[0]?.aborted, true);
});
