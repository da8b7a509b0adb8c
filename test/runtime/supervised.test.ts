import test from "ava";
import { type ActorRef, type ExitReason, IrisError, release, startSupervised } from "../../src/runtime/index.ts";
import { supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { Gated, gate, world } from "./kit.ts";

const caught = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: unknown) => (IrisError.is(error) ? `${error.code} ${error.maybeExecuted ?? ""}`.trim() : String(error)),
  );

function child(w: ReturnType<typeof world>, mailbox?: { capacity?: number; onRestart?: "retain" | "fail" }) {
  const log: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const start = (ref?: ActorRef<Gated>, previous?: ExitReason) =>
    startSupervised(w.system, Gated, { path: "sup/child", args: [log, gates], ref, previous, mailbox });
  return { start, log, open: (name: string) => gate(gates, name).resolve() };
}

test("a supervised actor ends crashed by what a method throws; its reference lives on with what is queued", async (t) => {
  await using w = world();
  const { start, log } = child(w);
  const first = await start();
  const failing = caught(first.ref.call().fail(new Error("boom")));
  const queued = first.ref.call().now("a");
  t.is(await failing, "Error: boom");
  const reason = await first.ended;
  t.is(reason.kind, "crashed");
  t.is(w.system.find("sup/child"), first.ref);
  t.is(w.system.inspect().roots[0]?.state, "down");
  const whileDown = first.ref.call().now("b");
  const second = await start(first.ref, reason);
  t.is(second.ref, first.ref);
  t.deepEqual(await Promise.all([queued, whileDown]), ["a", "b"]);
  t.deepEqual(log, ["stop crashed", "a", "b"]);
  t.is(w.system.inspect().roots[0]?.restarts, 1);
  t.like(w.system.inspect().roots[0]?.counts, { accepted: 3, failed: 1, handled: 2, open: 0 });
});

test("the message in hand does not survive a restart: it fails as maybe executed and is not run again", async (t) => {
  await using w = world();
  const { start, log, open } = child(w);
  const first = await start();
  const inHand = caught(first.ref.call().wait("a"));
  await settle();
  await first.kill("test");
  t.is(await inHand, "LOST true");
  await start(first.ref, await first.ended);
  open("a");
  await settle();
  t.deepEqual(log, ["begin a", "abort a", "end a"]);
});

test("with onRestart fail, what is queued and what comes while it is down is undeliverable", async (t) => {
  await using w = world();
  const { start } = child(w, { onRestart: "fail" });
  const first = await start();
  const failing = caught(first.ref.call().fail(new Error("boom")));
  const queued = caught(first.ref.call().now("a"));
  await failing;
  await first.ended;
  t.is(await queued, "UNDELIVERABLE");
  t.is(await caught(first.ref.call().now("b")), "UNDELIVERABLE");
  t.false(first.ref.tell().now("c"));
  await start(first.ref, await first.ended);
  t.is(await first.ref.call().now("d"), "d");
});

test("the mailbox stays bounded while the actor is down", async (t) => {
  await using w = world();
  const { start } = child(w, { capacity: 1 });
  const first = await start();
  await first.kill("test");
  t.true(first.ref.tell().now("a"));
  t.is(await caught(first.ref.call().now("b")), "MAILBOX_FULL");
});

test("the next incarnation hears how the last one ended, before its start", async (t) => {
  const log: string[] = [];
  class Phoenix {
    onStart(): void {
      log.push("start");
    }
    async onRestart(reason: ExitReason): Promise<void> {
      await settle(1);
      log.push(`restart after ${reason.kind}`);
    }
  }
  await using w = world();
  const first = await startSupervised(w.system, Phoenix, { path: "p", args: [] });
  await first.kill("test");
  await startSupervised(w.system, Phoenix, { path: "p", args: [], ref: first.ref, previous: await first.ended });
  t.deepEqual(log, ["start", "restart after killed", "start"]);
});

test("a stop of the incarnation drains what was queued, keeps what comes later, and leaves the reference down", async (t) => {
  await using w = world();
  const { start, open, log } = child(w);
  const first = await start();
  const drained = [first.ref.call().wait("a"), first.ref.call().now("b")];
  await settle();
  const stopped = first.stop("because", 1_000);
  await settle();
  const later = first.ref.call().now("later");
  open("a");
  t.deepEqual(await stopped, { kind: "shutdown", why: "because" });
  t.deepEqual(await Promise.all(drained), ["a", "b"]);
  t.deepEqual(log, ["begin a", "end a", "b", "stop shutdown"]);
  await start(first.ref, await first.ended);
  t.is(await later, "later");
  t.deepEqual(await first.stop("old handle", 0), { kind: "shutdown", why: "because" });
  t.is(w.system.inspect().roots[0]?.state, "running");
});

test("a first start that fails rejects with the error and leaves nothing; a later one leaves the reference down", async (t) => {
  let broken = true;
  class Fragile {
    constructor() {
      if (broken) throw new TypeError("broken");
    }
    ping(): string {
      return "pong";
    }
  }
  await using w = world();
  const start = (ref?: ActorRef<Fragile>) => startSupervised(w.system, Fragile, { path: "f", args: [], ref });
  const error = await t.throwsAsync(start());
  t.true(error?.cause instanceof TypeError);
  t.is(w.system.find("f"), undefined);
  broken = false;
  const { ref, kill } = await start();
  await kill("test");
  const waiting = ref.call().ping();
  broken = true;
  await t.throwsAsync(start(ref), { message: "broken" });
  t.is(w.system.inspect().roots[0]?.state, "down");
  broken = false;
  await start(ref);
  t.is(await waiting, "pong");
});

test("release ends the reference: watchers told once, queue undeliverable, later calls refused", async (t) => {
  await using w = world();
  const { start } = child(w);
  const first = await start();
  const ends: ExitReason[] = [];
  w.system.watch(first.ref, ({ reason }) => ends.push(reason));
  await first.kill("test");
  await settle();
  t.deepEqual(ends, []);
  const queued = caught(first.ref.call().now("a"));
  const reason: ExitReason = { kind: "shutdown", why: "gave up" };
  release(first.ref, reason);
  release(first.ref, { kind: "normal" });
  t.is(await queued, "UNDELIVERABLE");
  t.deepEqual(await first.ref.ended, reason);
  t.deepEqual(ends, [reason]);
  t.is(await caught(first.ref.call().now("b")), "UNDELIVERABLE");
  t.is(w.system.find("sup/child"), undefined);
});

test("release kills an incarnation that still lives", async (t) => {
  await using w = world();
  const { start } = child(w);
  const first = await start();
  const inHand = caught(first.ref.call().wait("a"));
  await settle();
  release(first.ref, { kind: "shutdown", why: "gave up" });
  t.is(await inHand, "LOST true");
  t.deepEqual(await first.ref.ended, { kind: "shutdown", why: "gave up" });
});

test("a reference takes a new incarnation only when it is down, and a path only one actor", async (t) => {
  await using w = world();
  const { start } = child(w);
  const first = await start();
  t.is(await caught(start(first.ref)), "FAILED_PRECONDITION");
  t.is(await first.ref.call().now("unharmed"), "unharmed");
  t.is(await caught(start()), "ALREADY_EXISTS");
  t.is(await caught(startSupervised(w.system, Gated, { path: "bad//path", args: [] })), "INVALID_ARGUMENT");
});

test("a system that stops ends references that nobody has released", async (t) => {
  await using w = world();
  const { start } = child(w);
  const first = await start();
  await first.kill("test");
  const queued = caught(first.ref.call().now("a"));
  await w.system.stop();
  t.is(await queued, "UNDELIVERABLE");
  t.deepEqual(await first.ref.ended, { kind: "shutdown", why: "system test stopped" });
  t.is(await caught(start()), "FAILED_PRECONDITION");
});

test("a start that is called off kills what is starting, and rejects", async (t) => {
  class Stuck {
    onStart(): Promise<void> {
      return new Promise(() => {});
    }
  }
  await using w = world();
  const controller = new AbortController();
  const starting = startSupervised(w.system, Stuck, { path: "s", args: [], signal: controller.signal });
  await settle();
  controller.abort();
  const error = await t.throwsAsync(starting);
  t.is((error as IrisError).code, "CANCELLED");
  t.is(error?.message, "s ended before it had started (killed: its start was called off)");
  t.is(w.system.find("s"), undefined);
});

test("spawn under a supervisor gives a reference at once; the supervisor starts it, and again if it is to", async (t) => {
  await using w = world();
  const supervisor = await w.system.start(supervise({ name: "sup", children: [] }));
  const log: string[] = [];
  const ref = w.system.spawn(Gated, { name: "child", args: [log], supervisor, restart: "permanent" });
  t.is(ref.path, "sup/child");
  t.is(await ref.call().now("a"), "a");
  await settle();
  t.is(supervisor.ref("child"), ref as ActorRef<unknown>);
  t.is(await caught(ref.call().fail(new Error("boom"))), "Error: boom");
  t.is(await ref.call().now("b"), "b");
  t.deepEqual(log, ["a", "stop crashed", "b"]);
  await settle();
  const [root] = w.system.inspect().roots;
  t.is(root?.path, "sup");
  t.like(root?.children[0], { path: "sup/child", restarts: 1, counts: { handled: 2, failed: 1 } });
  await supervisor.stop();
  t.is((await ref.ended).kind, "shutdown");
});

test("spawn under a supervisor that cannot start it ends the reference crashed", async (t) => {
  class Broken {
    constructor() {
      throw new Error("broken");
    }
    ping(): void {}
  }
  await using w = world();
  const supervisor = await w.system.start(supervise({ name: "sup", children: [] }));
  const ref = w.system.spawn(Broken, { name: "child", supervisor });
  t.is(await caught(ref.call().ping()), "UNDELIVERABLE");
  const reason = await ref.ended;
  t.is(reason.kind === "crashed" && reason.error.message, "broken");
  t.deepEqual(supervisor.whichChildren(), []);
});
