/** What every runtime must do, run over each of them; and what the process runtime must do beside it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { processRuntime } from "../../../../src/cluster/worker/runtime/process.ts";
import { listProcesses, ProcessesByVariable, parseStat } from "../../../../src/cluster/worker/runtime/process-table.ts";
import {
  type TaskEnd,
  type TaskHandle,
  type TaskRuntime,
  TaskSetupError,
} from "../../../../src/cluster/worker/runtime/runtime.ts";
import { systemClock } from "../../../../src/runtime/ports/clock.ts";
import { type Script, ScriptedRuntime, script } from "../../../kit/scripted-runtime.ts";

const PATH = process.env.PATH ?? "/usr/bin:/bin";
let uids = 0;

interface Ran {
  readonly end: TaskEnd;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function room(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "iris-runtime-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(runtime: TaskRuntime, argv: string[], cwd = tmpdir(), env: Record<string, string> = {}) {
  const uid = `t${process.pid}x${uids++}`;
  return await runtime.start({ uid, mark: `/marks/${uid}`, argv, cwd, env: { PATH, ...env } });
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function outcome(runtime: TaskRuntime, task: TaskHandle): Promise<Ran> {
  const [end, stdout, stderr] = await Promise.all([runtime.wait(task), read(task.stdout), read(task.stderr)]);
  return { end, stdout, stderr: stderr.toString() };
}

async function firstLine(task: TaskHandle): Promise<string> {
  let text = "";
  for await (const chunk of task.stdout) {
    text += Buffer.from(chunk).toString();
    if (text.includes("\n")) break;
  }
  return text.slice(0, text.indexOf("\n"));
}

function alive(pid: number): boolean {
  return listProcesses()?.some((one) => one.pid === pid && one.alive) ?? false;
}

/** The same behaviour in the words of each runtime. */
const RUNTIMES: Record<string, { make: () => TaskRuntime; command: (what: Script) => string[] }> = {
  scripted: { make: () => new ScriptedRuntime(systemClock), command: script },
  process: { make: () => processRuntime(), command: (what) => ["sh", "-c", shell(what)] },
};

function shell({ exitCode = 0, signal, forever, ignoreStop, stdout = [], stderr = [], lastWords }: Script): string {
  return [
    ignoreStop ? "trap '' TERM" : "",
    ...stdout.map((line) => `echo '${line}'`),
    ...stderr.map((line) => `echo '${line}' >&2`),
    // A shell waits for its child before it looks at a signal: sleep in short steps.
    forever ? "while :; do sleep 0.05; done" : "",
    lastWords === undefined ? "" : `printf '%s' '${lastWords}'`,
    signal === undefined ? `exit ${exitCode}` : `kill -${signal.slice(3)} $$`,
  ]
    .filter((line) => line !== "")
    .join("\n");
}

for (const [name, { make, command }] of Object.entries(RUNTIMES)) {
  test(`${name}: a task ends with its exit code`, async (t) => {
    const runtime = make();
    for (const exitCode of [0, 3]) {
      const task = await start(runtime, command({ exitCode }));
      t.deepEqual((await outcome(runtime, task)).end, { exitCode, signal: undefined });
    }
  });

  test(`${name}: a task ends with the signal that ended it`, async (t) => {
    const runtime = make();
    const task = await start(runtime, command({ signal: "SIGKILL" }));
    t.deepEqual((await outcome(runtime, task)).end, { exitCode: undefined, signal: "SIGKILL" });
  });

  test(`${name}: what is printed can be read to its end, with or without a last line end`, async (t) => {
    const runtime = make();
    const task = await start(runtime, command({ stdout: ["one", "two"], stderr: ["wrong"], lastWords: "three" }));
    const { stdout, stderr } = await outcome(runtime, task);
    t.is(stdout.toString(), "one\ntwo\nthree");
    t.is(stderr, "wrong\n");
  });

  test(`${name}: a task that is asked to end does`, async (t) => {
    const runtime = make();
    const task = await start(runtime, command({ forever: true, stdout: ["up"] }));
    t.is(await firstLine(task), "up");
    await runtime.stop(task, 60_000);
    t.is((await runtime.wait(task)).signal, "SIGTERM");
  });

  test(`${name}: a task that ignores being asked is ended by force after its grace`, async (t) => {
    const runtime = make();
    const task = await start(runtime, command({ forever: true, ignoreStop: true, stdout: ["up"] }));
    t.is(await firstLine(task), "up");
    await runtime.stop(task, 100);
    t.is((await runtime.wait(task)).signal, "SIGKILL");
  });

  test(`${name}: a shorter grace overtakes a longer one, and stopping an ended task does nothing`, async (t) => {
    const runtime = make();
    const task = await start(runtime, command({ forever: true, ignoreStop: true, stdout: ["up"] }));
    t.is(await firstLine(task), "up");
    const slow = runtime.stop(task, 3_600_000);
    await runtime.stop(task, 20);
    await slow;
    await runtime.stop(task, 20);
    t.is(await runtime.stats(task), undefined);
  });

  test(`${name}: a running task says what it takes`, async (t) => {
    const runtime = make();
    const task = await start(runtime, command({ forever: true, stdout: ["up"] }));
    await firstLine(task);
    const stats = await runtime.stats(task);
    t.true(stats !== undefined && stats.processes >= 1 && stats.memoryBytes > 0 && stats.cpuMs >= 0);
    await runtime.stop(task, 1_000);
  });

  test(`${name}: a program that does not exist is a set-up error that names it`, async (t) => {
    const error = await t.throwsAsync(start(make(), ["no-such-program"]), { instanceOf: TaskSetupError });
    t.regex(error?.message ?? "", /command not found: no-such-program/);
    t.is((error as TaskSetupError).exitCode, 127);
  });
}

test("process: what the main process leaves behind is ended before the task counts as ended", async (t) => {
  const runtime = processRuntime();
  const task = await start(runtime, ["sh", "-c", "sleep 1000 & echo $!"]);
  const { stdout } = await outcome(runtime, task);
  t.false(alive(Number(stdout.toString())));
});

test("process: a daemon with a session of its own is ended with its task", async (t) => {
  const runtime = processRuntime();
  const task = await start(runtime, ["sh", "-c", "setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.3"]);
  const { stdout } = await outcome(runtime, task);
  t.true(Number(stdout.toString()) > 0);
  t.false(alive(Number(stdout.toString())));
});

test("process: a program can open its streams again by their names", async (t) => {
  const runtime = processRuntime();
  const task = await start(runtime, ["sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr"]);
  const { stdout, stderr, end } = await outcome(runtime, task);
  t.deepEqual([stdout.toString(), stderr, end.exitCode], ["out\n", "err\n", 0]);
});

test("process: a process that hides and holds the pipe does not keep the streams open", async (t) => {
  const runtime = processRuntime();
  const task = await start(runtime, [
    "sh",
    "-c",
    "env -i PATH=$PATH setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.3",
  ]);
  const { stdout } = await outcome(runtime, task);
  const pid = Number(stdout.toString());
  t.true(alive(pid), "it hid well");
  process.kill(pid, "SIGKILL");
});

test("process: ten megabytes of any bytes arrive as they were printed", async (t) => {
  const runtime = processRuntime();
  const program = "const b = Buffer.alloc(1e7, Uint8Array.from({ length: 256 }, (_, i) => i)); process.stdout.write(b)";
  const { stdout } = await outcome(runtime, await start(runtime, [process.execPath, "-e", program]));
  t.true(
    stdout.equals(
      Buffer.alloc(
        1e7,
        Uint8Array.from({ length: 256 }, (_, i) => i),
      ),
    ),
  );
});

test("process: a reader that does not read makes the task wait, and nothing is lost", async (t) => {
  const runtime = processRuntime();
  const task = await start(runtime, ["sh", "-c", "head -c 3000000 /dev/zero; echo done >&2"]);
  const reader = task.stdout[Symbol.asyncIterator]();
  await reader.next();
  const stderr = task.stderr[Symbol.asyncIterator]();
  const first = await Promise.race([stderr.next(), new Promise<"waits">((r) => setTimeout(() => r("waits"), 200))]);
  t.is(first, "waits");
  let bytes = 0;
  for (let next = await reader.next(); !next.done; next = await reader.next()) bytes += next.value.length;
  t.true(bytes > 2_900_000);
  await runtime.wait(task);
});

test("process: the environment is exactly what was given, and stdin is empty", async (t) => {
  const runtime = processRuntime();
  const task = await start(runtime, [process.execPath, "-e", "console.log(JSON.stringify(process.env))"], "/", {
    PWD: "/",
    TEXT: "a b\n'c' $PATH",
  });
  const { stdout } = await outcome(runtime, task);
  const env = JSON.parse(stdout.toString());
  t.deepEqual(env, { PATH, PWD: "/", TEXT: "a b\n'c' $PATH", IRIS_OUTPUT_DIR: `/marks/${task.uid}` });
  const cat = await outcome(runtime, await start(runtime, ["cat"]));
  t.deepEqual(cat.end, { exitCode: 0, signal: undefined });
});

test("process: the program has no child and no descriptor that it does not know", async (t) => {
  const runtime = processRuntime();
  const program = `
    const { existsSync, readFileSync, readlinkSync } = require("fs");
    const children = readFileSync("/proc/self/task/" + process.pid + "/children", "utf8");
    console.log(JSON.stringify([children, existsSync("/proc/self/fd/3") && readlinkSync("/proc/self/fd/3")]))`;
  const { stdout } = await outcome(runtime, await start(runtime, [process.execPath, "-e", program]));
  const [children, third] = JSON.parse(stdout.toString());
  t.is(children, "");
  t.notRegex(String(third), /socket|pipe/);
});

test("process: words reach the program as they are, also from a path with spaces", async (t) => {
  const folder = await room(t);
  await writeFile(join(folder, "my tool"), '#!/bin/sh\nprintf "%s|" "$@"\npwd\n', { mode: 0o755 });
  const runtime = processRuntime();
  const { stdout } = await outcome(runtime, await start(runtime, ["./my tool", "a b", "", "$HOME", "-x"], folder));
  t.is(stdout.toString(), `a b||$HOME|-x|${folder}\n`);
});

test("process: what cannot be started says why", async (t) => {
  const folder = await room(t);
  await writeFile(join(folder, "data"), "no program", { mode: 0o644 });
  const runtime = processRuntime();
  const refused = async (
    argv: string[],
    cwd: string,
    env: Record<string, string>,
    message: RegExp,
    exitCode: number,
  ) => {
    const error = await t.throwsAsync(start(runtime, argv, cwd, env), { instanceOf: TaskSetupError, message });
    t.is((error as TaskSetupError).exitCode, exitCode);
  };
  await refused(["./data"], folder, {}, /cannot be executed: \.\/data/, 126);
  await refused(["./none"], folder, {}, /command not found: \.\/none \(no such file in /, 127);
  await refused([folder], folder, {}, /cannot be executed/, 126);
  await refused(["true"], join(folder, "gone"), {}, /workspace .*gone is no directory/, 126);
  await refused(["true"], join(folder, "data"), {}, /is no directory/, 126);
  await refused([], folder, {}, /the command is empty/, 127);
  await refused(["true", "a\0b"], folder, {}, /NUL/, 126);
  await refused(["true"], folder, { "a.b": "1" }, /"a\.b" cannot be set/, 126);
  await refused(["true", "x".repeat(3_000_000)], folder, {}, /larger than the system takes/, 126);
});

test("process: handles of another runtime are refused", async (t) => {
  const stray: TaskHandle = { uid: "stray", stdout: (async function* () {})(), stderr: (async function* () {})() };
  t.throws(() => processRuntime().wait(stray), { message: /task stray was not started here/ });
});

test("process: a sweep ends what an earlier life left, by their marks", async (t) => {
  const mark = `/marks/left${process.pid}`;
  const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore", env: { PATH, IRIS_OUTPUT_DIR: mark } });
  await once(child, "spawn");
  const exit = once(child, "exit");
  t.is(await processRuntime().sweep([mark, "/marks/somebody-else"]), 1);
  t.deepEqual(await exit, [null, "SIGKILL"]);
});

test("a task dies with its worker's process, even by SIGKILL, whatever signals it ignores", async (t) => {
  const folder = await room(t);
  const module = fileURLToPath(new URL("../../../../src/cluster/worker/runtime/process.ts", import.meta.url));
  const program = `
    import { processRuntime } from ${JSON.stringify(module)};
    const argv = ["sh", "-c", "trap '' TERM HUP INT; sleep 1000 & echo $$ $! > pids.part; mv pids.part pids; echo up; wait"];
    const task = await processRuntime().start({ uid: "u", mark: ${JSON.stringify(`/marks/orphan${process.pid}`)}, argv, cwd: process.cwd(), env: { PATH: process.env.PATH } });
    for await (const chunk of task.stdout) process.stdout.write(chunk);
  `;
  await writeFile(join(folder, "worker.mts"), program);
  const worker: ChildProcess = spawn(process.execPath, ["worker.mts"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(worker.stdout as NodeJS.ReadableStream, "data");
  const pids = (await readFile(join(folder, "pids"), "utf8")).trim().split(" ").map(Number);
  t.true(pids.every(alive));
  // Nothing but the death of the group closes this pipe's other copies; wait for that rather than for time.
  const marks = new ProcessesByVariable("IRIS_OUTPUT_DIR").find(0).get(`/marks/orphan${process.pid}`) ?? [];
  t.true(marks.length >= 3, "task, its child and the watchdog");
  worker.kill("SIGKILL");
  await once(worker, "exit");
  for (let looks = 0; looks < 200 && marks.some(alive); looks++) await new Promise((r) => setTimeout(r, 10));
  t.deepEqual(marks.filter(alive), []);
});

test("a process's line of /proc is read whatever its name", (t) => {
  const fields = ["S", "1", "77", ...Array(8).fill("0"), "150", "50", ...Array(8).fill("0"), "3"];
  const line = `42 (a) b (c)) ${fields.join(" ")} 0`;
  t.is(parseStat(42, line)?.group, 77);
  t.is(parseStat(42, line)?.cpuMs, 2_000);
  t.is(parseStat(42, line)?.residentBytes, 3 * 4096);
  t.true(parseStat(42, line)?.alive);
  t.false(parseStat(42, line.replace(" S ", " Z "))?.alive);
  t.is(parseStat(42, undefined), undefined);
  t.is(parseStat(42, "nonsense"), undefined);
});
