import test from "ava";
import { Actor, ActorSystem, addBranch, type ExitReason, IrisError } from "../../src/runtime/index.ts";
import { Turns } from "../../src/runtime/turns.ts";
import { settle } from "../kit/manual-clock.ts";
import { gated, world } from "./kit.ts";

class Root extends Actor {
  readonly #log: string[];
  constructor(log: string[]) {
    super();
    this.#log = log;
  }
  override onStop(reason: ExitReason): void {
    this.#log.push(`${this.context.path} ${reason.kind}`);
  }
}

test("an actor is found by its path as long as it lives, by the same reference", async (t) => {
  await using w = world();
  const { ref } = gated(w.system);
  t.is(w.system.find("gated"), ref);
  t.is(w.system.find("nobody"), undefined);
  await ref.stop();
  t.is(w.system.find("gated"), undefined);
  t.is(gated(w.system).ref.path, "gated");
});

test("a name in use is ALREADY_EXISTS, a bad one INVALID_ARGUMENT, and one that is not given is made up", async (t) => {
  await using w = world();
  gated(w.system);
  t.throws(() => gated(w.system), {
    message: 'system test runs an actor "gated" already: give one of the two another name',
  });
  for (const name of ["", "a/b", "a b", ".", "-x", "ä", "x".repeat(128)]) {
    const error = t.throws(() => gated(w.system, { name }), { instanceOf: IrisError }, name);
    t.is((error as IrisError).code, "INVALID_ARGUMENT");
  }
  const paths = [1, 2].map(() => w.system.spawn(Root, { args: [[]] }).path);
  t.deepEqual(paths, ["root-1", "root-2"]);
  t.is(w.system.spawn(class {}).path, "actor-3");
});

test("options out of range are refused with the value", async (t) => {
  await using w = world();
  for (const concurrency of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => gated(w.system, { concurrency }), {
      message: `concurrency is ${concurrency}: wanted a whole number from 1, or Infinity`,
    });
  }
  for (const capacity of [0, 2.5])
    t.throws(() => gated(w.system, { mailbox: { capacity } }), { message: /capacity is/ });
  t.deepEqual(w.system.inspect().roots, []);
  await t.throwsAsync(w.system.stop({ timeoutMs: -5 }), { message: /timeoutMs is -5/ });
});

test("inspect shows state, depth, what is in hand and the counts; it is a copy", async (t) => {
  await using w = world();
  const { ref, open } = gated(w.system, { mailbox: { capacity: 3 } });
  const answers = [ref.call().wait("a"), ref.call().now("b")];
  await settle();
  const before = w.system.inspect();
  open("a");
  await Promise.all(answers);
  t.deepEqual(before, {
    name: "test",
    timeMs: w.clock.now(),
    roots: [
      {
        path: "gated",
        kind: "actor",
        state: "running",
        mailbox: { depth: 1, capacity: 3 },
        inHand: 1,
        restarts: 0,
        counts: {
          accepted: 2,
          handled: 0,
          failed: 0,
          expired: 0,
          cancelled: 0,
          rejected: 0,
          undeliverable: 0,
          open: 2,
          refused: 0,
        },
        children: [],
      },
    ],
  });
  t.like(w.system.inspect().roots[0]?.counts, { accepted: 2, handled: 2, open: 0 });
});

test("stopping the system stops the roots, the last spawned first, and nothing starts any more", async (t) => {
  await using w = world();
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) w.system.spawn(Root, { name, args: [log] });
  await settle();
  await Promise.all([w.system.stop(), w.system.stop()]);
  t.deepEqual(log, ["c shutdown", "b shutdown", "a shutdown"]);
  const error = t.throws(() => gated(w.system), { instanceOf: IrisError });
  t.is((error as IrisError).code, "FAILED_PRECONDITION");
  await t.throwsAsync(w.system.start({ startIn: async () => t.fail() }), { message: /has been stopped/ });
});

test("what does not stop in the system's time is killed, and the others still stop", async (t) => {
  await using w = world();
  const log: string[] = [];
  w.system.spawn(Root, { name: "first", args: [log] });
  const { ref } = gated(w.system);
  const lost = ref
    .call()
    .wait("never")
    .catch((error: IrisError) => error.code);
  await settle();
  const stopped = w.system.stop({ timeoutMs: 100 });
  await w.clock.advance(100);
  await stopped;
  t.is(await lost, "LOST");
  t.deepEqual(w.system.inspect().roots, []);
  t.is((await ref.ended).kind, "killed");
});

test("a branch is shown with the actors that are its own, and stopped in its place among the roots", async (t) => {
  await using w = world();
  const log: string[] = [];
  w.system.spawn(Root, { name: "before", args: [log] });
  const detach = addBranch(w.system, {
    path: "tree",
    snapshot: (find) => ({
      path: "tree",
      kind: "supervisor",
      state: "running",
      mailbox: { depth: 0, capacity: 0 },
      inHand: 0,
      restarts: 2,
      counts: {
        accepted: 0,
        handled: 0,
        failed: 0,
        expired: 0,
        cancelled: 0,
        rejected: 0,
        undeliverable: 0,
        open: 0,
        refused: 0,
      },
      children: [find("after")].filter((found) => found !== undefined),
    }),
    stop: async () => {
      log.push("tree stopped");
    },
    kill: async () => t.fail(),
  });
  w.system.spawn(Root, { name: "after", args: [log] });
  t.deepEqual(
    w.system.inspect().roots.map(({ path, children }) => [path, children.map((child) => child.path)]),
    [
      ["before", []],
      ["tree", ["after"]],
    ],
  );
  t.throws(() => w.system.spawn(Root, { name: "tree", args: [log] }), { message: /runs a tree "tree" already/ });
  await settle();
  await w.system.stop();
  t.deepEqual(log, ["after shutdown", "tree stopped", "before shutdown"]);
  detach();
});

test("a branch that hangs or fails holds up the system's stop no longer than its time", async (t) => {
  await using w = world();
  const snapshot = () => t.fail() as never;
  const killed: string[] = [];
  const branches = [
    { path: "hangs", snapshot, stop: () => new Promise(() => {}), kill: async (why: string) => killed.push(why) },
    { path: "fails", snapshot, stop: () => Promise.reject(new Error("no")), kill: async () => t.fail() },
  ].map((branch) => addBranch(w.system, branch));
  const stopped = w.system.stop({ timeoutMs: 100 });
  await w.clock.advance(100);
  await stopped;
  t.deepEqual(
    w.logger.lines.map(({ level, fields }) => `${level} ${fields["path"]}`),
    ["error fails", "warn hangs"],
  );
  t.deepEqual(killed, ["system test stopped, and it did not end within 100 ms"]);
  for (const detach of branches) detach();
});

test("a system can be disposed, twice without harm", async (t) => {
  const system = new ActorSystem();
  const { ref } = gated(system);
  await system[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
  t.is((await ref.ended).kind, "shutdown");
});

test("actors that keep each other busy starve neither one another nor the event loop", async (t) => {
  class Busy extends Actor {
    turns = 0;
    spin(): void {
      this.turns += 1;
      (this.context.self as ReturnType<typeof w.system.spawn<Busy, []>>).tell().spin();
    }
  }
  await using w = world();
  const refs = [w.system.spawn(Busy), w.system.spawn(Busy)];
  for (const ref of refs) ref.tell().spin();
  for (let tick = 0; tick < 5; tick++) await new Promise((resolve) => setImmediate(resolve));
  const handled = w.system.inspect().roots.map(({ counts }) => counts.handled);
  t.true(Math.min(...handled) > 100, String(handled));
  t.true(Math.max(...handled) <= 2 * Math.min(...handled) + 64, String(handled));
});

test("turns go round in order, a bounded batch each", async (t) => {
  const turns = new Turns({ messagesPerTurn: 2, messagesPerYield: 5 });
  const log: string[] = [];
  const runnable = (name: string, messages: number) => ({
    isQueued: false,
    get isReady() {
      return messages > 0;
    },
    turn(messagesMax: number) {
      const now = Math.min(messages, messagesMax);
      messages -= now;
      log.push(`${name}${now}`);
      return now;
    },
  });
  turns.enqueue(runnable("a", 5));
  turns.enqueue(runnable("b", 3));
  t.deepEqual(log, []);
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  t.deepEqual(log, ["a2", "b2", "a2"], "the yield comes after five messages");
  await settle(3);
  t.deepEqual(log, ["a2", "b2", "a2", "b1", "a1"]);
});
