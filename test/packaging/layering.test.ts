import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
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
/** Rule, the file that breaks it, and what it imports: a module of ours or a library. */
const FORBIDDEN: [rule: string, file: string, imported: string][] = [
  ["runtime", "src/runtime/uses-net.ts", "src/net/leaf.ts"],
  ["supervisors", "src/supervisors/uses-net.ts", "src/net/leaf.ts"],
  ["net", "src/net/uses-supervisors.ts", "src/supervisors/leaf.ts"],
  ["job", "src/cluster/job/uses-client.ts", "src/cluster/client/leaf.ts"],
  ["controller", "src/cluster/controller/uses-worker.ts", "src/cluster/worker/leaf.ts"],
  ["worker", "src/cluster/worker/uses-client.ts", "src/cluster/client/leaf.ts"],
  ["client", "src/cluster/client/uses-controller.ts", "src/cluster/controller/leaf.ts"],
  ["pool", "src/pool/uses-worker.ts", "src/cluster/worker/leaf.ts"],
  ["nobody-imports-the-command-line", "src/net/uses-cli.ts", "src/cli/leaf.ts"],
  ["ws-alone", "src/runtime/uses-ws.ts", "ws"],
  ["acorn-alone", "src/cluster/client/uses-acorn.ts", "acorn"],
  ["piscina-alone", "src/net/uses-piscina.ts", "piscina"],
  ["dockerode-alone", "src/cluster/worker/uses-docker.ts", "dockerode"],
  ["node-sqlite-alone|sqlite-alone", "src/cluster/worker/uses-sqlite.ts", "node:sqlite"],
];

const isOurs = (imported: string) => imported.startsWith("src/");

/** One tree in which every rule is broken once. */
function brokenTree(): Record<string, string> {
  const files: Record<string, string> = {
    "src/runtime/circle-a.ts": 'import "./circle-b.ts";\n',
    "src/runtime/circle-b.ts": 'import "./circle-a.ts";\n',
    "src/net/uses-types.ts": 'import type { leaf } from "../supervisors/leaf.ts";\nexport type Leaf = typeof leaf;\n',
  };
  for (const [, file, imported] of FORBIDDEN) {
    const specifier = isOurs(imported) ? relative(dirname(file), imported) : imported;
    files[file] = `import ${JSON.stringify(specifier)};\n`;
    if (isOurs(imported)) files[imported] = LEAF;
  }
  return files;
}

test("layering: each rule refuses what it forbids, and says where", async (t) => {
  const { ok, text } = await cruise(brokenTree());
  t.false(ok);
  for (const [rule, file] of FORBIDDEN) t.regex(text, new RegExp(`error (${rule}): ${file}`), rule);
  t.regex(text, /error no-cycles: src\/runtime\/circle-[ab]\.ts/);
  t.regex(text, /error net: src\/net\/uses-types\.ts/, "importing only types is importing");
});

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
