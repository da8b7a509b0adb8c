import test from "ava";
import { bytesText, durationText, tableLines } from "../../src/cli/table.ts";

test("columns are as wide as they must be, and lines end without blanks", (t) => {
  t.deepEqual(
    tableLines(
      ["ID", "STATE"],
      [
        ["abc", "RUNNING"],
        ["d", ""],
      ],
    ),
    ["ID   STATE", "abc  RUNNING", "d"],
  );
});

test("a line that is wider than the terminal is cut and says so", (t) => {
  const lines = tableLines(["ID", "WHY"], [["abc", "a long explanation of what happened"]], 20);
  t.deepEqual(lines, ["ID   WHY", "abc  a long explana…"]);
  t.true(lines.every((line) => line.length <= 20));
});

test("durations read as people say them", (t) => {
  t.deepEqual([0, 850, 12_340, 245_000, 7_800_000, 273_600_000].map(durationText), [
    "0ms",
    "850ms",
    "12.3s",
    "4m 5s",
    "2h 10m",
    "3d 4h",
  ]);
});

test("sizes are given in binary units", (t) => {
  t.deepEqual([0, 1023, 512 * 1024 ** 2, 1.5 * 1024 ** 3].map(bytesText), ["0 B", "1023 B", "512 MiB", "1.5 GiB"]);
});
