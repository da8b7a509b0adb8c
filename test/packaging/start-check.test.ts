import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";

const run = promisify(execFile);
const BIN = fileURLToPath(new URL("../../bin/iris.js", import.meta.url));

/** The command beside a stand-in for the command line, run by a Node that claims to be `version`. */
async function runOnNode(version: string, folder: string): Promise<{ status: number; stdout: string; stderr: string }> {
  const pretend = join(folder, "pretend.cjs");
  await writeFile(pretend, `Object.defineProperty(process.versions, "node", { value: ${JSON.stringify(version)} });`);
  try {
    const done = await run(process.execPath, ["--require", pretend, join(folder, "bin", "iris.js"), "job", "ls"]);
    return { status: 0, ...done };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, stdout, stderr };
  }
}

async function layOut(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "iris-start-"));
  await mkdir(join(folder, "dist", "cli"), { recursive: true });
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(
    join(folder, "dist", "cli", "iris-main.js"),
    'console.log("on", process.versions.node, process.argv.slice(2).join(" "));',
  );
  await cp(BIN, join(folder, "bin", "iris.js"));
  return folder;
}

test("an old Node gets a sentence that names the version it needs, and status 2", async (t) => {
  const folder = await layOut();
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { status, stdout, stderr } = await runOnNode("20.20.2", folder);
  t.is(status, 2);
  t.is(stdout, "");
  t.regex(stderr, /iris needs Node\.js 24 or newer; this is 20\.20\.2/);
});

test("an old Node runs the command again on the pinned one where that is there", async (t) => {
  const folder = await layOut();
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const pinned = join(folder, "node_modules", `node-${process.platform}-${process.arch}`);
  await mkdir(join(pinned, "bin"), { recursive: true });
  await writeFile(join(pinned, "package.json"), "{}");
  await writeFile(join(pinned, "bin", "node"), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
  const { status, stdout } = await runOnNode("20.20.2", folder);
  t.is(status, 0);
  t.is(stdout, `on ${process.versions.node} job ls\n`);
});

test("a Node that is new enough runs the command itself", async (t) => {
  const folder = await layOut();
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  t.is((await runOnNode("26.1.0", folder)).stdout, "on 26.1.0 job ls\n");
});
