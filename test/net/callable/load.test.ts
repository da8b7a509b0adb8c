import { fileURLToPath } from "node:url";
import test from "ava";
import { loadCallable, moduleCallable, packCallable } from "../../../src/net/callable/index.ts";
import * as exported from "./fixtures/exported.ts";

type Fn = (...args: never[]) => unknown;

const workspace = import.meta.dirname;
const fixtures = new URL("./fixtures/", import.meta.url);

/** There and back. */
async function passed(fn: Fn): Promise<(...args: unknown[]) => unknown> {
  return loadCallable(packCallable(fn, { workspace }), { workspace });
}

async function load(module: string, exportName: string, within: string | null = workspace): Promise<unknown> {
  return loadCallable({ reference: { module, exportName } }, { workspace: within });
}

test("a function by reference is the module's own", async (t) => {
  t.is(await passed(exported.declared), exported.declared as never);
  t.is(await passed(exported.outer), exported.outer as never);
});

test("a function by text does what it did", async (t) => {
  const recursive = (n: number): number => (n < 2 ? 1 : n * recursive(n - 1));
  t.is((await passed(recursive))(5), 120);
  t.is((await passed((a: number, b = 2) => a + b))(1), 3);
  const { method } = {
    method(n: number) {
      return n * 2;
    },
  };
  t.is((await passed(method))(4), 8);
  t.is(await (await passed(async (n: number) => n + 1))(1), 2);
  const generator = (
    await passed(function* (n: number) {
      yield n;
    })
  )(7) as Generator<number>;
  t.deepEqual([...generator], [7]);
});

test("a function keeps its name", async (t) => {
  const named = (): number => 1;
  t.is((await passed(named)).name, "named");
  t.is((await passed(() => 1)).name, "");
});

test("a function runs as strict code, as in the module that it was written in", async (t) => {
  const fn = function (this: unknown): unknown {
    return this;
  };
  t.is((await passed(fn))(), undefined);
});

test("imports within a function resolve from the file that it was written in", async (t) => {
  const fn = async () => (await import("./fixtures/exported.ts")).declared(1, 2);
  t.is(await (await passed(fn))(), 3);
});

test("a stack points to the line and column that the function was written at", async (t) => {
  const arrow = () => {
    throw new Error("here");
  };
  const { method } = {
    method() {
      throw new Error("here");
    },
  };
  const recursive = (n: number): unknown => (n === 0 ? new Error("here") : recursive(n - 1));
  for (const fn of [arrow, method]) {
    const place = placeOf(t.throws(fn));
    t.is(placeOf(t.throws((await passed(fn)) as () => void)), place);
  }
  t.is(placeOf((await passed(recursive))(0)), placeOf(recursive(0)));
});

function placeOf(error: unknown): string | undefined {
  return /load\.test\.ts:\d+:\d+/.exec((error as Error).stack ?? "")?.[0];
}

test("a text is compiled once", async (t) => {
  const make = () => (n: number) => n;
  t.is(await passed(make()), await passed(make()));
});

test("modules are found by path, URL, package and builtin name", async (t) => {
  t.is(await load("fixtures/exported.ts", "declared"), exported.declared);
  t.is(await load("./fixtures/exported.ts", "declared"), exported.declared);
  t.is(await load(new URL("exported.ts", fixtures).href, "declared"), exported.declared);
  t.is(await load(fileURLToPath(new URL("exported.ts", fixtures)), "declared", null), exported.declared);
  t.is(typeof (await load("node:path", "join")), "function");
  t.is(typeof (await load("acorn", "parse")), "function");
  t.is(typeof (await load("data:text/javascript,export default () => 1", "default", null)), "function");
});

test("a module that does not exist is NOT_FOUND", async (t) => {
  for (const module of [
    "fixtures/none.ts",
    "./none.js",
    "no-such-package-here",
    "node:nothing",
    `${workspace}/none.ts`,
  ]) {
    const error = await t.throwsAsync(load(module, "x"), { code: "NOT_FOUND" });
    t.true(error?.message.includes(module), error?.message);
  }
});

test("an export that does not exist is NOT_FOUND, and those that do are named", async (t) => {
  await t.throwsAsync(load("fixtures/exported.ts", "nope"), {
    code: "NOT_FOUND",
    message: /fixtures\/exported\.ts has no export nope; it exports .*declared/,
  });
});

test("an export that is no function is INVALID_ARGUMENT", async (t) => {
  await t.throwsAsync(load("fixtures/exported.ts", "notAFunction"), {
    code: "INVALID_ARGUMENT",
    message: /type number/,
  });
});

test("what a module throws while it is loaded passes unchanged", async (t) => {
  await t.throwsAsync(load("fixtures/throws-when-loaded.ts", "x"), {
    instanceOf: TypeError,
    message: /cannot be loaded/,
  });
});

test("no relative path leads out of the workspace", async (t) => {
  for (const module of ["../value/value.test.ts", "fixtures/../../value/value.test.ts", "./../x.ts"]) {
    await t.throwsAsync(load(module, "x"), { code: "INVALID_ARGUMENT", message: /leads out of the workspace/ });
  }
  await t.throwsAsync(load("./x.ts", "x", null), { code: "INVALID_ARGUMENT", message: /has no workspace/ });
});

test("a callable of neither form, or with a text that makes no function, is PROTOCOL_ERROR", async (t) => {
  const source = { name: "f", file: "f.ts", line: 0, column: 0 };
  await t.throwsAsync(loadCallable({}, { workspace }), { code: "PROTOCOL_ERROR" });
  await t.throwsAsync(loadCallable({ source: { ...source, text: "1 +" } }, { workspace }), { code: "PROTOCOL_ERROR" });
  await t.throwsAsync(loadCallable({ source: { ...source, text: "42" } }, { workspace }), { code: "PROTOCOL_ERROR" });
});

test("a module named outright is relative to the workspace if it is within, and stays as it is if not", (t) => {
  const named = (module: string | URL, within: string | null = workspace) =>
    moduleCallable(module, "f", { workspace: within }).reference?.module;
  t.is(named("./fixtures/exported.ts"), "fixtures/exported.ts");
  t.is(named("fixtures/exported.ts"), "fixtures/exported.ts");
  t.is(named(new URL("exported.ts", fixtures)), "fixtures/exported.ts");
  t.is(named(new URL("exported.ts", fixtures).href), "fixtures/exported.ts");
  t.is(named(fileURLToPath(new URL("exported.ts", fixtures))), "fixtures/exported.ts");
  t.is(named("/elsewhere/a.ts"), "/elsewhere/a.ts");
  t.is(named("file:///elsewhere/a.ts"), "file:///elsewhere/a.ts");
  t.is(named("file:///elsewhere/a.ts", null), "file:///elsewhere/a.ts");
  t.is(named("node:fs"), "node:fs");
  t.is(named("@scope/package/sub"), "@scope/package/sub");
});

test("a module that can be none is INVALID_ARGUMENT at once", (t) => {
  for (const module of ["../outside.ts", "https://example.org/a.js", "", 5 as unknown as string]) {
    t.throws(() => moduleCallable(module, "f", { workspace }), { code: "INVALID_ARGUMENT" });
  }
  t.throws(() => moduleCallable("./a.ts", "f", { workspace: null }), {
    code: "INVALID_ARGUMENT",
    message: /no workspace/,
  });
  for (const name of ["", undefined as unknown as string]) {
    t.throws(() => moduleCallable("./a.ts", name, { workspace }), { code: "INVALID_ARGUMENT" });
  }
});
