import { once } from "node:events";
import { createServer } from "node:net";
import anyTest, { type TestFn } from "ava";
import { ActorSystem } from "../../src/runtime/system.ts";
import { processChild, supervise } from "../../src/supervisors/index.ts";
import { markedProcesses } from "../kit/marked-processes.ts";
import { battery } from "./battery.ts";
import { programArguments } from "./battery-program.ts";

const test = anyTest as TestFn;
const MARK = "IRIS_TEST_BATTERY";
const mark = `processes-${process.pid}`;

battery(test, {
  name: "process",
  child: (id, behaviour, options) =>
    processChild(id, [process.execPath, ...programArguments(behaviour)], {
      ...options,
      env: { [MARK]: mark },
      ready: { line: "up" },
    }),
  left: async () => markedProcesses(MARK, mark),
  endsAs: "normal",
  cannot: { code: "INTERNAL", message: /exit status 4; it last printed: no configuration, before it was ready/ },
  crash: /process root\/child \(pid \d+\) ended with exit status 3; it last printed: up/,
  forceMs: 10_000,
});

test.serial("process: one that no longer answers is killed and started again", async (t) => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as { port: number };
  free.close();
  await once(free, "close");
  await using system = new ActorSystem();
  // Answers once, then hangs as a program does that is stuck in a loop.
  const program = `require("node:http").createServer((_, answer) => {
    answer.end("ok"); setTimeout(() => { for (;;); }, 200); }).listen(${port}, "127.0.0.1")`;
  const http = `http://127.0.0.1:${port}/`;
  // A look gives up by itself only after two seconds; a test need not wait for it.
  const prober = {
    port: async () => true,
    http: (url: string) =>
      fetch(url, { signal: AbortSignal.timeout(300) }).then(
        () => true,
        () => false,
      ),
  };
  const child = processChild("child", [process.execPath, "-e", program], {
    env: { [MARK]: mark },
    ready: { http },
    live: { http, everyMs: 50, failuresMax: 2 },
    prober,
  });
  const root = await system.start(supervise({ name: "root", children: [child] }));
  for await (const event of root.events()) {
    if (event.kind === "exited" && event.cause.kind === "crashed") {
      t.is(event.cause.error.code, "UNAVAILABLE");
      t.regex(
        event.cause.error.message,
        /process root\/child did not answer at http:\S+ 2 times in a row, .*every 50 ms/,
      );
    }
    if (event.kind === "started") break;
  }
  await root.stop();
  t.deepEqual(markedProcesses(MARK, mark), []);
});
