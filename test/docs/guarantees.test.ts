import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { PROJECT } from "../kit/programs.ts";

const page = await readFile(join(PROJECT, "docs", "guarantees.md"), "utf8");
/** Every "`file`: title" of the page's tables. */
const proofs = [...page.matchAll(/`(test\/[^`]+\.test\.ts)`: ([^|\n]+?) *(?=\||;|$)/gm)].map(
  ([, file = "", title = ""]) => ({ file, title }),
);

test("every promise of the page names a test that is there", async (t) => {
  t.true(proofs.length > 40);
  const sources = new Map<string, string>();
  for (const { file, title } of proofs) {
    const source = sources.get(file) ?? (await readFile(join(PROJECT, file), "utf8"));
    sources.set(file, source);
    // A title may be put together from a table or a name; what stands before a colon then is not in the source.
    const written =
      source.includes(`"${title}"`) || source.includes(`\`${title}`) || source.includes(title.replace(/^\w+: /, ""));
    t.true(written, `${file} has no test "${title}"`);
  }
});

test("every row of promises has its proof", (t) => {
  const rows = [...page.matchAll(/^\| (?!promise|---)(.+) \|$/gm)].map(([, row = ""]) => row);
  const unproved = rows.filter((row) => !/`test\/|does not apply|---/.test(row) && !/proved by|case|line/i.test(row));
  t.deepEqual(unproved, []);
});
