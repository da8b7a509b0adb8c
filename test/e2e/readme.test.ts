import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { PROJECT, runProgram } from "../kit/programs.ts";

const readme = await readFile(join(PROJECT, "README.md"), "utf8");
/** Each program of the README with what it says that it prints. */
const programs = [...readme.matchAll(/```ts\n([\s\S]*?)```\n```text\n([\s\S]*?)```/g)];
const folder = join(PROJECT, ".readme-programs");

test.before(() => mkdir(folder, { recursive: true }));
test.after.always(() => rm(folder, { recursive: true, force: true }));

test("every program in the README says what it prints", (t) => {
  t.is(programs.length, [...readme.matchAll(/```ts\n/g)].length);
  t.true(programs.length >= 4);
});

for (const [at, [, program = "", expected = ""]] of programs.entries()) {
  test.serial(`README program ${at + 1} prints what it says`, async (t) => {
    const file = join(folder, `program-${at + 1}.ts`);
    await writeFile(file, program);
    const { status, stdout, stderr } = await runProgram([process.execPath, file], { cwd: PROJECT });
    t.is(status, 0, stderr);
    t.is(stdout, expected);
  });
}
