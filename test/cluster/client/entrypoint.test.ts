import test from "ava";
import { Entrypoint, packEntrypoint } from "../../../src/cluster/client/entrypoint.ts";
import { decodeValue } from "../../../src/net/value/index.ts";

test("a command travels as it is, and does not change with the array it came from", (t) => {
  const argv = ["python3", "train.py"];
  const entrypoint = Entrypoint.fromCommand(argv);
  argv.push("--late");
  t.deepEqual(packEntrypoint(entrypoint, null), { command: { argv: ["python3", "train.py"] } });
});

test("a function's arguments are those of the moment it is packed", (t) => {
  const settings = { rate: 1 };
  const entrypoint = Entrypoint.fromCallable((a: { rate: number }) => a.rate, settings);
  settings.rate = 2;
  const packed = packEntrypoint(entrypoint, null).invocation;
  settings.rate = 3;
  t.deepEqual(decodeValue(packed?.arguments ?? new Uint8Array()), [{ rate: 2 }]);
  t.truthy(packed?.callable?.source);
});

test("an argument that cannot travel is named", (t) => {
  const entrypoint = Entrypoint.fromCallable((_: unknown) => {}, { deep: { map: new WeakMap() } });
  t.throws(() => packEntrypoint(entrypoint, null), { code: "NOT_SHIPPABLE", message: /WeakMap/ });
});

test("a module is named from the workspace, whichever way it was written", (t) => {
  const module = (urlOrPath: string | URL, workspace: string | null) =>
    packEntrypoint(Entrypoint.fromModule(urlOrPath, "run"), workspace).invocation?.callable?.reference?.module;
  t.is(module("file:///project/lib/a.ts", "/project"), module("./lib/a.ts", "/project"));
  t.is(module(new URL("file:///project/lib/a.ts"), "/project"), module("/project/lib/a.ts", "/project"));
  t.is(module("lodash", "/project"), "lodash");
  t.throws(() => module("./lib/a.ts", null), { code: "INVALID_ARGUMENT" });
  t.throws(() => module("../a.ts", "/project"), { code: "INVALID_ARGUMENT" });
});
