import { readdirSync, readFileSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import anyTest, { type TestFn } from "ava";
import type { ExitReason } from "../../src/runtime/exit.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { type SupervisionEvent, supervise, type ThreadOptions, thread } from "../../src/supervisors/index.ts";
import { battery } from "./battery.ts";

const test = anyTest as TestFn;
const PLAYER = new URL("./fixtures/player-thread.ts", import.meta.url);
const PLAIN = new URL("./fixtures/plain-thread.ts", import.meta.url);
/** Threads go by their names, of which the system keeps the first fifteen characters. */
const NAMES = ["own-thread", "root/child"];

battery(test, {
  name: "thread",
  child: (id, behaviour, options) =>
    thread(id, PLAYER, { ...options, data: { behaviour, mark: "own-thread" }, onLine: () => {} }),
  left: async () => threadNames().filter((name) => NAMES.includes(name)),
  endsAs: "normal",
  cannot: { code: "INTERNAL", message: /no configuration, before it was ready/ },
  crash: /boom/,
  forceMs: 10_000,
});

function threadNames(): string[] {
  return readdirSync("/proc/self/task").map((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim();
    } catch {
      return ""; // it has just ended
    }
  });
}

/** The first end of such a thread. */
async function endOf(behaviour: string, options: ThreadOptions = {}): Promise<ExitReason> {
  await using system = new ActorSystem();
  const child = thread("child", PLAYER, {
    data: { behaviour, mark: "" },
    restart: "temporary",
    onLine: () => {},
    ...options,
  });
  const root = await system.start(supervise({ name: "root", children: [] }));
  const events = root.events();
  await root.startChild(child);
  for await (const event of events) if (event.kind === "exited") return event.cause;
  throw new Error("it did not end");
}

test.serial("thread: an error keeps its own name and message as the cause", async (t) => {
  const end = await endOf("crashes");
  t.like(end.kind === "crashed" ? end.error.cause : undefined, { name: "TypeError", message: "boom" });
});

test.serial("thread: an exit code other than 0 is a crash", async (t) => {
  const end = await endOf("exits");
  t.regex(end.kind === "crashed" ? end.error.message : "", /thread root\/child ended with exit code 7/);
});

test.serial("thread: one that needs more memory than it may have says so, with its limit", async (t) => {
  const end = await endOf("eats", { resourceLimits: { maxOldGenerationSizeMb: 24 } });
  t.is(end.kind === "crashed" ? end.error.code : end.kind, "RESOURCE_EXHAUSTED");
  t.regex(end.kind === "crashed" ? end.error.message : "", /ran out of memory \(maxOldGenerationSizeMb 24\)/);
});

test.serial("thread: one whose event loop does not turn is ended as crashed", async (t) => {
  const end = await endOf("deaf", { live: { everyMs: 100, failuresMax: 2 } });
  t.is(end.kind === "crashed" ? end.error.code : end.kind, "UNAVAILABLE");
  t.regex(end.kind === "crashed" ? end.error.message : "", /did not answer in its event loop 2 times in a row/);
});

test.serial("thread: has its variables, data, arguments and port; what it prints is handed on", async (t) => {
  await using system = new ActorSystem();
  const lines: string[] = [];
  let port: MessagePort | undefined;
  const child = thread("child", PLAYER, {
    data: { behaviour: "runs", mark: "" },
    env: { ROLE: "Hamlet", PATH: undefined },
    live: { everyMs: 20, failuresMax: 200 },
    onLine: (line, source) => lines.push(`${source} ${line}`),
    onPort: (given) => {
      port = given;
    },
  });
  const root = await system.start(supervise({ name: "root", children: [child] }));
  const answer = new Promise((resolve) => port?.once("message", resolve));
  port?.postMessage("to be");
  t.is(await answer, "to be, too");
  await root.stop();
  t.deepEqual(lines, ["stdout plays runs as Hamlet with 0 arguments"]);
});

test.serial("thread: what it throws because it was asked to end is no crash; anything else is", async (t) => {
  for (const [behaviour, kind] of [
    ["obeys", "shutdown"],
    ["clumsy", "crashed"],
  ] as const) {
    await using system = new ActorSystem();
    const child = thread("child", PLAYER, { data: { behaviour, mark: "" }, onLine: () => {} });
    const root = await system.start(supervise({ name: "root", children: [child] }));
    await root.stop();
    t.is(root.whichChildren()[0]?.lastExit?.kind, kind);
  }
});

test.serial("thread: a module without a function is ready once loaded, and ends by itself or when asked", async (t) => {
  await using system = new ActorSystem();
  const root = await system.start(supervise({ name: "root", children: [] }));
  const events = root.events()[Symbol.asyncIterator]();
  await root.startChild(thread("short", PLAIN, { restart: "transient" }));
  const seen: SupervisionEvent[] = [];
  while (seen.at(-1)?.kind !== "exited") seen.push((await events.next()).value);
  t.like(seen.at(-1), { cause: { kind: "normal" } });
  await root.startChild(thread("long", PLAIN, { env: { FOREVER: "yes" }, shutdownMs: 60_000 }));
  await root.terminateChild("long");
  t.is(root.whichChildren()[1]?.lastExit?.kind, "shutdown");
});

test.serial("thread: what cannot be started says why", async (t) => {
  await using system = new ActorSystem();
  const start = (child: ReturnType<typeof thread>) => system.start(supervise({ name: "root", children: [child] }));
  const missing = start(thread("child", new URL("./fixtures/none.ts", import.meta.url)));
  await t.throwsAsync(missing, { code: "NOT_FOUND", message: /cannot load file:.*none\.ts/ });
  const uncopied = start(thread("child", PLAYER, { data: () => {} }));
  await t.throwsAsync(uncopied, { code: "INVALID_ARGUMENT", message: /could not be cloned/ });
  const port = start(
    thread("child", PLAYER, {
      data: { behaviour: "runs", mark: "" },
      onLine: () => {},
      onPort: () => {
        throw new Error("no port wanted");
      },
    }),
  );
  await t.throwsAsync(port, { message: /no port wanted/ });
  t.throws(() => thread("child", "./relative.ts"), { code: "INVALID_ARGUMENT", message: /use new URL/ });
  t.throws(() => thread("child", PLAYER, { live: { everyMs: 0 } }), {
    message: /live\.everyMs of thread "child" is 0/,
  });
  t.throws(() => thread("child", PLAYER, { readyTimeoutMs: 0 }), { message: /readyTimeoutMs/ });
});
