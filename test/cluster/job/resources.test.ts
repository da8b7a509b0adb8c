import test from "ava";
import {
  addResources,
  DEFAULT_REQUEST,
  NO_RESOURCES,
  parseBytes,
  parseResources,
  shortOf,
} from "../../../src/cluster/job/resources.ts";

test("sizes are bytes, or text with a decimal or binary unit, in any case", (t) => {
  const sizes: [number | string, number][] = [
    [0, 0],
    [5, 5],
    ["5", 5],
    ["2GB", 2e9],
    ["512MiB", 512 * 1024 ** 2],
    ["1.5 kb", 1_500],
    ["1tib", 1024 ** 4],
    [" 3 B ", 3],
    [0.6, 1],
  ];
  for (const [text, bytes] of sizes) t.is(parseBytes(text, "memory"), bytes, String(text));
  for (const bad of ["", "x", "2 PB", "-1", -1, Number.NaN, Number.POSITIVE_INFINITY, "1e9", "9999999999TB"]) {
    t.throws(() => parseBytes(bad, "memory"), { code: "INVALID_ARGUMENT", message: /^memory / }, String(bad));
  }
});

test("what is not asked for has its default, and a typing error is no wish", (t) => {
  t.deepEqual(parseResources(), { cpuMillis: 1_000, memoryBytes: DEFAULT_REQUEST.memory, diskBytes: 0, gpus: 0 });
  t.deepEqual(parseResources({ cpu: 0.5, memory: "1GB", disk: 7, gpu: 2 }), {
    cpuMillis: 500,
    memoryBytes: 1e9,
    diskBytes: 7,
    gpus: 2,
  });
  t.throws(() => parseResources({ memroy: 1 } as object), { code: "INVALID_ARGUMENT", message: /"memroy"/ });
  for (const bad of [{ cpu: -1 }, { cpu: Number.NaN }, { gpu: 0.5 }, { gpu: -1 }]) {
    t.throws(() => parseResources(bad), { code: "INVALID_ARGUMENT" });
  }
});

test("sums are by kind, and what is short is named", (t) => {
  const one = { cpuMillis: 1, memoryBytes: 2, diskBytes: 3, gpus: 4 };
  t.deepEqual(addResources(one, one), { cpuMillis: 2, memoryBytes: 4, diskBytes: 6, gpus: 8 });
  t.deepEqual(shortOf(one, one), []);
  t.deepEqual(shortOf(one, NO_RESOURCES), ["cpuMillis", "memoryBytes", "diskBytes", "gpus"]);
});
