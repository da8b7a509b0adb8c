import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const SOURCES = ["package.json", "tsconfig.json", "tsconfig.build.json", "README.md", "LICENSE", "CHANGELOG.md"];
const FOLDERS = ["bin", "proto", "scripts", "src"];

/** Packs a copy of the project, as publishing would, and lays it out as an installed package of an empty program. */
async function installPacked(): Promise<{ folder: string; installed: string; files: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), "iris-pack-"));
  const copy = join(folder, "copy");
  await mkdir(copy);
  for (const name of [...SOURCES, ...FOLDERS]) await cp(join(PROJECT, name), join(copy, name), { recursive: true });
  await symlink(join(PROJECT, "node_modules"), join(copy, "node_modules"));
  const { stdout } = await run("npm", ["pack", "--json"], { cwd: copy, maxBuffer: 64 * 1024 * 1024 });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf("["))) as { filename: string; files: { path: string }[] }[];
  const installed = join(folder, "program", "node_modules", "iris-runtime");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", join(copy, packed?.filename ?? ""), "-C", installed, "--strip-components=1"]);
  await symlink(join(PROJECT, "node_modules"), join(installed, "node_modules"));
  const restored = JSON.parse(await readFile(join(copy, "package.json"), "utf8"));
  if (restored.optionalDependencies === undefined) throw new Error("packing left the manifest stripped");
  return { folder, installed, files: packed?.files.map(({ path }) => path) ?? [] };
}

test("what is published holds compiled code and no Node, and works where it is installed", async (t) => {
  const { folder, installed, files } = await installPacked();
  t.teardown(() => rm(folder, { recursive: true, force: true }));

  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  t.is(manifest.optionalDependencies, undefined, "the pinned Node is for development alone");
  t.true(files.includes("dist/index.js") && files.includes("dist/index.d.ts") && files.includes("bin/iris.js"));
  t.deepEqual(
    files.filter((file) => /^(src|test|examples|scripts|benchmarks)\//.test(file)),
    [],
  );

  const program = join(folder, "program", "main.ts");
  await writeFile(
    program,
    `import { ActorSystem } from "iris-runtime/runtime";
     class Echo { say(text: string): string { return text; } }
     await using system = new ActorSystem();
     console.log(await system.spawn(Echo).call().say("installed"));
     console.log(process.moduleLoadList.some((name) => name.includes("sqlite")));`,
  );
  const { stdout } = await run(process.execPath, [program]);
  t.is(stdout, "installed\nfalse\n", "a program with actors only loads no database");

  await writeFile(
    program,
    `import { createRequire } from "node:module";
     import { ActorSystem, actor, container, supervise } from "iris-runtime";
     class Echo { say(text: string): string { return text; } }
     const child = container("c", { image: "none", restart: "temporary" });
     await using system = new ActorSystem();
     const tree = await system.start(supervise({ name: "root", children: [actor(Echo, { id: "echo" })] }));
     console.log(await tree.ref<Echo>("echo").call().say(child.kind));
     const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((name) => name.includes("dockerode"));
     console.log(loaded());
     await tree.startChild(child).catch(() => {});
     console.log(loaded());`,
  );
  const unloaded = await run(process.execPath, [program]);
  t.is(unloaded.stdout, "container\nfalse\ntrue\n", "Docker is loaded when the first container starts");

  const help = await run(process.execPath, [join(installed, "bin", "iris.js"), "--help"]);
  t.regex(help.stdout, /Usage: iris/);
});
