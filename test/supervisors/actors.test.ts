/** Supervised actors, in trees that a system runs, shows and stops. */
import test from "ava";
import { Actor } from "../../src/runtime/actor.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import type { ActorRef } from "../../src/runtime/ref.ts";
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

test("an actor spawned under a supervisor is its last child, temporary, and ends with it", async (t) => {
  const { system, child, trace } = stage();
  const root = await system.start(supervise({ name: "root", strategy: "restForOne", children: [child("a")] }));
  const guest = system.spawn(Counter, { name: "guest", args: [1, "guest"], supervisor: root });
  const other = system.spawn(Counter, { supervisor: root });
  t.is(guest.path, "root/guest");
  t.regex(other.path, /^root\/counter-\d+$/);
  t.is(await guest.call().add(1), 2);
  await t.throwsAsync(guest.call().fail(), { message: "boom" });
  t.is(await guest.call().add(1), 3, "nobody would start it again, so what a method throws does not end it");
  t.is(await other.call().add(1), 1);
  await settle();
  const shown = () => root.whichChildren().map(({ id, kind, state, restart }) => [id, kind, state, restart].join(" "));
  t.deepEqual(shown(), [
    "a gate running permanent",
    "guest actor running temporary",
    `${other.path.slice(5)} actor running temporary`,
  ]);
  t.is(root.ref<Counter>("guest"), guest);
  t.is(system.inspect().roots[0]?.children[1]?.path, "root/guest");
  t.is((await other.stop()).kind, "normal");
  await settle();
  t.is(shown().length, 2, "a temporary child that has ended is forgotten");
  await root.stop();
  t.is((await guest.ended).kind, "shutdown");
  t.true(seen.includes("guest stopped: shutdown"));
  t.deepEqual(trace, ["+a", "-a"]);
});

test("an actor spawned under a supervisor that will not have it ends with the reason", async (t) => {
  const { system, child } = stage();
  const root = await system.start(supervise({ name: "root", children: [child("a")] }));
  const rooms = await system.start(dynamic("rooms", actor(Counter, { id: "room" })));
  const reason = async (ref: ActorRef<Counter>) => {
    const end = await ref.ended;
    return end.kind === "crashed" ? `${end.error.code} ${end.error.message}` : end.kind;
  };
  t.regex(await reason(system.spawn(Counter, { name: "a", supervisor: root })), /^ALREADY_EXISTS .*has a child "a"/);
  t.regex(await reason(system.spawn(Counter, { supervisor: rooms })), /^INVALID_ARGUMENT .*from a template/);
  await root.stop();
  t.regex(await reason(system.spawn(Counter, { supervisor: root })), /^FAILED_PRECONDITION .*has ended/);
  t.throws(() => system.spawn(Counter, { restart: "permanent" }), { message: /no supervisor to do it/ });
  await system.stop();
});

test("a group restart takes the spawned ones along: stopped in order, and not started again", async (t) => {
  const { system, child } = stage();
  const a = child("a");
  const root = await system.start(supervise({ name: "root", strategy: "oneForAll", children: [a] }));
  const guest = system.spawn(Counter, { name: "guest", supervisor: root });
  const steady = system.spawn(Counter, { name: "steady", supervisor: root, restart: "permanent" });
  await Promise.all([guest.call().add(1), steady.call().add(1)]);
  await a.gate.crash();
  t.is((await guest.ended).kind, "shutdown");
  t.is(await steady.call().add(1), 1, "a permanent one begins anew behind the same reference");
  t.deepEqual(
    root.whichChildren().map(({ id }) => id),
    ["a", "steady"],
  );
  await system.stop();
});

test("messages that wait when an actor ends are kept for its next life, or fail, as its mailbox says", async (t) => {
  const { system, clock } = stage();
  const backoff = { minMs: 100, maxMs: 100, jitter: 0 };
  const root = await system.start(
    supervise({
      name: "root",
      children: [
        actor(Counter, { id: "keeps", backoff }),
        actor(Counter, { id: "fails", backoff, mailbox: { onRestart: "fail" } }),
      ],
    }),
  );
  const outcomes = ["keeps", "fails"].map(async (id) => {
    const calls = root.ref<Counter>(id).call();
    const failing = calls.fail();
    const waiting = calls.add(1);
    await t.throwsAsync(failing, { message: "boom" });
    await settle();
    return Promise.allSettled([waiting, calls.add(1)]);
  });
  await clock.advance(100);
  const ends = (await Promise.all(outcomes)).map((several) =>
    several.map((end) => (end.status === "fulfilled" ? end.value : (end.reason as IrisError).code)),
  );
  t.deepEqual(ends, [
    [1, 2],
    ["UNDELIVERABLE", "UNDELIVERABLE"],
  ]);
  t.is(await root.ref<Counter>("fails").call().add(1), 1, "once it is up again it takes messages");
  await system.stop();
});

test("a stop overtakes an actor whose start hangs", async (t) => {
  class Stuck extends Actor {
    override onStart(): Promise<void> {
      return new Promise(() => {});
    }
  }
  const { system, clock } = stage();
  const root = await system.start(supervise({ name: "root", children: [] }));
  const added = t.throwsAsync(root.startChild(actor(Stuck, { id: "stuck", shutdownMs: "infinity" })));
  await settle();
  await root.stop();
  await added;
  t.is(system.find("root/stuck"), undefined);
  t.is(clock.pending, 0);
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

test("the tree shows children of every kind with their restarts, dynamic ones too", async (t) => {
  const { system, child } = stage();
  const [a, room] = [child("a"), child("room")];
  const root = await system.start(supervise({ name: "root", children: [a, dynamic("rooms", room)] }));
  await root.whichChildren()[1]?.supervisor?.startChild({ id: "blue" });
  await a.gate.crash();
  await room.gate.crash();
  const line = ({ path, kind, state, restarts, children }: ActorSnapshot): unknown => [
    `${path} ${kind} ${state} ${restarts}`,
    ...children.map(line),
  ];
  t.deepEqual(system.inspect().roots.map(line), [
    [
      "root supervisor running 0",
      ["root/a gate running 1"],
      ["root/rooms supervisor running 0", ["root/rooms/blue gate running 1"]],
    ],
  ]);
  await system.stop();
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
