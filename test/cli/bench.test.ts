import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { benchLines } from "../../src/cli/bench.ts";
import type { BenchRow } from "../../src/cli/bench-iris.ts";
import { ClosedLoop, OpenLoop, observe } from "../../src/cli/bench-load.ts";
import { Buffers, Echo, textOf, wrongRecord } from "../../src/cli/bench-payload.ts";
import { ServerProcess } from "../../src/cli/bench-process.ts";

const run = promisify(execFile);
const cli = (name: string) => fileURLToPath(new URL(`../../src/cli/${name}`, import.meta.url));
const BRIEF = { warmUpMs: 5, measureMs: 30, usage: async () => undefined } as const;

test("iris bench measures every row between two processes, and counts right answers", async (t) => {
  const { stdout } = await run(process.execPath, [cli("iris-main.ts"), "bench", "--duration", "60ms", "--json"]);
  const { rows } = JSON.parse(stdout) as { rows: BenchRow[] };
  t.deepEqual(
    rows.map((row) => row.inFlight),
    [1, 64, 1024, null, 64],
  );
  for (const { what, completed, callsPerSecond, p50Us, p999Us, inFlight, serverCpuUs } of rows) {
    t.true(Number.isSafeInteger(completed) && completed > 0, what);
    t.true(callsPerSecond > 0 && p50Us > 0 && p999Us >= p50Us, what);
    t.is(serverCpuUs === null, inFlight === null, what);
  }
});

test("the table has a line for each row, with its unit beside each time", (t) => {
  const row = { what: "small record", completed: 1_000, callsPerSecond: 1_234_567.8, p50Us: 9.87, p99Us: 123.4 };
  const rows: BenchRow[] = [{ ...row, inFlight: 1, p999Us: 12_345, clientCpuUs: 1.5, serverCpuUs: null }];
  const [heading, line, ...more] = benchLines(rows);
  t.deepEqual(heading?.split(/\s{2,}/).length, 9);
  t.deepEqual(line?.split(/\s{2,}/), [
    ...["small record", "1", "1,234,568", "9.9 µs", "123 µs", "12.3 ms", "1.5 µs", "-", "1,000"],
  ]);
  t.deepEqual(more, []);
});

test("a load counts what was answered, and has heard of every call when it stops", async (t) => {
  for (const kind of ["closed", "open"] as const) {
    let [issued, answered] = [0, 0];
    const issue = (_call: number, _slot: number, settle: () => void) => {
      issued++;
      setImmediate(() => {
        answered++;
        settle();
      });
    };
    const load =
      kind === "closed"
        ? new ClosedLoop(issue, { inFlight: 4 })
        : new OpenLoop(issue, { perSecond: 10_000, inFlightMax: 64 });
    const window = await observe(load.start(), BRIEF);
    t.true(window.completed > 0 && window.completed <= load.completed, kind);
    t.is(load.completed, issued, kind);
    t.is(answered, issued, kind);
    t.is(
      window.bySlot.reduce((sum, count) => sum + count, 0),
      window.completed,
      kind,
    );
  }
});

test("a closed loop never has more in flight than asked for, and a slot one call at a time", async (t) => {
  const busy = new Set<number>();
  const issue = (_call: number, slot: number, settle: () => void) => {
    t.false(busy.has(slot));
    busy.add(slot);
    t.true(busy.size <= 3);
    setImmediate(() => {
      busy.delete(slot);
      settle();
    });
  };
  await observe(new ClosedLoop(issue, { inFlight: 3 }).start(), BRIEF);
  t.is(busy.size, 0);
});

test("at a steady rate a pause is felt by every call that was due in it", async (t) => {
  const latenciesUs: number[] = [];
  let isPaused = true;
  const held: (() => void)[] = [];
  const issue = (_call: number, _slot: number, settle: () => void) => {
    if (isPaused) held.push(settle);
    else setImmediate(settle);
  };
  // Room for one call: all others wait for it to be answered.
  const load = new OpenLoop(issue, { perSecond: 1_000, inFlightMax: 1 });
  load.latency = { record: (us) => latenciesUs.push(us) };
  load.start();
  while (held.length === 0) await new Promise(setImmediate);
  const dueAt = performance.now();
  while (performance.now() - dueAt < 50) await new Promise(setImmediate);
  isPaused = false;
  for (const settle of held) settle();
  while (load.completed < 40) await new Promise(setImmediate);
  await load.stop();
  const late = latenciesUs.filter((us) => us > 10_000);
  t.true(late.length >= 30, `${late.length} calls were late by more than 10 ms; about 40 were due in the pause`);
});

test("a wrong or failed answer ends a measurement", async (t) => {
  const issue = (call: number, _slot: number, settle: (error?: unknown) => void) => {
    setImmediate(() => settle(call === 10 ? new Error("not what was asked for") : undefined));
  };
  const failing = observe(new ClosedLoop(issue, { inFlight: 1 }).start(), { ...BRIEF, measureMs: 10_000 });
  await t.throwsAsync(failing, { message: "not what was asked for" });
});

test("answers are told from each other", async (t) => {
  const echo = new Echo();
  t.is(textOf(7).length, 100);
  t.is(wrongRecord(echo.small({ id: 7, text: textOf(7) }), 7), undefined);
  t.truthy(wrongRecord({ id: 8, text: textOf(7) }, 7));
  t.truthy(wrongRecord({ id: 7, text: textOf(8) }, 7));
  t.deepEqual(
    (await Array.fromAsync(echo.stream(3))).map((record, id) => wrongRecord(record, id)),
    [undefined, undefined, undefined],
  );
  const buffers = new Buffers(2, 64);
  const bytes = echo.bytes(buffers.marked(1, 70_000)).slice();
  t.is(buffers.wrong(bytes, 1, 70_000), undefined);
  t.truthy(buffers.wrong(bytes, 1, 70_001));
  t.truthy(buffers.wrong(bytes, 0, 70_000));
  t.truthy(buffers.wrong(bytes.subarray(1), 1, 70_000));
});

test("a server's process that ends before it serves is an error, with its status", async (t) => {
  await t.throwsAsync(ServerProcess.start(cli("bench-payload.ts")), { message: /ended early, with 0/ });
});
