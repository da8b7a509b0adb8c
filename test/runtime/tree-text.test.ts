import test from "ava";
import { Actor, formatTree } from "../../src/runtime/index.ts";
import { actor, service, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { gated, world } from "./kit.ts";

class Parent extends Actor {
  override onStart(): void {
    this.context.spawn(Leaf, { name: "leaf" });
  }
  fail(): void {
    throw new Error("boom");
  }
}
class Leaf {}

test("a tree is printed with everything in it, each below what holds it, in columns", async (t) => {
  await using w = world();
  t.is(formatTree(w.system.inspect()), "test");
  const { ref, open } = gated(w.system, { mailbox: { capacity: 9 } });
  const calls = [ref.call().wait("a"), ref.call().now("b"), ref.call().now("c")];
  const idle = service("idle", (ctx) => {
    ctx.ready();
    return new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve()));
  });
  const backoff = { minMs: 100, maxMs: 100 };
  const inner = supervise({ name: "inner", children: [actor(Parent, { id: "parent" }), idle] });
  const late = actor(Parent, { id: "late", backoff });
  const root = await w.system.start(supervise({ name: "root", children: [inner, late] }));
  const parent = root.whichChildren()[0]?.supervisor?.ref<Parent>("parent");
  for (let time = 0; time < 2; time++) await t.throwsAsync(parent?.call().fail() ?? Promise.resolve());
  await t.throwsAsync(root.ref<Parent>("late").call().fail());
  await settle();
  t.deepEqual(formatTree(w.system.inspect()).split("\n"), [
    "test",
    "├─ gated          actor       running  1 in hand, 2 of 9 messages wait",
    "└─ root           supervisor  running",
    "   ├─ inner       supervisor  running",
    "   │  ├─ parent   actor       running  2 restarts",
    "   │  │  └─ leaf  actor       running",
    "   │  └─ idle     service     running",
    "   └─ late        actor       down     1 restart",
  ]);
  open("a");
  await Promise.all(calls);
});
