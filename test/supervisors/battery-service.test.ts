import { once } from "node:events";
import anyTest, { type TestFn } from "ava";
import { service, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { battery } from "./battery.ts";
import { record, stage } from "./kit.ts";

const test = anyTest as TestFn;
/** Those that have been told to end, or ended: more cannot be had of code in this process. */
const alive = new Set<symbol>();

battery(test, {
  name: "service",
  child: (id, behaviour, options) =>
    service(
      id,
      async (ctx) => {
        if (behaviour === "cannot") throw new Error("no configuration");
        const me = Symbol(id);
        alive.add(me);
        ctx.signal.addEventListener("abort", () => alive.delete(me));
        ctx.ready();
        if (behaviour === "deaf") await new Promise(() => {});
        if (behaviour === "runs") await once(ctx.signal, "abort");
        await new Promise<void>((resolve) => setImmediate(resolve));
        alive.delete(me);
        if (behaviour === "crashes") throw new Error("boom");
      },
      options,
    ),
  left: async () => [...alive],
  endsAs: "normal",
  cannot: { code: "INTERNAL", message: /no configuration/ },
  crash: /boom/,
  forceMs: 10_000,
});

test("service: one that no longer answers is told to end and started again", async (t) => {
  const { system, clock } = stage();
  let answers = true;
  const seen: string[] = [];
  const prober = {
    port: async (host: string, port: number) => {
      seen.push(`${host}:${port}`);
      return answers;
    },
    http: async () => false,
  };
  const child = service(
    "web",
    async (ctx) => {
      ctx.ready();
      await once(ctx.signal, "abort");
    },
    { live: { port: 80, everyMs: 100, failuresMax: 3 }, prober },
  );
  const root = await supervise({ name: "root", children: [child] }).startIn(system);
  const events = record(root.events());
  await clock.advance(1_000);
  t.is(seen.length, 10);
  t.is(seen[0], "127.0.0.1:80");
  answers = false;
  await clock.advance(299);
  t.deepEqual(events.kinds(), []);
  answers = false;
  await clock.advance(1);
  t.deepEqual(events.kinds(), ["exited web", "restarting web", "started web"]);
  const [exited] = events.all;
  const error = exited?.kind === "exited" && exited.cause.kind === "crashed" ? exited.cause.error : undefined;
  t.is(error?.code, "UNAVAILABLE");
  t.is(error?.message, "service root/web did not answer at 127.0.0.1:80 3 times in a row, looked at every 100 ms");
  await root.stop();
  await settle();
  t.is(clock.pending, 0);
});

test("service: one answer in between and the looks are counted anew", async (t) => {
  const { system, clock } = stage();
  let looks = 0;
  const prober = { port: async () => ++looks % 3 === 0, http: async () => false };
  const run = async (ctx: { ready(): void; signal: AbortSignal }) => {
    ctx.ready();
    await once(ctx.signal, "abort");
  };
  const child = service("web", run, { live: { port: 80, everyMs: 100, failuresMax: 3 }, prober });
  const root = await supervise({ name: "root", children: [child] }).startIn(system);
  await clock.advance(3_000);
  t.is(root.whichChildren()[0]?.restarts, 0);
  await root.stop();
  t.is(clock.pending, 0);
});
