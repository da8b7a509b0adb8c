/** Functions as tasks, in processes of their own: what they return, throw, print and leave open. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { processRuntime } from "../../../src/cluster/worker/runtime/process.ts";
import { decodeValue, encodeValue } from "../../../src/net/value/index.ts";
import type { AttemptExit, Invocation } from "../../../src/net/wire/iris.ts";
import { systemClock } from "../../../src/runtime/ports/clock.ts";
import { folder, jobSpec, room, wanted } from "./worker-room.ts";

interface Ran {
  readonly exit: AttemptExit;
  readonly lines: string[];
  readonly value: unknown;
}

function source(text: string): Invocation["callable"] {
  return { source: { text, name: "fn", file: "", line: 0, column: 0 } };
}

async function run(t: ExecutionContext, invocation: Partial<Invocation>, workspace?: string): Promise<Ran> {
  const { attempts, over, store } = await room(t, systemClock, processRuntime());
  const entrypoint = { invocation: { arguments: encodeValue([]), ...invocation } };
  const job = jobSpec([], { entrypoint, ...(workspace === undefined ? {} : { workspace }) });
  attempts.apply([wanted("fn", job)]);
  const { exit } = await over("fn");
  attempts.apply([]);
  await attempts.forgetAll();
  if (exit === undefined) throw new Error("it has no exit");
  return { exit, lines: store.lines, value: exit.hasResult ? decodeValue(exit.result) : undefined };
}

test("a function gets its arguments, and what it returns is kept", async (t) => {
  const callable = source("async (a, b) => { console.log('adding', a, b); return { sum: a + b, at: new Date(5) } }");
  const { exit, lines, value } = await run(t, { callable, arguments: encodeValue([2n, 3n]) });
  t.like(exit, { ok: true, hasResult: true, cause: { kind: "exited", exitCode: 0 } });
  t.deepEqual(value, { sum: 5n, at: new Date(5) });
  t.deepEqual(lines, ["adding 2n 3n"]);
});

test("a function that returns nothing returns undefined, which is a result", async (t) => {
  const { exit, value } = await run(t, { callable: source("() => {}") });
  t.true(exit.hasResult);
  t.is(value, undefined);
});

test("an export of a module of the workspace is called there", async (t) => {
  const workspace = await folder(t);
  await writeFile(join(workspace, "jobs.ts"), "export const where = (n: number): string => n + process.cwd();\n");
  const callable = { reference: { module: "jobs.ts", exportName: "where" } };
  const { value } = await run(t, { callable, arguments: encodeValue([7]) }, workspace);
  t.is(value, `7${workspace}`);
});

test("what a function throws is the cause, and is printed with its stack", async (t) => {
  const { exit, lines } = await run(t, { callable: source("() => { throw new RangeError('too far') }") });
  t.like(exit, { ok: false, hasResult: false, cause: { kind: "threw", message: "RangeError: too far", exitCode: 1 } });
  t.is(lines[0], "RangeError: too far");
  t.regex(lines.join("\n"), /\n {4}at /);
});

test("a rejection that nobody handles fails the task, also after the function returned nothing yet", async (t) => {
  const callable = source(
    "() => { Promise.reject(new Error('lost')); return new Promise((r) => setTimeout(r, 60_000)) }",
  );
  const { exit } = await run(t, { callable });
  t.like(exit, { ok: false, cause: { kind: "threw", message: "Error: lost" } });
});

test("a thrown string keeps its text", async (t) => {
  const { exit } = await run(t, { callable: source("() => { throw 'just text' }") });
  t.regex(exit.cause?.message ?? "", /just text/);
});

test("a result that is too large is an error that names its size, the limit and the way out", async (t) => {
  const { exit, lines } = await run(t, { callable: source("() => 'x'.repeat(2_000_000)") });
  t.like(exit, { ok: false, hasResult: false, cause: { kind: "threw" } });
  t.regex(exit.cause?.message ?? "", /takes 20000\d\d bytes, at most 1048576 .*IRIS_OUTPUT_DIR/);
  t.regex(lines[0] ?? "", /takes 20000\d\d bytes/);
});

test("a result that cannot be sent is an error that says what it was", async (t) => {
  const { exit } = await run(t, { callable: source("() => ({ a: new WeakMap() })") });
  t.regex(exit.cause?.message ?? "", /WeakMap/);
});

test("the process ends when the function has returned, whatever it left open, and loses nothing it printed", async (t) => {
  const text = `async () => {
    const { createServer } = await import("node:net");
    createServer().listen(0);
    setInterval(() => {}, 1000);
    for (let i = 0; i < 20_000; i++) console.log("line " + i);
    return "done";
  }`;
  const { exit, lines, value } = await run(t, { callable: source(text) });
  t.true(exit.ok);
  t.is(value, "done");
  t.is(lines.length, 20_000);
  t.is(lines.at(-1), "line 19999");
});

test("a promise that nothing can settle any more is an error, not a wait", async (t) => {
  const { exit } = await run(t, { callable: source("() => new Promise(() => {})") });
  t.regex(exit.cause?.message ?? "", /never settled/);
  t.false(exit.ok);
});

test("a function that ends its process before it returned has failed, with its own status if it gave one", async (t) => {
  const silent = await run(t, { callable: source("() => process.exit(0)") });
  t.like(silent.exit, { ok: false, cause: { kind: "threw" } });
  t.regex(silent.exit.cause?.message ?? "", /before it returned/);
  const loud = await run(t, { callable: source("() => process.exit(7)") });
  t.like(loud.exit, { ok: false, cause: { kind: "exited", exitCode: 7 } });
});

test("an invocation that cannot be read is an error of the task", async (t) => {
  const none = await run(t, {});
  t.regex(none.exit.cause?.message ?? "", /names no function/);
  const odd = await run(t, { callable: source("() => 1"), arguments: encodeValue({ a: 1 }) });
  t.regex(odd.exit.cause?.message ?? "", /no array/);
  const missing = await run(t, { callable: { reference: { module: "./nowhere.ts", exportName: "x" } } });
  t.false(missing.exit.ok);
});
