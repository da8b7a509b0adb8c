import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import anyTest, { type TestFn } from "ava";
import type { ContainerOptions } from "../../src/cluster/container.ts";
import { container } from "../../src/cluster/container.ts";
import { dockerEngine } from "../../src/cluster/worker/runtime/docker/engine.ts";
import { isLeftOver, OWNER_LABELS, ownLabels } from "../../src/cluster/worker/runtime/docker/owner.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { supervise } from "../../src/supervisors/index.ts";
import { containersOf, needDocker, TEST_IMAGE } from "../kit/docker.ts";
import { battery } from "./battery.ts";
import { programArguments } from "./battery-program.ts";

const test = anyTest as TestFn;
const docker = await needDocker();

battery(test, {
  name: "container",
  child: (id, behaviour, options) =>
    container(id, {
      ...options,
      image: TEST_IMAGE,
      command: ["node", ...programArguments(behaviour)],
      ready: { line: "up" },
    }),
  left: () => containersOf(docker),
  endsAs: "normal",
  cannot: { code: "INTERNAL", message: /exit status 4; it last printed: no configuration, before it was ready/ },
  crash: /container root\/child \([0-9a-f]{12}\) ended with exit status 3; it last printed: up/,
  forceMs: 10_000,
});

/** Runs one until it has ended, with what it printed. */
async function endOf(
  program: string,
  options: Partial<ContainerOptions> = {},
): Promise<{ cause: ExitReason; lines: string[] }> {
  await using system = new ActorSystem();
  const lines: string[] = [];
  const child = container("child", {
    image: TEST_IMAGE,
    command: ["node", "-e", program],
    restart: "temporary",
    onLine: (line, source) => lines.push(`${source} ${line}`),
    ...options,
  });
  const root = await system.start(supervise({ name: "root", children: [] }));
  const events = root.events();
  await root.startChild(child);
  for await (const event of events) if (event.kind === "exited") return { cause: event.cause, lines };
  throw new Error("it did not end");
}

function messageOf(cause: ExitReason): string {
  return cause.kind === "crashed" ? cause.error.message : cause.kind;
}

test.serial("container: its variables, directory, mounts and output are those that it was given", async (t) => {
  const program = `
    console.log([process.env.ROLE, process.cwd(), process.getuid(), ...process.argv.slice(1)].join(" "));
    console.error(require("fs").readFileSync("/given/package.json", "utf8").includes("iris-runtime"));
    try { require("fs").writeFileSync("/given/x", ""); } catch (error) { console.log(error.code); }`;
  const { cause, lines } = await endOf(program, {
    command: ["node", "-e", program, "to", "be"],
    env: { ROLE: "Hamlet" },
    cwd: "/tmp",
    user: "7",
    mounts: [{ source: process.cwd(), target: "/given", readOnly: true }],
  });
  t.is(cause.kind, "normal");
  t.deepEqual(lines.sort(), ["stderr true", "stdout EROFS", "stdout Hamlet /tmp 7 to be"]);
});

test.serial(
  "container: one that needs more memory than it may have is told as out of memory, with its limit",
  async (t) => {
    const { cause } = await endOf("for (const eaten = [];;) eaten.push(Buffer.alloc(1e6, 1));", { memory: "64MiB" });
    t.is(cause.kind === "crashed" ? cause.error.code : cause.kind, "RESOURCE_EXHAUSTED");
    t.regex(messageOf(cause), /ran out of memory \(its limit is 67108864 bytes\)/);
  },
);

test.serial(
  "container: a signal is told by its name, and a command that is not there by the engine's words",
  async (t) => {
    t.regex(messageOf((await endOf("process.kill(process.pid, 'SIGSEGV')")).cause), /ended by SIGSEGV/);
    const { cause } = await endOf("", { command: ["no-such-program"] });
    t.regex(messageOf(cause), /exit status 127; it last printed: .*no-such-program.*No such file/);
    await t.throwsAsync(endOf("", { command: ["no-such-program"], init: false }), {
      code: "INVALID_ARGUMENT",
      message: /cannot start container root\/child: .*no-such-program/s,
    });
  },
);

test.serial("container: ready and alive by its page, killed and started again when it hangs", async (t) => {
  const { port: host, close } = await freePort();
  await close();
  await using system = new ActorSystem();
  // Answers the first look, then hangs.
  const program = `require("node:http").createServer((_, answer) => {
    answer.end("ok"); setTimeout(() => { for (;;); }, 300); }).listen(8080)`;
  const child = container("child", {
    image: TEST_IMAGE,
    command: ["node", "-e", program],
    ports: [{ container: 8080, host }],
    ready: { http: "http://container:8080/" },
    live: { http: "http://container:8080/", everyMs: 100, failuresMax: 1 },
    prober: {
      port: async () => false,
      http: (url) =>
        fetch(url, { signal: AbortSignal.timeout(500) }).then(
          () => true,
          () => false,
        ),
    },
  });
  const root = await system.start(supervise({ name: "root", children: [child] }));
  t.is(await (await fetch(`http://127.0.0.1:${host}/`)).text(), "ok", "its port is published");
  for await (const event of root.events()) {
    if (event.kind === "exited") t.regex(messageOf(event.cause), /did not answer at http:\S+:8080\/ once/);
    if (event.kind === "started") break;
  }
  await root.stop();
  t.deepEqual(await containersOf(docker), []);
});

test.serial("container: what cannot be started says why, and leaves nothing", async (t) => {
  await t.throwsAsync(endOf("", { image: "no-such-image:here" }), {
    code: "NOT_FOUND",
    message: /No such image: no-such-image:here: pull it/,
  });
  await t.throwsAsync(endOf("", { memory: 100 }), { code: "INVALID_ARGUMENT", message: /cannot start container/ });
  await t.throwsAsync(endOf("", { mounts: [{ source: "/no/such/place", target: "/x" }] }), {
    code: "INVALID_ARGUMENT",
  });
  const { port, close } = await freePort();
  await t.throwsAsync(endOf("", { ports: [port] }), { code: "ALREADY_EXISTS", message: /publish another port/ });
  await close();
  const late = endOf("setInterval(() => {}, 1000)", { ready: { port: 1 }, readyTimeoutMs: 300 });
  await t.throwsAsync(late, { code: "DEADLINE_EXCEEDED", message: /was not ready within 300 ms/ });
  t.deepEqual(await containersOf(docker), []);
});

test.serial("container: without an engine a start fails with UNAVAILABLE and the way out", async (t) => {
  const engine = () => dockerEngine({ socketPath: "/no/such/docker.sock" });
  await t.throwsAsync(endOf("", { engine }), {
    code: "UNAVAILABLE",
    message: /no container engine answers at \/no\/such\/docker\.sock \(ENOENT\): start Docker, or point DOCKER_HOST/,
  });
});

test.serial(
  "container: nothing outlives an owner that is killed: its reaper sees to it, or else the next sweep",
  async (t) => {
    const program = `
    import { ActorSystem } from "${new URL("../../src/runtime/index.ts", import.meta.url).href}";
    import { container } from "${new URL("../../src/cluster/container.ts", import.meta.url).href}";
    import { supervise } from "${new URL("../../src/supervisors/index.ts", import.meta.url).href}";
    import { ownLabels } from "${new URL("../../src/cluster/worker/runtime/docker/owner.ts", import.meta.url).href}";
    const command = ["node", "-e", "console.log('up'); setInterval(() => {}, 1000)"];
    const child = container("child", { image: "${TEST_IMAGE}", command, ready: { line: "up" } });
    await new ActorSystem().start(supervise({ name: "root", children: [child] }));
    console.log(JSON.stringify(ownLabels()["${OWNER_LABELS.owner}"]));`;
    const owner = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface(owner.stdout), "line")) as [string];
    const name = JSON.parse(line) as string;
    const [id = ""] = await containersOf(docker, name);
    t.not(id, "");
    const removed = docker.getContainer(id).wait({ condition: "removed" });
    owner.kill("SIGKILL");
    await removed;
    t.deepEqual(await containersOf(docker, name), []);

    // One whose reaper is gone too, as after a power cut: its labels name a process that is not there.
    const left = await docker.createContainer({
      Image: TEST_IMAGE,
      Cmd: ["node", "-e", "setInterval(() => {}, 1000)"],
      Labels: { ...ownLabels(), [OWNER_LABELS.owner]: name },
    });
    await left.start();
    // How many it removes depends on who else sweeps at the same time.
    await dockerEngine().sweep();
    t.deepEqual(await containersOf(docker, name), []);
  },
);

test("container: an owner is gone only if that can be known", (t) => {
  const own = ownLabels();
  const owner = (more: Record<string, string>) => ({ ...own, ...more });
  t.false(isLeftOver(own, true), "we are here");
  t.true(isLeftOver(owner({ [OWNER_LABELS.owner]: `${process.pid}+1` }), true), "our id, another process");
  t.true(isLeftOver(owner({ [OWNER_LABELS.owner]: "999999999+5" }), true));
  t.false(isLeftOver(owner({ [OWNER_LABELS.machine]: "other", [OWNER_LABELS.owner]: "999999999+5" }), true));
  const [boot] = (own[OWNER_LABELS.space] ?? "").split("/");
  t.false(isLeftOver(owner({ [OWNER_LABELS.space]: `${boot}/pid:[1]`, [OWNER_LABELS.owner]: "999999999+5" }), false));
  t.true(isLeftOver(owner({ [OWNER_LABELS.space]: "earlier/pid:[1]" }), false));
  t.false(isLeftOver(owner({ [OWNER_LABELS.space]: "earlier/pid:[1]" }), true));
  t.false(isLeftOver({}, true));
});

test("container: options that cannot be meant are refused", (t) => {
  const refused = (options: Partial<ContainerOptions>, message: RegExp) =>
    t.throws(() => container("c", { image: TEST_IMAGE, ...options }), { code: "INVALID_ARGUMENT", message });
  refused({ image: "" }, /image of container "c" is ""/);
  refused({ command: "node" as unknown as string[] }, /command of container "c" is "node": use \["command"/);
  refused({ env: { "a=b": "" } }, /env of container "c" cannot have "a=b"/);
  refused({ ports: [0] }, /ports of container "c" have 0 at 0/);
  refused({ memory: "much" }, /memory of container "c" "much" is no size/);
  refused({ memory: 0 }, /memory of container "c" is 0 bytes/);
  refused({ cpu: 0 }, /cpu of container "c" is 0/);
  refused({ readyTimeoutMs: 0 }, /readyTimeoutMs of container "c" is 0/);
  refused({ ready: { http: "container:80" } }, /ready of container "c"/);
  refused({ live: { port: 80, failuresMax: 0 } }, /live\.failuresMax of container "c" is 0/);
});

async function freePort(): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    port,
    async close() {
      server.close();
      await once(server, "close");
    },
  };
}
