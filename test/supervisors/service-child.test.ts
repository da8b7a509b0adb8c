import test from "ava";
import { IrisError } from "../../src/runtime/errors.ts";
import { sleep } from "../../src/runtime/ports/clock.ts";
import { service, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { record, stage } from "./kit.ts";

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

test("a service holds up the next child until it calls ready(), and ends when its signal aborts", async (t) => {
  const { system } = stage();
  const seen: string[] = [];
  let ready = () => {};
  const tree = supervise({
    name: "root",
    children: [
      service("a", async (ctx) => {
        seen.push(`run ${ctx.path}`);
        ready = ctx.ready;
        await untilAborted(ctx.signal);
        seen.push("end a");
      }),
      service("b", (ctx) => {
        seen.push("run b");
        ctx.ready();
        return untilAborted(ctx.signal);
      }),
    ],
  });
  const starting = tree.startIn(system);
  await settle();
  t.deepEqual(seen, ["run root/a"]);
  ready();
  ready();
  const root = await starting;
  t.deepEqual(seen, ["run root/a", "run b"]);
  await root.stop();
  t.deepEqual(
    root.whichChildren().map(({ lastExit }) => lastExit?.kind),
    ["shutdown", "shutdown"],
  );
  t.is(seen.at(-1), "end a");
});

test("returning without ready() is a normal end", async (t) => {
  const { system } = stage();
  const root = await supervise({
    name: "root",
    children: [service("a", async () => {}, { restart: "transient" })],
  }).startIn(system);
  await settle();
  t.deepEqual(root.whichChildren()[0]?.lastExit, { kind: "normal" });
  await root.stop();
});

test("throwing before ready() is a failed start, after it a crash that is restarted", async (t) => {
  const { system } = stage();
  await t.throwsAsync(
    supervise({
      name: "root",
      children: [
        service("a", () => {
          throw new Error("no config");
        }),
      ],
    }).startIn(system),
    { message: /child "a" did not start.*no config/ },
  );
  let runs = 0;
  const flaky = service("a", async (ctx) => {
    ctx.ready();
    if (++runs === 1) throw new Error("boom");
    await untilAborted(ctx.signal);
  });
  const root = await supervise({ name: "root", children: [flaky] }).startIn(system);
  await settle();
  t.is(runs, 2);
  t.is(root.whichChildren()[0]?.state, "running");
  await root.stop();
});

test("a service that is not ready in time is told to end, and its start has failed", async (t) => {
  const { system, clock } = stage();
  const idle = service("a", (ctx) => untilAborted(ctx.signal), { startTimeoutMs: 250 });
  const starting = supervise({ name: "root", children: [idle] }).startIn(system);
  const failed = t.throwsAsync(starting, { message: /service root\/a did not call ready\(\) within 250 ms/ });
  await clock.advance(249);
  await clock.advance(1);
  t.is(((await failed) as IrisError).code, "DEADLINE_EXCEEDED");
  t.is(clock.pending, 0);
});

test("what a service throws because it was asked to end is no crash; anything else is", async (t) => {
  const { system, clock } = stage();
  const root = await supervise({
    name: "root",
    children: [
      service("sleeper", async (ctx) => {
        ctx.ready();
        await sleep(clock, 1e6, ctx.signal);
      }),
      service("clumsy", async (ctx) => {
        ctx.ready();
        await untilAborted(ctx.signal);
        throw new Error("cannot flush");
      }),
    ],
  }).startIn(system);
  const events = record(root.events());
  await root.stop();
  await settle();
  const ends = events.all.filter((event) => event.kind === "stopped").map((event) => [event.child, event.cause.kind]);
  t.deepEqual(ends, [
    ["clumsy", "crashed"],
    ["sleeper", "shutdown"],
  ]);
});

test("a service that ignores its signal is given up at its deadline, and that is logged", async (t) => {
  const { system, clock, logger } = stage();
  const stubborn = service(
    "a",
    (ctx) => {
      ctx.ready();
      return new Promise<void>(() => {});
    },
    { shutdownMs: 100 },
  );
  const root = await supervise({ name: "root", children: [stubborn] }).startIn(system);
  const stopped = root.stop();
  await clock.advance(100);
  await stopped;
  t.is(root.whichChildren()[0]?.lastExit?.kind, "killed");
  t.true(logger.lines.some(({ level, message }) => level === "warn" && /may still be running/.test(message)));
  t.is(clock.pending, 0);
});

test("a stop while a service is starting ends it at once", async (t) => {
  const { system, clock } = stage();
  const root = await supervise({ name: "root", children: [] }).startIn(system);
  const added = t.throwsAsync(root.startChild(service("a", (ctx) => untilAborted(ctx.signal))), {
    instanceOf: IrisError,
  });
  await settle();
  await root.stop();
  await added;
  t.is(clock.pending, 0);
});
