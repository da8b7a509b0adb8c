import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs a check over a tree of its own, made of these files. */
async function check(
  command: string,
  args: string[],
  files: Record<string, string>,
): Promise<{ ok: boolean; text: string }> {
  const folder = await mkdtemp(join(tmpdir(), "iris-layers-"));
  try {
    for (const name of [".dependency-cruiser.cjs", "tsconfig.json", "package.json", "scripts"]) {
      await cp(join(PROJECT, name), join(folder, name), { recursive: true });
    }
    await symlink(join(PROJECT, "node_modules"), join(folder, "node_modules"));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const { stdout, stderr } = await run(command, args, { cwd: folder });
    return { ok: true, text: stdout + stderr };
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return { ok: false, text: stdout + stderr };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const cruise = (files: Record<string, string>) =>
  check(
    process.execPath,
    [
      join(PROJECT, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs"),
      "--config",
      ".dependency-cruiser.cjs",
      "src",
    ],
    files,
  );
const globals = (files: Record<string, string>) => check(process.execPath, ["scripts/check-globals.ts"], files);

const LEAF = "export const leaf = 1;\n";
const FORBIDDEN: [rule: string, files: Record<string, string>][] = [
  ["runtime", { "src/runtime/a.ts": 'import "../net/b.ts";\n', "src/net/b.ts": LEAF }],
  ["supervisors", { "src/supervisors/a.ts": 'import "../net/b.ts";\n', "src/net/b.ts": LEAF }],
  ["net", { "src/net/a.ts": 'import "../supervisors/b.ts";\n', "src/supervisors/b.ts": LEAF }],
  ["job", { "src/cluster/job/a.ts": 'import "../client/b.ts";\n', "src/cluster/client/b.ts": LEAF }],
  ["controller", { "src/cluster/controller/a.ts": 'import "../worker/b.ts";\n', "src/cluster/worker/b.ts": LEAF }],
  ["worker", { "src/cluster/worker/a.ts": 'import "../client/b.ts";\n', "src/cluster/client/b.ts": LEAF }],
  ["client", { "src/cluster/client/a.ts": 'import "../controller/b.ts";\n', "src/cluster/controller/b.ts": LEAF }],
  ["pool", { "src/pool/a.ts": 'import "../cluster/worker/b.ts";\n', "src/cluster/worker/b.ts": LEAF }],
  ["no-cycles", { "src/runtime/a.ts": 'import "./b.ts";\n', "src/runtime/b.ts": 'import "./a.ts";\n' }],
  ["ws-alone", { "src/runtime/a.ts": 'import "ws";\n' }],
  ["acorn-alone", { "src/cluster/client/a.ts": 'import "acorn";\n' }],
  ["piscina-alone", { "src/net/a.ts": 'import "piscina";\n' }],
  ["node-sqlite-alone|sqlite-alone", { "src/cluster/worker/a.ts": 'import "node:sqlite";\n' }],
];

for (const [rule, files] of FORBIDDEN) {
  test(`layering: ${Object.keys(files)[0]} breaks the rule ${rule}`, async (t) => {
    const { ok, text } = await cruise(files);
    t.false(ok, text);
    t.regex(text, new RegExp(`error (${rule}):`));
  });
}

test("layering: what the table allows passes", async (t) => {
  const { ok, text } = await cruise({
    "src/net/a.ts": 'import "ws";\nimport "../runtime/b.ts";\n',
    "src/runtime/b.ts": LEAF,
  });
  t.true(ok, text);
});

test("ports: time, chance, environment and interpreters are refused outside the ports, with their place", async (t) => {
  const { ok, text } = await globals({
    "src/net/a.ts": [
      "export const now = Date.now();",
      "export const chance = Math.random();",
      "setTimeout(() => {}, 1);",
      "export const home = process.env.HOME;",
      "export const at = performance.now();",
      "export const date = new Date();",
      'import { createActor } from "xstate";',
      "export { createActor };",
    ].join("\n"),
  });
  t.false(ok);
  for (const line of [1, 2, 3, 4, 5, 6, 7]) t.regex(text, new RegExp(`src/net/a\\.ts:${line}: `));
});

test("ports: the ports themselves, the command line and entry points may touch the real ones", async (t) => {
  const { ok, text } = await globals({
    "src/runtime/ports/clock.ts": "export const now = Date.now();\n",
    "src/cli/up.ts": "export const now = Date.now();\n",
    "src/net/probe-main.ts": "setTimeout(() => {}, 1);\n",
    "src/net/b.ts":
      "// Date.now() in a comment is no use\nexport const text = 'Math.random()';\nexport const d = new Date(5);\n",
  });
  t.true(ok, text);
});
