/** What OTP's own suite asks of a supervisor and is not asked beside the parts; docs/guarantees.md has the whole list. */
import test from "ava";
import { IrisError } from "../../src/runtime/errors.ts";
import { NORMAL } from "../../src/runtime/exit.ts";
import { dynamic, type Strategy, type SupervisorRef, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { type Gate, record, type Stage, stage } from "./kit.ts";

const EVER = { maxRestarts: 1e9, withinMs: 1 };

const ids = (of: SupervisorRef) => of.whichChildren().map(({ id }) => id);
const states = (of: SupervisorRef) => of.whichChildren().map(({ id, state }) => `${id} ${state}`);

/** A dynamic supervisor whose children's lives are in the test's hands, by id. */
async function rooms(on: Stage, options: Parameters<Stage["child"]>[1] = {}, more: Parameters<typeof dynamic>[2] = {}) {
  const gates = new Map<string, Gate>();
  const template = (id: string) => {
    const spec = on.child(id, options);
    gates.set(id, spec.gate);
    return spec;
  };
  const supervisor = await dynamic("rooms", template, more).startIn(on.system);
  const open = (id: string) => supervisor.startChild({ id, args: [id] });
  return { supervisor, open, gate: (id: string) => gates.get(id) as Gate };
}

test("a dynamic child that cannot start is not kept", async (t) => {
  const { system, child } = stage();
  const template = child("room");
  template.gate.failures = 1;
  await using supervisor = await dynamic("rooms", template).startIn(system);
  await t.throwsAsync(supervisor.startChild({ id: "a" }), { message: "room cannot start" });
  t.deepEqual(supervisor.countChildren(), { specs: 0, active: 0, supervisors: 0, workers: 0 });
  t.is((await supervisor.startChild({ id: "a" })).state, "running");
});

test("a dynamic supervisor's children get the defaults of any other", async (t) => {
  const on = stage();
  const { supervisor, open } = await rooms(on);
  t.like(await open("a"), { id: "a", restart: "permanent", restarts: 0, path: "rooms/a" });
  const spec = dynamic("rooms", on.child("x"));
  t.like(spec, { strategy: "dynamic", autoShutdown: "never", shutdownMs: "infinity" });
  t.deepEqual(spec.intensity, { maxRestarts: 3, withinMs: 5_000 });
  await supervisor.stop();
});

test('shutdownMs "infinity" waits as long as it takes, for a supervisor and for any other child', async (t) => {
  const { system, clock, child, trace } = stage();
  const deaf = { deaf: true, shutdownMs: "infinity" } as const;
  const [a, b] = [child("a", deaf), child("b", deaf)];
  const root = await supervise({ name: "root", children: [supervise({ name: "in", children: [a] }), b] }).startIn(
    system,
  );
  const stopped = root.stop();
  await clock.advance(1e9);
  t.deepEqual(trace.slice(2), ["?b"]);
  await b.gate.finish(NORMAL);
  await clock.advance(1e9);
  t.deepEqual(trace.slice(2), ["?b", "?a"]);
  await a.gate.finish(NORMAL);
  t.is((await stopped).kind, "shutdown");
});

test('dynamic children are killed at their deadline, or at once with "kill"', async (t) => {
  for (const [shutdownMs, marks] of [
    [1_000, ["?a", "?b", "!a", "!b"]],
    ["kill", ["!a", "!b"]],
  ] as const) {
    const on = stage();
    const { supervisor, open } = await rooms(on, { deaf: true, shutdownMs });
    await open("a");
    await open("b");
    on.trace.length = 0;
    const stopped = supervisor.stop();
    await on.clock.advance(999);
    t.is(on.trace.length, 2);
    await on.clock.advance(1);
    await stopped;
    t.deepEqual([...on.trace].sort(), [...marks].sort());
    t.is(on.clock.pending, 0);
  }
});

test("a child that ends by itself while it is being stopped is stopped, and nothing follows from its end", async (t) => {
  const { system, child, trace, clock } = stage();
  const [a, b] = [child("a"), child("b", { deaf: true })];
  const root = await supervise({ name: "root", strategy: "oneForAll", children: [a, b] }).startIn(system);
  const events = record(root.events());
  const stopped = root.stop();
  await settle();
  await b.gate.crash("on its way out");
  await stopped;
  t.deepEqual(trace, ["+a", "+b", "?b", "-a"]);
  t.deepEqual(events.kinds(), ["stopped b", "stopped a", "ended"]);
  await clock.advance(10_000);
  t.is(clock.pending, 0);
});

test("an end in the same turn as a stop is overtaken by it", async (t) => {
  const { system, child, trace } = stage();
  const [a, b] = [child("a"), child("b")];
  const root = await supervise({ name: "root", children: [a, b] }).startIn(system);
  a.gate.end({ kind: "killed", why: "test" });
  await root.stop();
  t.deepEqual(trace, ["+a", "+b", "-b"], "it has ended already, and is not started again");
  t.is((await root.ended).kind, "shutdown");
});

test("what a dynamic child ends with while it is stopped is told as its cause", async (t) => {
  const on = stage();
  const { supervisor, open, gate } = await rooms(on, { deaf: true });
  await open("a");
  const events = record(supervisor.events());
  const stopped = supervisor.stop();
  await settle();
  await gate("a").crash("cannot flush");
  t.is((await stopped).kind, "shutdown");
  await settle();
  const told = events.all.find((event) => event.kind === "stopped");
  t.is(told?.kind === "stopped" && told.cause.kind, "crashed");
  await on.clock.advance(10_000);
});

test("of a dynamic child nothing is kept: once terminated it cannot be restarted or deleted", async (t) => {
  const on = stage();
  const { supervisor, open } = await rooms(on);
  await open("a");
  const running = await t.throwsAsync(supervisor.deleteChild("a"));
  t.is((running as IrisError).code, "FAILED_PRECONDITION");
  await t.throwsAsync(open("a"), { message: /has a child "a" \(running\)/ });
  await supervisor.terminateChild("a");
  for (const order of ["restartChild", "deleteChild", "terminateChild"] as const) {
    const error = await t.throwsAsync(supervisor[order]("a"), { instanceOf: IrisError });
    t.is((error as IrisError).code, "NOT_FOUND", order);
  }
  t.is((await open("a")).restarts, 0, "its id is free for another");
  await supervisor.stop();
});

test("a temporary child that has ended leaves nothing, and its id is free", async (t) => {
  const { system, child } = stage();
  const a = child("a", { restart: "temporary" });
  await using root = await supervise({ name: "root", children: [a, child("b")] }).startIn(system);
  await a.gate.crash();
  t.deepEqual(ids(root), ["b"]);
  t.is((await root.startChild(child("a"))).restarts, 0);
  await root.startChild(child("c", { restart: "temporary" }));
  await root.terminateChild("c");
  t.deepEqual(ids(root), ["b", "a"], "nor does one that was terminated");
});

test("a dynamic supervisor gives up like any other", async (t) => {
  const on = stage();
  const { supervisor, open, gate } = await rooms(on, {}, { intensity: { maxRestarts: 1, withinMs: 1_000 } });
  await open("a");
  await open("b");
  await gate("a").crash();
  t.deepEqual(states(supervisor), ["a running", "b running"]);
  await gate("b").crash();
  const end = await supervisor.ended;
  t.regex(end.kind === "shutdown" ? end.why : "", /gave up: 2 restarts within 1000 ms, 1 allowed; last was child "b"/);
  t.deepEqual(on.trace, ["+a", "+b", "+a", "-a"]);
});

test("a dynamic child whose restart fails keeps its arguments and its place, and the others run on", async (t) => {
  const { system, child, trace } = stage();
  const template = child("room");
  await using supervisor = await dynamic("rooms", template, { intensity: EVER }).startIn(system);
  for (const id of ["a", "b", "c"]) await supervisor.startChild({ id, args: [`${id}'s`] });
  template.gate.failures = 2;
  // The gate is the template's, so the last one started is the one that it ends.
  await template.gate.crash();
  t.deepEqual(trace.slice(3), ["xroom", "xroom", "+room"]);
  t.deepEqual(states(supervisor), ["a running", "b running", "c running"]);
  t.deepEqual(
    template.gate.envs.map(({ args }) => args[0]),
    ["a's", "b's", "c's", "c's", "c's", "c's"],
  );
  await supervisor.terminateChild("a");
  t.deepEqual(ids(supervisor), ["b", "c"]);
});

test("restForOne: when one of those that follow does not start, only it and those behind it are tried again", async (t) => {
  const { system, child, trace } = stage();
  const [a, b, c, d] = [child("a"), child("b"), child("c"), child("d")];
  const tree = supervise({ name: "root", strategy: "restForOne", children: [a, b, c, d] });
  await using root = await tree.startIn(system);
  trace.length = 0;
  c.gate.failures = 1;
  await b.gate.crash();
  t.deepEqual(trace, ["-d", "-c", "+b", "xc", "+c", "+d"]);
  t.deepEqual(states(root), ["a running", "b running", "c running", "d running"]);
});

test("children are counted by spec, by life and by kind: one that waits for its restart is not active", async (t) => {
  const { system, child, clock } = stage();
  const waits = child("w", { backoff: { minMs: 100, maxMs: 100 } });
  const inner = supervise({ name: "in", children: [child("x")] });
  await using root = await supervise({ name: "root", children: [waits, inner, child("b")] }).startIn(system);
  t.deepEqual(root.countChildren(), { specs: 3, active: 3, supervisors: 1, workers: 2 });
  await waits.gate.crash();
  t.deepEqual(root.countChildren(), { specs: 3, active: 2, supervisors: 1, workers: 2 });
  await root.terminateChild("in");
  t.deepEqual(root.countChildren(), { specs: 3, active: 1, supervisors: 1, workers: 2 });
  await clock.advance(100);
  await root.deleteChild("in");
  t.deepEqual(root.countChildren(), { specs: 2, active: 2, supervisors: 0, workers: 2 });
});

test("children keep their order over restarts, terminations and additions", async (t) => {
  const { system, child } = stage();
  const [a, b, c] = [child("a"), child("b"), child("c")];
  await using root = await supervise({ name: "root", intensity: EVER, children: [a, b, c] }).startIn(system);
  await a.gate.crash();
  await root.startChild(child("d"));
  await root.terminateChild("b");
  t.deepEqual(states(root), ["a running", "b stopped", "c running", "d running"]);
  await root.restartChild("b");
  t.deepEqual(ids(root), ["a", "b", "c", "d"]);
  await root.terminateChild("a");
  await root.deleteChild("a");
  await root.startChild(child("a"));
  t.deepEqual(ids(root), ["b", "c", "d", "a"], "a new one stands last, whatever its id");
});

for (const strategy of ["oneForOne", "oneForAll", "restForOne"] as Strategy[]) {
  test(`${strategy}: orders are carried out between the tries of a restart that keeps failing`, async (t) => {
    const { system, child, trace } = stage();
    const a = child("a");
    const tree = supervise({ name: "root", strategy, intensity: { maxRestarts: 1e9, withinMs: 1e9 }, children: [a] });
    const root = await tree.startIn(system);
    a.gate.failures = Number.POSITIVE_INFINITY;
    await a.gate.crash();
    t.is((await root.startChild(child("b"))).id, "b");
    t.is(root.countChildren().specs, 2);
    await root.terminateChild("a");
    trace.length = 0;
    await settle();
    // Terminated, it is tried no more; a sibling that waited behind it goes on without it.
    t.deepEqual(trace, strategy === "oneForOne" ? [] : ["+b"]);
    a.gate.failures = 0;
    t.is((await root.restartChild("a")).state, "running");
    await root.stop();
  });
}

test("dynamic: orders are carried out between the tries of a restart that keeps failing", async (t) => {
  const on = stage();
  const { supervisor, open, gate } = await rooms(on, {}, { intensity: { maxRestarts: 1e9, withinMs: 1e9 } });
  await open("a");
  gate("a").failures = Number.POSITIVE_INFINITY;
  await gate("a").crash();
  await open("b");
  await supervisor.terminateChild("a");
  on.trace.length = 0;
  await settle();
  t.deepEqual(on.trace, []);
  t.deepEqual(ids(supervisor), ["b"]);
  await supervisor.stop();
});

test("a significant dynamic child ends its supervisor as any other does, the last one or the first", async (t) => {
  for (const autoShutdown of ["anySignificant", "allSignificant"] as const) {
    const on = stage();
    const options = { restart: "transient", significant: true } as const;
    const { supervisor, open, gate } = await rooms(on, options, { autoShutdown });
    for (const id of ["a", "b"]) await open(id);
    await gate("a").crash();
    t.is(supervisor.countChildren().active, 2, "one that is restarted has not ended");
    await gate("a").finish(NORMAL);
    if (autoShutdown === "allSignificant") {
      t.deepEqual(states(supervisor), ["b running"]);
      await gate("b").finish({ kind: "shutdown", why: "asked" });
    }
    t.is((await supervisor.ended).kind, "shutdown", autoShutdown);
  }
});

test("a significant child that goes with its siblings does not end its supervisor", async (t) => {
  for (const restart of ["temporary", "transient"] as const) {
    const { system, child } = stage();
    const [a, b] = [child("a"), child("b", { restart, significant: true })];
    const tree = supervise({ name: "root", strategy: "oneForAll", autoShutdown: "anySignificant", children: [a, b] });
    await using root = await tree.startIn(system);
    await a.gate.crash();
    t.deepEqual(states(root), restart === "temporary" ? ["a running"] : ["a running", "b running"]);
  }
});

test("a significant supervisor that shuts down by its own significant child takes the one above along", async (t) => {
  const { system, child, trace } = stage();
  const a = child("a", { restart: "temporary", significant: true });
  const inner = supervise({
    name: "in",
    restart: "transient",
    significant: true,
    autoShutdown: "anySignificant",
    children: [child("x"), a],
  });
  const tree = supervise({ name: "root", autoShutdown: "allSignificant", children: [child("b"), inner] });
  const root = await tree.startIn(system);
  await a.gate.crash();
  const end = await root.ended;
  t.regex(end.kind === "shutdown" ? end.why : "", /significant child "in" has ended/);
  t.deepEqual(trace, ["+b", "+x", "+a", "-x", "-b"]);
});

test("many temporary children start and end, and nothing of them is left", async (t) => {
  const on = stage();
  const { supervisor, open, gate } = await rooms(on, { restart: "temporary" });
  const names = Array.from({ length: 2_000 }, (_, index) => `r${index}`);
  for (const id of names) await open(id);
  t.is(supervisor.countChildren().active, 2_000);
  for (const id of names.slice(0, 1_000)) gate(id).end(NORMAL);
  await settle();
  t.is(supervisor.countChildren().specs, 1_000);
  on.trace.length = 0;
  await supervisor.stop();
  t.is(on.trace.length, 1_000);
});
