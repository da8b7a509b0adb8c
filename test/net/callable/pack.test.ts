import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import test from "ava";
import { packCallable } from "../../../src/net/callable/index.ts";
import type { Callable } from "../../../src/net/wire/iris.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import fallback, * as exported from "./fixtures/exported.ts";

type Fn = (...args: never[]) => unknown;

const workspace = import.meta.dirname;
const script = createRequire(import.meta.url)("./fixtures/script.cjs") as { double: Fn; needsRequire: Fn };

function pack(fn: Fn): Callable {
  return packCallable(fn, { workspace });
}

function reference(exportName: string): Callable {
  return { reference: { module: "fixtures/exported.ts", exportName } };
}

function refusalOf(fn: Fn): string {
  try {
    pack(fn);
  } catch (error) {
    if (IrisError.is(error, "NOT_SHIPPABLE")) return error.message;
    throw error;
  }
  return "packed";
}

test("an export of a module of the workspace goes by its name, however it is exported", (t) => {
  t.deepEqual(pack(exported.declared), reference("declared"));
  t.deepEqual(pack(exported.arrow), reference("arrow"));
  t.deepEqual(pack(exported.expression), reference("expression"));
  t.deepEqual(pack(exported.outer), reference("outer"));
  t.deepEqual(pack(fallback), reference("default"));
});

test("an export that is assigned anew goes by its text: its name may mean something else there", (t) => {
  exported.reassign();
  t.is(pack(exported.first).source?.name, "reassigned");
  t.is(pack(exported.reassigned).source?.file, "fixtures/exported.ts");
});

test("a function that an export only contains goes by its text", (t) => {
  t.is(pack(exported.wrapped).source?.text, "(n) => n - 1");
});

test("without a workspace, or outside of it, an export goes by its text", (t) => {
  t.is(packCallable(exported.declared, { workspace: null }).source?.name, "declared");
  const elsewhere = packCallable(exported.declared, { workspace: `${workspace}/nowhere` });
  t.is(elsewhere.source?.file, `${workspace}/fixtures/exported.ts`, "its place is absolute then");
});

test("what the program's entry exports goes by its text; what its other modules export, by name", async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [`${workspace}/fixtures/entry.ts`]);
  const [local, declared] = JSON.parse(stdout) as Callable[];
  t.is(local?.source?.name, "local");
  t.deepEqual(declared?.reference, { module: "exported.ts", exportName: "declared" });
});

test("a text tells its name, its file, and its line and column from 0", (t) => {
  const fn = (n: number): number => n + 1;
  const { source } = pack(fn);
  t.like(source, { name: "fn", file: "pack.test.ts", column: 13 });
  t.true((source?.line ?? 0) > 0);
});

test("functions that use only their arguments, themselves and what every process has are sent", (t) => {
  const recursive = (n: number): number => (n < 2 ? 1 : n * recursive(n - 1));
  function declared(n: number): number {
    return n < 2 ? n : declared(n - 1) + declared(n - 2);
  }
  const { method } = {
    method(n: number) {
      return n;
    },
  };
  class Shape {
    side = 1;
    static area(n: number): number {
      return n * n;
    }
  }
  const functions: Fn[] = [
    recursive,
    declared,
    method,
    Shape.area,
    async (n: number) => await Promise.resolve(n),
    function* (n: number) {
      yield n;
    },
    async function* named(n: number) {
      yield n;
    },
    ({ a = 1, ...rest }: { a?: number }, [b]: number[] = [2]) => ({ a, b, rest }),
    (n: number) => {
      // biome-ignore lint/suspicious/noShadowRestrictedNames: its own name covers the global
      const Math = { max: n };
      try {
        return Math.max;
      } catch (error) {
        return error;
      }
    },
    () => {
      class Inner {
        #hidden = 1;
        static self = this;
        get shown(): number {
          return this.#hidden;
        }
      }
      return new Inner().shown;
    },
    function (this: unknown) {
      // biome-ignore lint/complexity/noArguments: a function's own travel with it
      return [this, new.target, arguments.length];
    },
    (text: string) => new URL(text).href + Buffer.from(text).toString("hex") + process.pid + structuredClone(text),
    async () => (await import("node:path")).sep,
    new Function("a", "return a + 1") as Fn,
    script.double,
  ];
  for (const fn of functions) t.truthy(pack(fn).source, String(fn));
});

const captured = 5;
let changing = 1;
changing += 1;

/** A closure over a name that covers a global. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: the cover is what is tested
function covering(Math: number): Fn {
  return () => Math;
}

const REFUSED: [name: string, fn: Fn, message: RegExp][] = [
  ["a captured variable", () => captured + changing, /uses `captured` .*, `changing` \(a variable outside of it\)/],
  ["a captured function", () => pack(() => 1), /uses `pack` \(a function outside of it\)/],
  [
    "an import",
    () => packCallable,
    /`packCallable` \(imported from "\.\.\/\.\.\/\.\.\/src\/net\/callable\/index\.ts"\)/,
  ],
  [
    "a captured parameter",
    (
      (a: number) => () =>
        a
    )(1),
    /`a` \(a parameter outside of it\)/,
  ],
  [
    "a global that is covered",

    covering(1),
    /`Math` \(a parameter outside of it\)/,
  ],
  // @ts-expect-error nobody declares it
  ["a name that nobody declares", () => notThere, /`notThere` \(not declared in its file\)/],
  ["require", script.needsRequire, /`require`/],
  ["a native function", Math.max, /^function max cannot be sent: it is native code; wrap it/],
  ["a bound function", ((n: number) => n).bind(null, 1), /it is bound; send the function itself/],
  ["a proxy", new Proxy(() => 1, {}), /^a proxy of a function cannot be sent/],
  ["a class", class Shape {} as unknown as Fn, /it is a class; send a function that makes/],
  ["import.meta", () => import.meta.url, /uses `import\.meta`/],
  // biome-ignore lint/security/noGlobalEval: direct eval is what is refused
  ["direct eval", (text: string) => eval(text), /calls `eval` directly/],
  ["what is no function", 5 as unknown as Fn, /^a value of type number cannot be sent: it is not a function/],
];

for (const [name, fn, message] of REFUSED) {
  test(`is refused with its reason: ${name}`, (t) => {
    t.regex(refusalOf(fn), message);
  });
}

test("things that belong to the function around an arrow are refused", (t) => {
  const made = function (this: unknown): Fn[] {
    // biome-ignore lint/complexity/noArguments: the arrow takes them from around it
    return [() => this, () => arguments.length, () => new.target];
  }.call({});
  t.regex(refusalOf(made[0] as Fn), /an arrow function that uses `this` of the function around it/);
  t.regex(refusalOf(made[1] as Fn), /uses `arguments` of the function around it/);
  t.regex(refusalOf(made[2] as Fn), /uses `new\.target` of the function around it/);
});

test("methods that cannot stand alone are refused", (t) => {
  const key = "computed";
  const object = {
    up() {
      return super.toString();
    },
    [key]() {
      return 1;
    },
    get accessor() {
      return 1;
    },
  };
  class Hider {
    #hidden = 1;
    show(): number {
      return this.#hidden;
    }
  }
  t.regex(refusalOf(object.up), /uses `super`/);
  t.regex(refusalOf(object.computed), /its name is computed/);
  t.regex(refusalOf(Object.getOwnPropertyDescriptor(object, "accessor")?.get as Fn), /it is an accessor/);
  t.regex(refusalOf(new Hider().show), /a private name of the class/);
});

test("a refusal names the place, from 1, and the ways out", (t) => {
  const message = refusalOf(() => captured);
  t.regex(message, /pass it as an argument, import it inside .* or export the function from a module/);
  t.regex(message, /\n {2}at fn → function \(anonymous\) \(pack\.test\.ts:\d+:\d+\)$/);
});

test("a function is read once: packing it again costs a look-up", (t) => {
  const fn = (): number => 1;
  t.is(pack(fn), pack(fn));
  t.not(pack(fn), packCallable(fn, { workspace: null }));
});

test("functions made at one place in a file are told apart from those beside them", (t) => {
  const [one, two] = [(n: number) => n + 1, (n: number) => n + 2];
  t.is(pack(one as Fn).source?.text, "(n        ) => n + 1");
  t.is(pack(two as Fn).source?.text, "(n        ) => n + 2");
});
