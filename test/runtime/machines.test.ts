import test from "ava";
import { assign, setup } from "xstate";
import { world } from "./kit.ts";

const lamp = setup({
  types: {
    context: {} as { presses: number },
    input: {} as { presses: number },
    events: {} as { type: "press" } | { type: "breakDown" } | { type: "explode" },
  },
  actions: {
    count: assign({ presses: ({ context }) => context.presses + 1 }),
    explode: () => {
      throw new Error("bang");
    },
  },
}).createMachine({
  id: "lamp",
  context: ({ input }) => input,
  initial: "off",
  on: { breakDown: ".broken", explode: { actions: "explode" } },
  states: {
    off: { on: { press: { target: "on", actions: "count" } } },
    on: { on: { press: { target: "off", actions: "count" } }, after: { 100: "off" } },
    broken: { type: "final" },
  },
});

test("an XState machine takes its events through a mailbox, and lives on the system's clock", async (t) => {
  await using w = world();
  const ref = w.system.spawnMachine(lamp, { name: "lamp", input: { presses: 1 } });
  t.is(ref.snapshot(), undefined);
  const seen: unknown[] = [];
  ref.subscribe(() => {
    throw new Error("bad reader");
  });
  const leave = ref.subscribe(({ value }) => seen.push(value));
  t.true(ref.send({ type: "press" }));
  await w.clock.advance(99);
  t.is(ref.snapshot()?.value, "on");
  t.is(ref.snapshot()?.context.presses, 2);
  await w.clock.advance(1);
  leave();
  ref.send({ type: "press" });
  await w.clock.advance(0);
  t.deepEqual(seen, ["off", "on", "off"]);
  t.is(w.system.inspect().roots[0]?.kind, "machine");
  t.true(w.logger.lines.some(({ message }) => message === "a reader of a machine's snapshots threw"));
});

test("a machine in its final state has ended normal, and refuses events", async (t) => {
  await using w = world();
  const ref = w.system.spawnMachine(lamp, { input: { presses: 0 } });
  ref.send({ type: "breakDown" });
  ref.send({ type: "press" });
  t.deepEqual(await ref.ended, { kind: "normal" });
  t.is(ref.snapshot()?.value, "broken");
  t.false(ref.send({ type: "press" }));
});

test("an error in a machine ends its actor crashed, and nothing else", async (t) => {
  await using w = world();
  const ref = w.system.spawnMachine(lamp, { input: { presses: 0 } });
  ref.send({ type: "explode" });
  const reason = await ref.ended;
  t.is(reason.kind === "crashed" && reason.error.message, "bang");
});

test("the end of the actor stops the machine and its timers, stopped or killed", async (t) => {
  await using w = world();
  for (const graceMs of [1_000, 0]) {
    const ref = w.system.spawnMachine(lamp, { input: { presses: 0 } });
    ref.send({ type: "press" });
    await w.clock.advance(0);
    t.is(w.clock.pending, 1);
    const stopped = ref.stop({ graceMs });
    await w.clock.advance(0);
    await stopped;
    t.is(w.clock.pending, 0);
  }
});
