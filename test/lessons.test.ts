/** Failures of systems like ours that no test beside a part asks about; docs/guarantees.md lists them with all others. */
import test from "ava";
import type { Payload } from "../src/net/channel.ts";
import { decodeValue, encodeValue } from "../src/net/index.ts";
import { LocalPool } from "../src/pool/index.ts";
import { Cell } from "../src/runtime/cell.ts";
import { Actor, type ActorRef, ActorSystem, IrisError } from "../src/runtime/index.ts";
import { actor, supervise } from "../src/supervisors/index.ts";
import { ManualClock, settle } from "./kit/manual-clock.ts";
import { PROJECT, runProgram } from "./kit/programs.ts";
import { bytes, pair, targetsOf, text } from "./kit/session-pair.ts";

/** A method that waits until the test lets it go. */
class Busy {
  readonly #gate: Promise<void>;
  constructor(gate: Promise<void>) {
    this.#gate = gate;
  }
  async work(): Promise<string> {
    await this.#gate;
    return "done";
  }
  ping(): string {
    return "pong";
  }
}

test.serial("an actor that is ending takes no turns while it waits", async (t) => {
  const clock = new ManualClock();
  await using system = new ActorSystem({ clock });
  const gate = Promise.withResolvers<void>();
  const ref = system.spawn(Busy, { args: [gate.promise] });
  const working = ref.call().work();
  await settle();
  const stopped = ref.stop();
  await settle();
  const { turn } = Cell.prototype;
  let turns = 0;
  Cell.prototype.turn = function (this: Cell, max: number): number {
    turns++;
    return turn.call(this, max);
  };
  try {
    await clock.advance(4_999);
    t.is(turns, 0);
    gate.resolve();
    t.is((await stopped).kind, "normal");
    t.true(turns > 0 && turns < 5, `${turns} turns`);
  } finally {
    Cell.prototype.turn = turn;
  }
  t.is(await working, "done");
});

test("a start hook that fills its own small mailbox is told so, and the actor starts", async (t) => {
  const told: boolean[] = [];
  class Eager extends Actor {
    handled = 0;
    override onStart(): void {
      const self = this.context.self as ActorRef<Eager>;
      for (let time = 0; time < 3; time++) told.push(self.tell().note());
    }
    note(): number {
      return ++this.handled;
    }
  }
  await using system = new ActorSystem();
  const ref = system.spawn(Eager, { mailbox: { capacity: 1 } });
  await settle();
  t.deepEqual(told, [true, false, false]);
  t.is(await ref.call().note(), 2);
});

test("an item of a stream arrives before the next one is made", async (t) => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const targets = targetsOf({
    "slow.items": async function* (): AsyncGenerator<Payload> {
      for (const [index, gate] of gates.entries()) {
        yield bytes(`${index}`);
        await gate.promise;
      }
    },
  });
  const { dialler } = await pair({ targets });
  const items = dialler.session.call("slow", "items", bytes(""))[Symbol.asyncIterator]();
  for (const [index, gate] of gates.entries()) {
    const { value } = await items.next();
    t.is(text(value as Payload), `${index}`);
    gate.resolve();
  }
  t.true((await items.next()).done);
});

test("values are decoded where no code can be made from strings", async (t) => {
  const program = `
    const { decodeValue, encodeValue } = await import("${PROJECT}src/net/value/index.ts");
    try { new Function("return 1"); console.log("this proves nothing"); } catch { console.log("forbidden"); }
    class Point { x = 1; }
    const sent = [new Map([[1, new Date(0)]]), new Set("a"), new Uint8Array(3), 1n, new RangeError("no"), /x/g, new Point()];
    const back = decodeValue(encodeValue(sent));
    console.log(back.map((value) => value.constructor?.name ?? typeof value).join(" "));
  `;
  const flags = ["--disallow-code-generation-from-strings", "--input-type=module", "--eval", program];
  const { status, stdout, stderr } = await runProgram([process.execPath, ...flags], { cwd: PROJECT });
  t.is(status, 0, stderr);
  t.deepEqual(stdout.trim().split("\n"), ["forbidden", "Map Set Uint8Array BigInt RangeError RegExp Object"]);
});

test("decoding takes the processor's time in proportion to the message", (t) => {
  const message = (items: number) =>
    encodeValue(
      Array.from({ length: items }, (_, id) => ({ id, name: `n${id}`, tags: [id, `${id}`], at: new Date(id) })),
    );
  // The time of this process on a processor, which others that want it too do not lengthen.
  const leastMicros = (value: Uint8Array, times: number) =>
    Math.min(
      ...Array.from({ length: 7 }, () => {
        const from = process.cpuUsage();
        for (let round = 0; round < times; round++) decodeValue(value);
        const { user, system } = process.cpuUsage(from);
        return (user + system) / times;
      }),
    );
  const [small, large] = [message(2_000), message(32_000)];
  leastMicros(small, 20);
  const ratio = leastMicros(large, 1) / leastMicros(small, 16);
  // Sixteen times as much; what grows with the square would take 256 times as long.
  t.true(ratio < 100, `${ratio.toFixed(1)} times as long`);
});

test("a call that is cancelled while it runs harms no other call, and the next one starts", async (t) => {
  await using pool = new LocalPool({ threads: 2 });
  await pool.ready();
  while (pool.size < 2) await pool.submit(() => "warm");
  const threads = () => pool.status().workers.map(({ id }) => id);
  const before = threads();
  const other = pool.submit((ms: number) => new Promise((done) => setTimeout(done, ms, "unharmed")), 150);
  const first = pool.submit((ms: number) => new Promise((done) => setTimeout(done, ms, "late")), 100);
  await settle();
  t.is(pool.status().inFlight, 2);
  first.cancel();
  t.true(IrisError.is(await t.throwsAsync(first.result()), "CANCELLED"));
  t.is(await pool.submit(() => "next"), "next");
  t.is(await other, "unharmed");
  t.is(pool.status().retried, 0);
  t.deepEqual(threads(), before, "nobody was killed for it");
});

test("a cycle of calls over three actors and two systems is named at once", async (t) => {
  const all = new Map<string, ActorRef<Link>>();
  class Link extends Actor {
    async follow(way: string[]): Promise<string> {
      const [next, ...rest] = way;
      return next === undefined ? this.context.path : ((await all.get(next)?.call().follow(rest)) ?? "nobody");
    }
  }
  await using one = new ActorSystem({ name: "one" });
  await using two = new ActorSystem({ name: "two" });
  for (const [name, system] of Object.entries({ a: one, b: two, c: one })) all.set(name, system.spawn(Link, { name }));
  t.is(await all.get("a")?.call().follow(["b", "c"]), "c");
  const calls = all.get("a")?.call({ timeoutMs: 60_000 });
  const error = await t.throwsAsync(calls?.follow(["b", "c", "a"]) ?? Promise.resolve());
  t.regex(error?.message ?? "", /waits for itself: a → b → c → a/);
  t.true(IrisError.is(error, "FAILED_PRECONDITION"));
});

test("an actor that is busy for hours is not taken for dead", async (t) => {
  const clock = new ManualClock();
  await using system = new ActorSystem({ clock });
  const gate = Promise.withResolvers<void>();
  const tree = supervise({ name: "root", children: [actor(Busy, { id: "busy", args: [gate.promise] })] });
  const root = await system.start(tree);
  const ref = root.ref<Busy>("busy");
  const working = ref.call().work();
  const impatient = t.throwsAsync(ref.call({ timeoutMs: 30_000 }).ping());
  const patient = ref.call().ping();
  await clock.advance(4 * 3_600_000);
  t.true(IrisError.is(await impatient, "DEADLINE_EXCEEDED"));
  t.like(root.whichChildren()[0], { state: "running", restarts: 0 });
  gate.resolve();
  t.is(await working, "done");
  t.is(await patient, "pong");
  await root.stop();
});
