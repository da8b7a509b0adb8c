import test from "ava";
import { IrisError } from "../../src/runtime/errors.ts";
import { type LaunchOptions, type ProcessExit, processChild, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { stage } from "./kit.ts";

/** An operating system of one process at a time, in the test's hands. */
class Script {
  readonly signals: string[] = [];
  readonly launches: LaunchOptions[] = [];
  /** Somebody that it started, who stays in the group until it is killed. */
  hasGrandchild = false;
  exit: (exit: ProcessExit) => void = () => {};

  print(line: string): void {
    this.launches.at(-1)?.onLine("stdout", line);
  }

  async launch(options: LaunchOptions) {
    this.launches.push(options);
    const { promise, resolve } = Promise.withResolvers<ProcessExit>();
    this.exit = resolve;
    return {
      pid: 1_000 + this.launches.length,
      exited: promise,
      signal: (name: "SIGTERM" | "SIGKILL") => {
        this.signals.push(name);
        if (name !== "SIGKILL") return;
        this.hasGrandchild = false;
        resolve({ code: null, signal: "SIGKILL" });
      },
      lives: () => this.hasGrandchild,
      clear: async () => {
        this.signals.push("clear");
        this.hasGrandchild = false;
      },
    };
  }
}

test("a process is ready as soon as it runs, and its variables and words are those that it was given", async (t) => {
  const { system } = stage();
  const launcher = new Script();
  const child = processChild("web", ["serve", "--port", "80"], { launcher, env: { COLOUR: "blue" }, cwd: "/srv" });
  const root = await supervise({ name: "root", children: [child] }).startIn(system);
  t.like(launcher.launches[0], { argv: ["serve", "--port", "80"], cwd: "/srv" });
  t.is(launcher.launches[0]?.env["COLOUR"], "blue");
  t.is(launcher.launches[0]?.env["PATH"], process.env["PATH"]);
  t.is(root.whichChildren()[0]?.pid, 1_001);
  const stopped = root.stop();
  await settle();
  launcher.exit({ code: null, signal: "SIGTERM" });
  await stopped;
  t.deepEqual(root.whichChildren()[0]?.lastExit, {
    kind: "shutdown",
    why: "supervisor root ends: shutdown: stop() was called",
  });
  t.is(root.whichChildren()[0]?.pid, undefined);
});

test("status 0 is a normal end, another or a signal a crash that quotes the last lines", async (t) => {
  const { system } = stage();
  for (const [exit, kind, message] of [
    [{ code: 0, signal: null }, "normal", undefined],
    [
      { code: 3, signal: null },
      "crashed",
      /process root\/p \(pid 1001\) ended with exit status 3; it last printed: b \| c \| d \| e \| f/,
    ],
    [{ code: null, signal: "SIGSEGV" }, "crashed", /ended by SIGSEGV/],
  ] as const) {
    const launcher = new Script();
    const child = processChild("p", ["p"], { launcher, restart: "temporary", onLine: () => {} });
    const root = await supervise({ name: "root", children: [child] }).startIn(system);
    const events = root.events()[Symbol.asyncIterator]();
    for (const line of "abcdef") launcher.print(line);
    launcher.exit(exit);
    const { value } = await events.next();
    const cause = value?.kind === "exited" ? value.cause : undefined;
    t.is(cause?.kind, kind);
    if (message !== undefined) t.regex(cause?.kind === "crashed" ? cause.error.message : "", message);
    t.deepEqual(launcher.signals, ["clear"], "what it left behind is cleared away first");
    await root.stop();
  }
});

test("a process that outlives SIGTERM is killed at its deadline", async (t) => {
  const { system, clock } = stage();
  const launcher = new Script();
  const root = await supervise({
    name: "root",
    children: [processChild("p", ["p"], { launcher, shutdownMs: 500 })],
  }).startIn(system);
  const stopped = root.stop();
  await clock.advance(499);
  t.deepEqual(launcher.signals, ["SIGTERM"]);
  await clock.advance(1);
  await stopped;
  t.deepEqual(launcher.signals, ["SIGTERM", "SIGKILL", "clear"]);
  const end = root.whichChildren()[0]?.lastExit;
  t.regex(end?.kind === "killed" ? end.why : "", /did not end within 500 ms after SIGTERM/);
  t.is(clock.pending, 0);
});

test("those that it started get the same time to end as it does itself", async (t) => {
  const { system, clock } = stage();
  const launcher = new Script();
  launcher.hasGrandchild = true;
  const root = await supervise({
    name: "root",
    children: [processChild("p", ["p"], { launcher, shutdownMs: 500 })],
  }).startIn(system);
  const stopped = root.stop();
  await settle();
  launcher.exit({ code: 0, signal: null });
  await clock.advance(490);
  t.deepEqual(launcher.signals, ["SIGTERM"]);
  await clock.advance(20);
  await stopped;
  t.deepEqual(launcher.signals, ["SIGTERM", "SIGKILL", "clear"]);
});

test("ready by a line: text or pattern, on any stream", async (t) => {
  const { system } = stage();
  for (const line of ["listening on", /^listening on \d+/g]) {
    const launcher = new Script();
    const lines: string[] = [];
    const child = processChild("p", ["p"], {
      launcher,
      ready: { line },
      onLine: (text, source) => lines.push(`${source} ${text}`),
    });
    const starting = supervise({ name: "root", children: [child] }).startIn(system);
    await settle();
    launcher.print("warming up");
    await settle();
    launcher.launches[0]?.onLine("stderr", "listening on 80");
    const root = await starting;
    t.deepEqual(lines, ["stdout warming up", "stderr listening on 80"]);
    const stopped = root.stop();
    await settle();
    launcher.exit({ code: 0, signal: null });
    await stopped;
  }
});

test("ready by a port or a page: looked at until it is there", async (t) => {
  const { system, clock } = stage();
  for (const ready of [{ port: 4_000 }, { http: "http://127.0.0.1:4000/health" }]) {
    const looks: string[] = [];
    const look = (what: string) => Promise.resolve(looks.push(what) >= 3);
    const prober = { port: (host: string, port: number) => look(`${host}:${port}`), http: look };
    const launcher = new Script();
    const starting = supervise({
      name: "root",
      children: [processChild("p", ["p"], { launcher, ready, prober })],
    }).startIn(system);
    await clock.advance(100);
    const root = await starting;
    t.deepEqual([...new Set(looks)], ["port" in ready ? "127.0.0.1:4000" : ready.http]);
    t.is(looks.length, 3);
    void root.stop();
    await settle();
    launcher.exit({ code: 0, signal: null });
    await root.ended;
    t.is(clock.pending, 0);
  }
});

test("a process that is not ready in time is killed, and its start has failed", async (t) => {
  const { system, clock } = stage();
  const launcher = new Script();
  const child = processChild("p", ["p"], { launcher, ready: { line: "up" }, readyTimeoutMs: 200 });
  const failed = t.throwsAsync(supervise({ name: "root", children: [child] }).startIn(system), {
    message: /process root\/p was not ready within 200 ms; it last printed: hm/,
  });
  await settle();
  launcher.print("hm");
  await clock.advance(200);
  t.is(((await failed) as IrisError).code, "DEADLINE_EXCEEDED");
  t.deepEqual(launcher.signals, ["SIGKILL", "clear"]);
  t.is(clock.pending, 0);
});

test("a process that ends before it is ready has failed to start, with any status", async (t) => {
  const { system, clock } = stage();
  for (const code of [0, 1]) {
    const launcher = new Script();
    const child = processChild("p", ["p"], { launcher, ready: { line: "up" } });
    const failed = t.throwsAsync(supervise({ name: "root", children: [child] }).startIn(system), {
      instanceOf: IrisError,
    });
    await settle();
    launcher.exit({ code, signal: null });
    t.regex((await failed).message, /before it was ready/);
    t.is(clock.pending, 0);
  }
});

test("a stop while it is getting ready kills it", async (t) => {
  const { system, clock } = stage();
  const launcher = new Script();
  const root = await supervise({ name: "root", children: [] }).startIn(system);
  const added = t.throwsAsync(root.startChild(processChild("p", ["p"], { launcher, ready: { line: "up" } })));
  await settle();
  await root.stop();
  await added;
  t.deepEqual(launcher.signals, ["SIGKILL", "clear"]);
  t.is(clock.pending, 0);
});

test("an onLine that throws loses the line and nothing else", async (t) => {
  const { system, logger } = stage();
  const launcher = new Script();
  const onLine = () => {
    throw new Error("clumsy");
  };
  const root = await supervise({ name: "root", children: [processChild("p", ["p"], { launcher, onLine })] }).startIn(
    system,
  );
  launcher.print("hello");
  t.true(logger.lines.some(({ message }) => /onLine of a process threw/.test(message)));
  t.is(root.countChildren().active, 1);
  void root.stop();
  await settle();
  launcher.exit({ code: 0, signal: null });
  await root.ended;
});
