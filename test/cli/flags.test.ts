import test from "ava";
import { InvalidArgumentError } from "commander";
import { collect, cores, duration, keyValue, wholeNumber } from "../../src/cli/flags.ts";

test("whole numbers are taken within their range alone", (t) => {
  const read = wholeNumber(1, 10);
  t.is(read("7"), 7);
  for (const text of ["0", "11", "1.5", "-1", "", "x", "1e1"])
    t.throws(() => read(text), { instanceOf: InvalidArgumentError }, text);
});

test("cores may be fractions, and are never negative or text", (t) => {
  t.is(cores("0.5"), 0.5);
  for (const text of ["-1", "two", "", " "]) t.throws(() => cores(text), { instanceOf: InvalidArgumentError }, text);
});

test("K=V is collected; a value may hold =, a name may not be empty", (t) => {
  t.deepEqual(keyValue("B=c=d", keyValue("A=1")), { A: "1", B: "c=d" });
  t.deepEqual(keyValue("A="), { A: "" });
  for (const text of ["A", "=1", ""]) t.throws(() => keyValue(text), { instanceOf: InvalidArgumentError }, text);
});

test("texts are collected in order", (t) => {
  t.deepEqual(collect("b", collect("a")), ["a", "b"]);
});

test("times carry their unit", (t) => {
  t.deepEqual(["500ms", "30s", "1.5m", "2h", "1d"].map(duration), [500, 30_000, 90_000, 7_200_000, 86_400_000]);
  for (const text of ["30", "s", "5 s", "-1s", ""])
    t.throws(() => duration(text), { instanceOf: InvalidArgumentError }, text);
});
