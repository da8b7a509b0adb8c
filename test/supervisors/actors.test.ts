/** Supervised actors, in trees that a system runs, shows and stops. */
import test from "ava";
import { Actor } from "../../src/runtime/actor.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import type { ActorSnapshot } from "../../src/runtime/tree.ts";
import { actor, dynamic, service, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { record, stage } from "./kit.ts";

const seen: string[] = [];

class Counter extends Actor {
  #count: number;
  readonly #label: string;

  constructor(start = 0, label = "counter") {
    super();
    this.#count = start;
    this.#label = label;
  }

  override onRestart(reason: ExitReason): void {
    seen.push(`${this.#label} restarted after ${reason.kind}`);
  }

  override onStop(reason: ExitReason): void {
    seen.push(`${this.#label} stopped: ${reason.kind}`);
  }

  add(by: number): number {
    this.#count += by;
    return this.#count;
  }

  label(): string {
    return this.#label;
  }

  fail(): void {
    throw new Error("boom");
  }
}

class Fussy {
  constructor() {
    throw new Error("not today");
  }
}

test("a reference stays valid while its actor is restarted, with state as new", async (t) => {
  const { system } = stage();
  const root = await system.start(
    supervise({ name: "shop", children: [actor(Counter, { id: "cart", args: [10, "cart"] })] }),
  );
  const cart = root.ref<Counter>("cart");
  t.is(cart.path, "shop/cart");
  t.is(await cart.call().add(1), 11);
  await t.throwsAsync(cart.call().fail(), { message: "boom" });
  t.is(await cart.call().add(1), 11, "the next one begins anew");
  t.is(root.ref<Counter>("cart"), cart);
  t.true(seen.includes("cart restarted after crashed"));
  t.is(system.find<Counter>("shop/cart")?.path, "shop/cart");
  await root.stop();
  const error = await t.throwsAsync(cart.call().add(1));
  t.true(IrisError.is(error), "once the tree has ended, calls fail at once");
  t.is((await cart.ended).kind, "shutdown");
  t.is(system.find("shop/cart"), undefined);
});

test("a restart is counted before the new life answers anybody", async (t) => {
  const { system } = stage();
  const root = await system.start(
    supervise({
      name: "shop",
      strategy: "oneForAll",
      children: [actor(Counter, { id: "cart" }), actor(Counter, { id: "till" })],
    }),
  );
  const counted = () => root.whichChildren().map(({ restarts }) => restarts);
  await t.throwsAsync(root.ref<Counter>("cart").call().fail());
  await root.ref<Counter>("cart").call().add(1);
  t.deepEqual(counted(), [1, 1], "its sibling's restart is counted with it");
  t.is(system.inspect().roots[0]?.children[0]?.restarts, 1);
  await root.terminateChild("till");
  await root.restartChild("till");
  t.deepEqual(counted(), [1, 2], "one by hand counts too");
  await system.stop();
});

test("watchers hear of an actor's end once, when it is given up, not when it is restarted", async (t) => {
  const { system } = stage();
  const root = await system.start(supervise({ name: "shop", children: [actor(Counter, { id: "cart" })] }));
  const ends: string[] = [];
  system.watch(root.ref("cart"), ({ reason }) => ends.push(reason.kind));
  await t.throwsAsync(root.ref<Counter>("cart").call().fail());
  await settle();
  t.deepEqual(ends, []);
  await root.terminateChild("cart");
  await settle();
  t.deepEqual(ends, ["shutdown"]);
  await root.restartChild("cart");
  t.is(await root.ref<Counter>("cart").call().add(2), 2, "by hand it is another actor, with a reference of its own");
  await system.stop();
});

test("references survive the restart of the supervisor above", async (t) => {
  const { system } = stage();
  const inner = supervise({
    name: "inner",
    intensity: { maxRestarts: 0, withinMs: 1 },
    children: [actor(Counter, { id: "a" }), actor(Counter, { id: "b" })],
  });
  const root = await system.start(supervise({ name: "root", children: [inner] }));
  const a = root.whichChildren()[0]?.supervisor?.ref<Counter>("a");
  const b = root.whichChildren()[0]?.supervisor?.ref<Counter>("b");
  await b?.call().add(5);
  await t.throwsAsync(a?.call().fail() ?? Promise.resolve());
  await settle();
  t.is(await b?.call().add(1), 1, "its supervisor gave up, and was started again with all its children");
  await root.stop();
});

test("a constructor that throws is a failed start, and the path is free again", async (t) => {
  const { system } = stage();
  const tree = supervise({ name: "root", children: [actor(Counter, { id: "a" }), actor(Fussy, { id: "b" })] });
  await t.throwsAsync(system.start(tree), { message: /child "b" did not start.*not today/ });
  t.is(system.find("root/a"), undefined);
  t.deepEqual(system.inspect().roots, []);
  const root = await system.start(supervise({ name: "root", children: [actor(Counter, { id: "a" })] }));
  await root.stop();
});

test("an actor added to a dynamic supervisor gets the template's arguments and its own", async (t) => {
  const { system } = stage();
  const rooms = await system.start(dynamic("rooms", actor(Counter, { id: "room", args: [7], restart: "temporary" })));
  const info = await rooms.startChild({ id: "blue", args: ["blue"] });
  t.is(info.path, "rooms/blue");
  t.is(await rooms.ref<Counter>("blue").call().label(), "blue");
  t.is(await rooms.ref<Counter>("blue").call().add(0), 7);
  await rooms.terminateChild("blue");
  t.throws(() => rooms.ref("blue"), { message: /has no child "blue"/ });
  t.is((await rooms.startChild({ id: "blue" })).path, "rooms/blue", "its name is free again");
  await rooms.stop();
});

test("a service has no reference, and says so", async (t) => {
  const { system } = stage();
  const root = await system.start(supervise({ name: "root", children: [service("s", (ctx) => ctx.ready())] }));
  t.throws(() => root.ref("s"), { message: 'child "s" of supervisor root is a service, which has no reference' });
  await root.stop();
});

function outline({ path, kind, state, children }: ActorSnapshot): unknown[] {
  return [path, kind, state, ...children.map(outline)];
}

test("the system shows the whole tree, and the restarts in it", async (t) => {
  const { system, clock } = stage();
  const waiting = actor(Counter, { id: "w", backoff: { minMs: 100, maxMs: 100 } });
  const inner = supervise({ name: "inner", children: [actor(Counter, { id: "a" }), waiting] });
  const idle = service("idle", (ctx) => {
    ctx.ready();
    return new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve()));
  });
  const root = await system.start(supervise({ name: "root", children: [inner, idle] }));
  const below = root.whichChildren()[0]?.supervisor;
  await t.throwsAsync(below?.ref<Counter>("a").call().fail() ?? Promise.resolve());
  await t.throwsAsync(below?.ref<Counter>("w").call().fail() ?? Promise.resolve());
  await settle();
  const { roots } = system.inspect();
  t.deepEqual(roots.map(outline), [
    [
      "root",
      "supervisor",
      "running",
      ["root/inner", "supervisor", "running", ["root/inner/a", "actor", "running"], ["root/inner/w", "actor", "down"]],
      ["root/idle", "service", "running"],
    ],
  ]);
  t.is(roots[0]?.children[0]?.children[0]?.restarts, 1);
  await root.stop();
  t.deepEqual(system.inspect().roots, []);
  t.is(clock.pending, 0);
});

test("stopping the system stops its trees, the last first, and kills what takes too long", async (t) => {
  const { system, clock, child, trace } = stage();
  await system.start(supervise({ name: "one", children: [child("a")] }));
  const deaf = child("b", { deaf: true, shutdownMs: 1_000 });
  const two = await system.start(supervise({ name: "two", children: [deaf] }));
  const events = record(two.events());
  const stopped = system.stop({ timeoutMs: 300 });
  await clock.advance(299);
  t.deepEqual(trace, ["+a", "+b", "?b"]);
  await clock.advance(1);
  await stopped;
  t.deepEqual(trace, ["+a", "+b", "?b", "!b", "-a"]);
  t.is((await two.ended).kind, "killed");
  t.deepEqual(events.kinds(), ["stopped b", "ended"]);
  await t.throwsAsync(system.start(supervise({ name: "three", children: [] })), { message: /starts nothing more/ });
});

test("stopping the system while a tree is starting ends the start", async (t) => {
  const { system, child, clock } = stage();
  const starting = t.throwsAsync(
    system.start(supervise({ name: "one", children: [child("a"), child("b", { slow: true })] })),
  );
  await settle();
  await system.stop();
  t.regex((await starting).message, /ended before it had started: shutdown: the system stops/);
  await clock.advance(10_000);
  t.is(clock.pending, 0);
});
