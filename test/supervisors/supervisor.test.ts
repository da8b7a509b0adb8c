import test from "ava";
import { IrisError } from "../../src/runtime/errors.ts";
import { describeExit, NORMAL } from "../../src/runtime/exit.ts";
import { dynamic, SUPERVISION_LIMITS, type SupervisionEvent, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { record, stage } from "./kit.ts";

test("children start in order, each ready before the next, and stop in reverse", async (t) => {
  const { system, trace, child } = stage();
  const slow = child("a", { slow: true });
  const starting = supervise({ name: "root", children: [slow, child("b"), child("c")] }).startIn(system);
  await settle();
  t.deepEqual(trace, []);
  slow.gate.open();
  const root = await starting;
  t.deepEqual(
    root.whichChildren().map(({ id, path, state }) => [id, path, state]),
    [
      ["a", "root/a", "running"],
      ["b", "root/b", "running"],
      ["c", "root/c", "running"],
    ],
  );
  t.deepEqual(await root.stop(), { kind: "shutdown", why: "stop() was called" });
  t.deepEqual(trace, ["+a", "+b", "+c", "-c", "-b", "-a"]);
});

test("a failed start undoes the earlier ones and says whose it was", async (t) => {
  const { system, trace, child, clock } = stage();
  const bad = child("c");
  bad.gate.failures = 1;
  const tree = supervise({ name: "root", children: [child("a"), child("b"), bad, child("d")] });
  const error = await t.throwsAsync(tree.startIn(system), { instanceOf: IrisError });
  t.is((error as IrisError).code, "UNAVAILABLE");
  t.is(error.message, 'supervisor root: child "c" did not start, what started before it was stopped: c cannot start');
  t.deepEqual(trace, ["+a", "+b", "xc", "-b", "-a"]);
  t.is(clock.pending, 0);
  // The name is free again.
  await using root = await tree.startIn(system);
  t.is(root.countChildren().active, 4);
});

test("a crashed child is started again, told how it ended before; its siblings do not notice", async (t) => {
  const { system, trace, child } = stage();
  const b = child("b");
  await using root = await supervise({ name: "root", children: [child("a"), b, child("c")] }).startIn(system);
  const events = record(root.events());
  await b.gate.crash();
  t.deepEqual(trace, ["+a", "+b", "+c", "+b"]);
  t.is(b.gate.envs[1]?.previous?.reason.kind, "crashed");
  t.deepEqual(events.kinds(), ["exited b", "restarting b", "started b"]);
  t.is(root.whichChildren()[1]?.restarts, 1);
  t.is(root.whichChildren()[1]?.lastExit?.kind, "crashed");
});

test("oneForAll: all others stop in reverse, then all start in order", async (t) => {
  const { system, trace, child } = stage();
  const b = child("b");
  const tree = supervise({ name: "root", strategy: "oneForAll", children: [child("a"), b, child("c")] });
  await using _root = await tree.startIn(system);
  trace.length = 0;
  await b.gate.crash();
  t.deepEqual(trace, ["-c", "-a", "+a", "+b", "+c"]);
});

test("restForOne: those started later stop in reverse, then start again in order", async (t) => {
  const { system, trace, child } = stage();
  const b = child("b");
  const tree = supervise({ name: "root", strategy: "restForOne", children: [child("a"), b, child("c"), child("d")] });
  await using _root = await tree.startIn(system);
  trace.length = 0;
  await b.gate.crash();
  t.deepEqual(trace, ["-d", "-c", "+b", "+c", "+d"]);
});

test("too many restarts: it stops its children in reverse and ends with shutdown", async (t) => {
  const { system, trace, child, clock, logger } = stage();
  const b = child("b");
  const root = await supervise({ name: "root", children: [child("a"), b, child("c")] }).startIn(system);
  const events = record(root.events());
  for (let time = 0; time < 3; time++) await b.gate.crash();
  t.is(root.countChildren().active, 3);
  trace.length = 0;
  await b.gate.crash("the last straw");
  const end = await root.ended;
  t.is(end.kind, "shutdown");
  t.regex(
    end.kind === "shutdown" ? end.why : "",
    /4 restarts within 5000 ms, 3 allowed; last was child "b" \(crashed: the last straw\)/,
  );
  t.deepEqual(trace, ["-c", "-a"]);
  t.deepEqual(events.kinds().slice(-5), ["exited b", "gave-up b", "stopped c", "stopped a", "ended"]);
  t.true(logger.lines.some(({ level, message }) => level === "error" && /gives up/.test(message)));
  t.is(clock.pending, 0);
});

test("every event says who, why, how often, and what was decided", async (t) => {
  const { system, child, clock } = stage();
  const [a, b] = [child("a"), child("b", { restart: "transient" })];
  const intensity = { maxRestarts: 1, withinMs: 100 };
  const root = await supervise({ name: "root", strategy: "restForOne", intensity, children: [a, b] }).startIn(system);
  const events = record(root.events());
  const timeMs = clock.now();
  const crash = { kind: "crashed", error: new IrisError("INTERNAL", "boom") } as const;
  b.gate.failures = 1;
  await a.gate.finish(crash);
  const ended = await root.ended;
  const failed = events.all.find(({ kind }) => kind === "start-failed");
  const cause = failed?.kind === "start-failed" ? failed.cause : undefined;
  t.is(cause?.kind === "crashed" && cause.error.message, "b cannot start");
  const restart = { delayMs: 0, maxRestarts: 1 };
  const [why, goodbye] = ['restarted together with "a"', `supervisor root ends: ${describeExit(ended)}`];
  t.deepEqual(
    events.all,
    [
      { kind: "exited", child: "a", cause: crash, decision: "restart" },
      { kind: "restarting", child: "a", cause: crash, together: ["a", "b"], restarts: 1, ...restart },
      { kind: "stopped", child: "b", cause: { kind: "shutdown", why }, why },
      { kind: "started", child: "a", starts: 2 },
      { kind: "start-failed", child: "b", cause },
      { kind: "gave-up", child: "b", cause, restarts: 2, ...intensity },
      { kind: "stopped", child: "a", cause: { kind: "shutdown", why: goodbye }, why: goodbye },
      { kind: "ended", cause: ended },
    ].map((fact) => ({ timeMs, supervisor: "root", ...fact })) as SupervisionEvent[],
  );
});

test("restarts further apart than the window are no trouble", async (t) => {
  const { system, child, clock } = stage();
  const a = child("a");
  await using root = await supervise({
    name: "root",
    children: [a],
    intensity: { maxRestarts: 1, withinMs: 100 },
  }).startIn(system);
  for (let time = 0; time < 5; time++) {
    await a.gate.crash();
    await clock.advance(101);
  }
  t.is(root.countChildren().active, 1);
});

test("a give-up below is an end like any other above: the parent starts the supervisor again", async (t) => {
  const { system, trace, child } = stage();
  const leaf = child("leaf");
  const inner = supervise({
    name: "inner",
    intensity: { maxRestarts: 0, withinMs: 1_000 },
    children: [child("other"), leaf],
  });
  await using root = await supervise({ name: "root", children: [inner] }).startIn(system);
  const events = record(root.events());
  await leaf.gate.crash();
  t.deepEqual(trace, ["+other", "+leaf", "-other", "+other", "+leaf"]);
  t.true(events.kinds().includes("gave-up leaf"), "events from below are heard above");
  t.deepEqual(events.kinds().slice(-3), ["started other", "started leaf", "started inner"]);
  t.is(root.whichChildren()[0]?.supervisor?.path, "root/inner");
});

test("a failed restart is tried again by a message to itself, and each try counts", async (t) => {
  const { system, trace, child } = stage();
  const a = child("a");
  const root = await supervise({ name: "root", children: [a] }).startIn(system);
  a.gate.failures = 2;
  await a.gate.crash();
  t.deepEqual(trace, ["+a", "xa", "xa", "+a"]);
  a.gate.failures = 1;
  await a.gate.crash();
  t.is((await root.ended).kind, "shutdown", "the fourth restart was one too many");
});

test("a failed restart in a group leaves the later ones waiting, then the group is restarted whole", async (t) => {
  const { system, trace, child } = stage();
  const b = child("b");
  const tree = supervise({ name: "root", strategy: "oneForAll", children: [child("a"), b, child("c")] });
  await using _root = await tree.startIn(system);
  trace.length = 0;
  b.gate.failures = 1;
  await b.gate.crash();
  t.deepEqual(trace, ["-c", "-a", "+a", "xb", "-a", "+a", "+b", "+c"]);
});

test("a stop overtakes a restart that keeps failing, and so does everything else in the process", async (t) => {
  const { system, child, trace } = stage();
  const a = child("a");
  const intensity = { maxRestarts: 1e9, withinMs: 1e9 };
  const root = await supervise({ name: "root", intensity, children: [a] }).startIn(system);
  a.gate.failures = Number.POSITIVE_INFINITY;
  await a.gate.crash();
  t.true(trace.length > 5, "it is at it");
  const end = await root.stop();
  t.deepEqual(end, { kind: "shutdown", why: "stop() was called" });
  t.is(root.countChildren().active, 0);
  trace.length = 0;
  await settle();
  t.deepEqual(trace, []);
});

test("a stop overtakes a start that is under way: it is told, and ends", async (t) => {
  const { system, child, trace } = stage();
  const root = await supervise({ name: "root", children: [child("a")] }).startIn(system);
  const added = root.startChild(child("slow", { slow: true }));
  await settle();
  const stopped = root.stop();
  await t.throwsAsync(added, { message: /is stopping/ });
  await stopped;
  t.deepEqual(trace, ["+a", "-a"]);
});

test("a start that is deaf to a stop gets its shutdown time; what it starts after that is killed", async (t) => {
  const { system, child, clock, trace } = stage();
  const root = await supervise({ name: "root", children: [] }).startIn(system);
  const deaf = child("deaf", { slow: true, deaf: true, shutdownMs: 300 });
  const added = t.throwsAsync(root.startChild(deaf), { message: /was still starting when its supervisor stopped/ });
  await settle();
  const stopped = root.stop();
  await clock.advance(300);
  await added;
  await stopped;
  deaf.gate.open();
  await settle();
  t.deepEqual(trace, ["+deaf", "!deaf"]);
  t.is(clock.pending, 0);
});

test("a start that is killed is waited for until it is gone, and no longer than a killed one may take", async (t) => {
  for (const { isDeaf, waitedMs } of [
    { isDeaf: false, waitedMs: 0 },
    { isDeaf: true, waitedMs: SUPERVISION_LIMITS.killedStartMs },
  ]) {
    const { system, child, clock } = stage();
    const root = await supervise({ name: "root", children: [] }).startIn(system);
    const slow = child("slow", { slow: true, deaf: isDeaf, shutdownMs: "kill" });
    const added = t.throwsAsync(root.startChild(slow));
    await settle();
    const begunAt = clock.now();
    const stopped = root.stop().then(() => clock.now() - begunAt);
    await clock.advance(SUPERVISION_LIMITS.killedStartMs);
    t.is(await stopped, waitedMs);
    await added;
    t.is(clock.pending, 0);
  }
});

test("a child that is deaf to its stop is killed at its own deadline, not at another's", async (t) => {
  const { system, child, clock, trace } = stage();
  const children = [child("a", { deaf: true, shutdownMs: 100 }), child("b", { deaf: true, shutdownMs: 1_000 })];
  const root = await supervise({ name: "root", children }).startIn(system);
  const stopped = root.stop();
  await clock.advance(999);
  t.deepEqual(trace, ["+a", "+b", "?b"]);
  await clock.advance(1);
  t.deepEqual(trace, ["+a", "+b", "?b", "!b", "?a"]);
  await clock.advance(100);
  t.is((await stopped).kind, "shutdown");
  t.is(clock.pending, 0);
});

test('shutdownMs "kill" does not ask', async (t) => {
  const { system, child, trace } = stage();
  const root = await supervise({ name: "root", children: [child("a", { shutdownMs: "kill" })] }).startIn(system);
  await root.stop();
  t.deepEqual(trace, ["+a", "!a"]);
});

test("a nested supervisor past its own shutdown time is killed with all its children", async (t) => {
  const { system, child, clock, trace } = stage();
  const inner = supervise({
    name: "inner",
    shutdownMs: 50,
    children: [child("a", { deaf: true, shutdownMs: "infinity" }), child("b", { deaf: true, shutdownMs: "infinity" })],
  });
  const root = await supervise({ name: "root", children: [inner] }).startIn(system);
  const stopped = root.stop();
  await clock.advance(50);
  t.is((await stopped).kind, "shutdown");
  t.deepEqual(trace.slice(2).sort(), ["!a", "!b", "?b"]);
});

test("backoff: pauses double, a healthy run resets them, other children are not held up", async (t) => {
  const { system, child, clock, trace } = stage();
  const a = child("a", { backoff: { minMs: 100, maxMs: 1_000, jitter: 0, resetAfterMs: 5_000 } });
  const b = child("b");
  await using root = await supervise({
    name: "root",
    intensity: { maxRestarts: 100, withinMs: 1 },
    children: [a, b],
  }).startIn(system);
  await a.gate.crash();
  t.is(root.whichChildren()[0]?.state, "restarting");
  await b.gate.crash();
  t.deepEqual(trace, ["+a", "+b", "+b"]);
  await clock.advance(99);
  t.is(a.gate.starts, 1);
  await clock.advance(1);
  t.is(a.gate.starts, 2);
  await a.gate.crash();
  await clock.advance(199);
  t.is(a.gate.starts, 2);
  await clock.advance(1);
  t.is(a.gate.starts, 3);
  await clock.advance(5_000);
  await a.gate.crash();
  await clock.advance(100);
  t.is(a.gate.starts, 4);
});

test("a stop ends the wait for a restart, and leaves no timer", async (t) => {
  const { system, child, clock } = stage();
  const a = child("a", { backoff: { minMs: 1_000, maxMs: 1_000 } });
  const root = await supervise({ name: "root", children: [a] }).startIn(system);
  await a.gate.crash();
  t.is(clock.pending, 1);
  await root.stop();
  t.is(clock.pending, 0);
  t.is(a.gate.starts, 1);
});

test("autoShutdown anySignificant: the supervisor ends when the child has ended for good", async (t) => {
  const { system, child, trace } = stage();
  const a = child("a", { restart: "transient", significant: true });
  const root = await supervise({ name: "root", autoShutdown: "anySignificant", children: [a, child("b")] }).startIn(
    system,
  );
  await a.gate.crash();
  t.is(root.countChildren().active, 2);
  await a.gate.finish(NORMAL);
  t.deepEqual(await root.ended, { kind: "shutdown", why: 'significant child "a" has ended (normal)' });
  t.is(trace.at(-1), "-b");
});

test("a significant child that is terminated by hand does not end the supervisor", async (t) => {
  const { system, child } = stage();
  const a = child("a", { restart: "transient", significant: true });
  await using root = await supervise({ name: "root", autoShutdown: "anySignificant", children: [a] }).startIn(system);
  await root.terminateChild("a");
  t.deepEqual(root.countChildren(), { specs: 1, active: 0, supervisors: 0, workers: 1 });
});

test("children can be added, terminated, restarted and deleted, and each order says why it cannot", async (t) => {
  const { system, child, trace } = stage();
  await using root = await supervise({ name: "root", children: [child("a")] }).startIn(system);
  const info = await root.startChild(child("b"));
  t.deepEqual([info.id, info.path, info.state], ["b", "root/b", "running"]);
  await t.throwsAsync(root.startChild(child("b")), { message: /has a child "b" \(running\)/ });
  await t.throwsAsync(root.deleteChild("b"), { message: /is running and cannot be deleted: terminate it first/ });
  await t.throwsAsync(root.restartChild("b"), { message: /is running and cannot be restarted/ });
  await root.terminateChild("b");
  await root.terminateChild("b");
  await t.throwsAsync(root.startChild(child("b")), { message: /restart or delete it/ });
  t.is((await root.restartChild("b")).state, "running");
  await root.terminateChild("b");
  await root.deleteChild("b");
  const error = await t.throwsAsync(root.deleteChild("b"), { message: 'supervisor root has no child "b": it has a' });
  t.is((error as IrisError).code, "NOT_FOUND");
  t.deepEqual(trace, ["+a", "+b", "-b", "+b", "-b"]);
});

test("a child that cannot start is not kept when added, and kept when restarted", async (t) => {
  const { system, child } = stage();
  const a = child("a");
  await using root = await supervise({ name: "root", children: [a] }).startIn(system);
  const b = child("b");
  b.gate.failures = 1;
  await t.throwsAsync(root.startChild(b), { message: "b cannot start" });
  t.is(root.countChildren().specs, 1);
  await root.terminateChild("a");
  a.gate.failures = 1;
  await t.throwsAsync(root.restartChild("a"), { message: "a cannot start" });
  t.is(root.whichChildren()[0]?.state, "stopped");
  t.is((await root.restartChild("a")).state, "running");
});

test("terminating one of a group that waits leaves the others to start", async (t) => {
  const { system, child, clock, trace } = stage();
  const a = child("a", { backoff: { minMs: 100, maxMs: 100, jitter: 0 } });
  await using root = await supervise({ name: "root", strategy: "oneForAll", children: [a, child("b")] }).startIn(
    system,
  );
  await a.gate.crash();
  await root.terminateChild("a");
  await clock.advance(100);
  t.deepEqual(trace, ["+a", "+b", "-b", "+b"]);
});

test("references are released when a child is given up for good, not when it is restarted", async (t) => {
  const { system, child } = stage();
  const [a, b, c] = [child("a"), child("b", { restart: "temporary" }), child("c")];
  const root = await supervise({ name: "root", children: [a, b, c] }).startIn(system);
  await a.gate.crash();
  t.is(a.gate.released.length, 0);
  await b.gate.crash();
  t.is(b.gate.released.length, 1);
  await root.terminateChild("c");
  t.is(c.gate.released.length, 1);
  await root.restartChild("c");
  t.is(c.gate.envs[1]?.previous, undefined, "a released reference is not taken over");
  await root.stop();
  t.deepEqual(
    [a, b, c].map(({ gate }) => gate.released.length),
    [1, 1, 2],
  );
});

test("children of a supervisor that is started again take over from their predecessors", async (t) => {
  const { system, child } = stage();
  const [a, b] = [child("a"), child("b")];
  const inner = supervise({ name: "inner", intensity: { maxRestarts: 0, withinMs: 1 }, children: [a, b] });
  await using _root = await supervise({ name: "root", children: [inner] }).startIn(system);
  await a.gate.crash();
  t.is(a.gate.envs[1]?.previous?.reason.kind, "crashed");
  t.is(b.gate.envs[1]?.previous?.reason.kind, "shutdown");
  t.is(a.gate.released.length + b.gate.released.length, 0);
});

test("a stopped supervisor refuses orders, and disposing of it twice is harmless", async (t) => {
  const { system, child } = stage();
  const root = await supervise({ name: "root", children: [] }).startIn(system);
  await root[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
  const error = await t.throwsAsync(root.startChild(child("a")), {
    message: /has ended \(shutdown: stop\(\) was called\)/,
  });
  t.is((error as IrisError).code, "FAILED_PRECONDITION");
});

test("orders that wait when a stop comes in are refused, not forgotten", async (t) => {
  const { system, child } = stage();
  const root = await supervise({ name: "root", children: [] }).startIn(system);
  const first = root.startChild(child("a", { slow: true }));
  const second = root.startChild(child("b"));
  const stopped = root.stop();
  await t.throwsAsync(first);
  await t.throwsAsync(second, { message: /is stopping/ });
  await stopped;
});

test("two trees of one name cannot run in a system", async (t) => {
  const { system } = stage();
  await using _root = await supervise({ name: "root", children: [] }).startIn(system);
  await t.throwsAsync(supervise({ name: "root", children: [] }).startIn(system), {
    message: /runs a tree "root" already/,
  });
});

test("a child whose stop rejects is logged as perhaps alive, and the stop goes on", async (t) => {
  const { system, child, logger } = stage();
  const broken = {
    ...child("broken"),
    start: async () => ({
      ended: new Promise<never>(() => {}),
      stop: () => Promise.reject(new Error("engine gone")),
      kill: () => Promise.reject(new Error("engine gone")),
    }),
  };
  const root = await supervise({ name: "root", children: [broken] }).startIn(system);
  t.is((await root.stop()).kind, "shutdown");
  t.true(logger.lines.some(({ message }) => /may still be alive/.test(message)));
});

test("dynamic: children come from a template with their own arguments, stop all at once, and leave nothing behind", async (t) => {
  const { system, child, trace, clock } = stage();
  const template = child("room", { deaf: true, shutdownMs: 100, restart: "transient" });
  const root = await supervise({ name: "root", children: [dynamic("rooms", template)] }).startIn(system);
  const rooms = root.whichChildren()[0]?.supervisor;
  t.truthy(rooms);
  if (rooms === undefined) return;
  await rooms.startChild({ args: ["blue"] });
  t.is((await rooms.startChild({ id: "red" })).path, "root/rooms/red");
  t.deepEqual(
    rooms.whichChildren().map(({ id }) => id),
    ["room-1", "red"],
  );
  t.deepEqual(template.gate.envs[0]?.args, ["blue"]);
  await template.gate.finish(NORMAL);
  t.deepEqual(
    rooms.whichChildren().map(({ id }) => id),
    ["room-1"],
  );
  await rooms.startChild({});
  await t.throwsAsync(rooms.startChild(child("x")), { message: /from a template/ });
  trace.length = 0;
  const stopped = root.stop();
  await clock.advance(100);
  await stopped;
  t.deepEqual(trace, ["?room", "?room", "!room", "!room"]);
});

test("dynamic: a template may be a function of the arguments", async (t) => {
  const { system, child } = stage();
  await using rooms = await dynamic("rooms", (name: string, colour: string) => child(`${name}-${colour}`)).startIn(
    system,
  );
  t.is((await rooms.startChild({ id: "r", args: ["a", "b"] })).id, "r");
  t.is((await rooms.startChild({ args: ["a", "b"] })).id, "a-b-2");
  await using broken = await dynamic("broken", (id: string) => child(id.toUpperCase())).startIn(system);
  await t.throwsAsync(broken.startChild(), { message: /the template of a dynamic supervisor threw/ });
});

test("a reader of events that falls behind loses the oldest and is told how many; leaving the loop is enough", async (t) => {
  const { system, child } = stage();
  const a = child("a");
  const root = await supervise({ name: "root", intensity: { maxRestarts: 1e6, withinMs: 1 }, children: [a] }).startIn(
    system,
  );
  const reader = root.events()[Symbol.asyncIterator]();
  for (let time = 0; time < 400; time++) {
    a.gate.end(NORMAL);
    await settle(3);
  }
  const { value } = await reader.next();
  t.is(value?.missed, 3 * 400 - 1_024);
  t.is((await reader.next()).value?.missed, undefined);
  await reader.return?.();
  t.true((await reader.next()).done);
  await root.stop();
});
