import test from "ava";
import { IrisError } from "../../src/runtime/errors.ts";
import {
  type ContainerChildOptions,
  type ContainerExit,
  type ContainerLaunch,
  containerChild,
  dynamic,
  type StartedContainer,
  supervise,
} from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { stage } from "./kit.ts";

const EXIT: ContainerExit = { code: 0, signal: undefined, isOutOfMemory: false, message: "" };

/** An engine whose containers are in the test's hands. */
class Script {
  readonly launches: ContainerLaunch[] = [];
  readonly trace: string[] = [];
  isReachable = true;
  failsToRemove = false;
  exit: (exit: ContainerExit) => void = () => {};
  lose: (error: IrisError) => void = () => {};

  async start(launch: ContainerLaunch): Promise<StartedContainer> {
    this.launches.push(launch);
    const { promise, resolve, reject } = Promise.withResolvers<ContainerExit>();
    this.exit = resolve;
    this.lose = reject;
    return {
      id: "0123456789abcdef",
      exited: promise,
      reach: (port) => (this.isReachable ? { host: "172.17.0.2", port } : undefined),
      signal: async (name) => {
        this.trace.push(name);
        if (name === "SIGKILL") resolve({ ...EXIT, code: 137, signal: "SIGKILL" });
      },
      remove: async () => {
        this.trace.push("remove");
        if (this.failsToRemove) throw new IrisError("UNAVAILABLE", "no engine answers");
      },
    };
  }

  async sweep(): Promise<number> {
    return 0;
  }
}

function child(engine: Script, options: Partial<ContainerChildOptions> = {}) {
  return containerChild("c", { image: "web:1", engine: () => engine, ...options });
}

test("an engine is asked for what was given, and for nothing that was not", async (t) => {
  const { system } = stage();
  const engine = new Script();
  const spec = child(engine, {
    command: ["serve"],
    env: { A: "1" },
    ports: [80, { container: 81, host: 8_081, address: "0.0.0.0" }],
    memoryBytes: 1_000,
    cpuMillis: 500,
    shutdownMs: "kill",
  });
  await using root = await supervise({ name: "root", children: [spec] }).startIn(system);
  t.like(engine.launches[0], {
    path: "root/c",
    image: "web:1",
    command: ["serve"],
    entrypoint: undefined,
    env: { A: "1" },
    ports: [
      { container: 80, host: 80, address: "127.0.0.1" },
      { container: 81, host: 8_081, address: "0.0.0.0" },
    ],
    memoryBytes: 1_000,
    cpuMillis: 500,
    init: true,
  });
  t.is(root.countChildren().active, 1);
});

test("arguments of a dynamic supervisor follow the command", async (t) => {
  const { system } = stage();
  const engine = new Script();
  await using pool = await dynamic("pool", child(engine, { command: ["serve"], shutdownMs: "kill" })).startIn(system);
  await pool.startChild({ args: ["--shard", 3] });
  t.deepEqual(engine.launches[0]?.command, ["serve", "--shard", "3"]);
});

test("it is asked by SIGTERM, ended by SIGKILL after its time, and removed before its end is told", async (t) => {
  const { system, clock } = stage();
  const engine = new Script();
  const root = await supervise({ name: "root", children: [child(engine, { shutdownMs: 500 })] }).startIn(system);
  const stopped = root.stop();
  await clock.advance(499);
  t.deepEqual(engine.trace, ["SIGTERM"]);
  await clock.advance(1);
  await stopped;
  t.deepEqual(engine.trace, ["SIGTERM", "SIGKILL", "remove"]);
  t.is(root.whichChildren()[0]?.lastExit?.kind, "killed");
  t.is(clock.pending, 0);
});

test("places inside it are looked at where it is reached; others as they are", async (t) => {
  const { system, clock } = stage();
  for (const [ready, seen] of [
    [{ port: 80 }, "172.17.0.2:80"],
    [{ port: 80, host: "10.0.0.1" }, "10.0.0.1:80"],
    [{ http: "http://container:8080/health?deep" }, "http://172.17.0.2:8080/health?deep"],
    [{ http: "http://container/" }, "http://172.17.0.2/"],
    [{ http: "http://example.test/" }, "http://example.test/"],
  ] as const) {
    const looks: string[] = [];
    const prober = {
      port: async (host: string, port: number) => looks.push(`${host}:${port}`) > 0,
      http: async (url: string) => looks.push(url) > 0,
    };
    const spec = child(new Script(), { ready, live: { ...ready, everyMs: 100 }, prober, shutdownMs: "kill" });
    const root = await supervise({ name: "root", children: [spec] }).startIn(system);
    await clock.advance(100);
    t.deepEqual(looks, [seen, seen]);
    await root.stop();
    t.is(clock.pending, 0);
  }
});

test("a port that cannot be reached is a failed start, and the container goes", async (t) => {
  const { system } = stage();
  const engine = new Script();
  engine.isReachable = false;
  const starting = supervise({ name: "root", children: [child(engine, { live: { port: 80 } })] }).startIn(system);
  await t.throwsAsync(starting, {
    code: "INVALID_ARGUMENT",
    message: /port 80 of container root\/c cannot be reached/,
  });
  t.deepEqual(engine.trace, ["remove"]);
});

test("one that ends in a way that the engine tells is quoted with it; nobody's exit status is no success", async (t) => {
  const { system } = stage();
  for (const [exit, message] of [
    [{ code: undefined, message: "somebody else removed it" }, /unknown exit status \(somebody else removed it\)/],
    [{ code: 137, signal: "SIGKILL", isOutOfMemory: true }, /ran out of memory: raise memory/],
    [{ code: 2 }, /ended with exit status 2; it last printed: help/],
  ] as const) {
    const engine = new Script();
    const root = await supervise({ name: "root", children: [child(engine, { restart: "temporary" })] }).startIn(system);
    const events = root.events()[Symbol.asyncIterator]();
    engine.launches[0]?.onLine("stderr", "help");
    engine.exit({ ...EXIT, ...exit });
    const { value } = await events.next();
    t.regex(value?.kind === "exited" && value.cause.kind === "crashed" ? value.cause.error.message : "", message);
    await root.stop();
  }
});

test("one whose engine is gone has crashed, and operators are told that it may still be there", async (t) => {
  const { system, logger } = stage();
  const engine = new Script();
  engine.failsToRemove = true;
  const root = await supervise({ name: "root", children: [child(engine, { restart: "temporary" })] }).startIn(system);
  const events = root.events()[Symbol.asyncIterator]();
  engine.lose(new IrisError("UNAVAILABLE", "no engine answers"));
  await settle();
  t.like((await events.next()).value, { kind: "exited", cause: { kind: "crashed", error: { code: "UNAVAILABLE" } } });
  t.true(logger.lines.some(({ level, message }) => level === "error" && /may still be there/.test(message)));
  await root.stop();
});
