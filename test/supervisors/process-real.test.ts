/** Supervised processes of the real operating system. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import test from "ava";
import { ActorSystem } from "../../src/runtime/system.ts";
import { processChild, supervise } from "../../src/supervisors/index.ts";

/** A program that starts a child of its own; both ignore SIGTERM if `deaf`. It says who they are. */
const family = (deaf: boolean) => `
  ${deaf ? 'process.on("SIGTERM", () => {});' : ""}
  const { spawn } = require("node:child_process");
  const deaf = ${JSON.stringify(deaf ? 'process.on("SIGTERM", () => {});' : "")};
  const child = spawn(process.execPath, ["-e", deaf + "setInterval(() => {}, 1000); console.log('up')"], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => console.log("family " + process.pid + " " + child.pid));
  setInterval(() => {}, 1000);
`;

/** Zombies are dead: only whoever is their parent has not looked yet. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== "linux") return true;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !["Z", "X"].includes(stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "");
  } catch {
    return false;
  }
}

function pidsIn(line: string): number[] {
  return line.split(" ").slice(1).map(Number);
}

for (const [what, deaf, shutdownMs, kind] of [
  ["ends with its own children when asked", false, 10_000, "shutdown"],
  ["and its children that ignore SIGTERM are killed at the deadline", true, 300, "killed"],
  ["is killed at once with shutdownMs kill", true, "kill", "killed"],
] as const) {
  test(`a process ${what}`, async (t) => {
    await using system = new ActorSystem();
    let pids: number[] = [];
    const onLine = (line: string) => {
      if (line.startsWith("family")) pids = pidsIn(line);
    };
    const child = processChild("p", [process.execPath, "-e", family(deaf)], {
      shutdownMs,
      ready: { line: "family" },
      onLine,
    });
    const root = await system.start(supervise({ name: "root", children: [child] }));
    t.is(pids.length, 2);
    t.true(pids.every(isAlive));
    await root.stop();
    t.deepEqual(pids.filter(isAlive), []);
    t.is(root.whichChildren()[0]?.lastExit?.kind, kind);
  });
}

test("a process that crashes leaves none of its children behind, and is started again", async (t) => {
  await using system = new ActorSystem();
  const families: number[][] = [];
  const second = Promise.withResolvers<void>();
  const onLine = (line: string) => {
    if (!line.startsWith("family")) return;
    families.push(pidsIn(line));
    if (families.length === 2) second.resolve();
  };
  const child = processChild("p", [process.execPath, "-e", family(false)], {
    ready: { line: "family" },
    onLine,
    shutdownMs: "kill",
  });
  const root = await system.start(supervise({ name: "root", children: [child] }));
  const [leader = 0] = families[0] ?? [];
  process.kill(leader, "SIGKILL");
  await second.promise;
  t.deepEqual(families[0]?.filter(isAlive), []);
  await root.stop();
  t.deepEqual(families.flat().filter(isAlive), []);
});

test("a command that is not there is a failed start that names it", async (t) => {
  await using system = new ActorSystem();
  const missing = supervise({ name: "root", children: [processChild("p", ["no-such-command-here"])] });
  await t.throwsAsync(system.start(missing), { message: /cannot run "no-such-command-here": .*ENOENT/ });
  const nowhere = supervise({
    name: "root",
    children: [processChild("p", [process.execPath], { cwd: "/no/such/place" })],
  });
  await t.throwsAsync(system.start(nowhere), { message: /in \/no\/such\/place/ });
});

test("a process is ready when its port accepts, or its page answers", async (t) => {
  await using system = new ActorSystem();
  const { createServer } = await import("node:net");
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as { port: number };
  free.close();
  await once(free, "close");
  const program = `require("node:http").createServer((_, answer) => answer.end("ok")).listen(${port}, "127.0.0.1")`;
  for (const ready of [{ port }, { http: `http://127.0.0.1:${port}/` }]) {
    const child = processChild("p", [process.execPath, "-e", program], { ready });
    await using _root = await system.start(supervise({ name: "root", children: [child] }));
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    t.is(await answer.text(), "ok");
  }
});

/** Another process, that runs a tree with one process and ends in its own way. */
const parent = (ending: string) => `
  import { ActorSystem } from "${new URL("../../src/runtime/index.ts", import.meta.url).href}";
  import { processChild, supervise } from "${new URL("../../src/supervisors/index.ts", import.meta.url).href}";
  const program = ${JSON.stringify(family(true))};
  const onLine = (line) => console.log(line);
  const child = processChild("p", [process.execPath, "-e", program], { ready: { line: "family" }, onLine });
  await new ActorSystem().start(supervise({ name: "root", children: [child] }));
  ${ending}
`;

for (const [what, ending, signal] of [
  ["exits", "process.exit(0);", undefined],
  ["fails", "setImmediate(() => { throw new Error('bug'); });", undefined],
  ["is ended by SIGTERM", "", "SIGTERM"],
  ["is ended by SIGINT", "", "SIGINT"],
  ["handles SIGTERM by exiting", "process.on('SIGTERM', () => process.exit(7));", "SIGTERM"],
] as const) {
  test(`processes do not outlive one that ${what}`, async (t) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", parent(ending)], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const exited = once(child, "exit");
    const [data] = (await once(child.stdout, "data")) as [Buffer];
    const pids = pidsIn(data.toString().trim());
    t.is(pids.length, 2);
    if (signal !== undefined) child.kill(signal);
    const [code, by] = await exited;
    if (signal !== undefined && ending === "") t.is(by, signal, "the signal keeps its own effect");
    else t.is(code, { exits: 0, fails: 1, "handles SIGTERM by exiting": 7 }[what as "exits"]);
    // SIGKILL was sent before our own end; the system needs a moment to carry it out.
    while (pids.some(isAlive)) await new Promise((resolve) => setImmediate(resolve));
    t.pass();
  });
}
