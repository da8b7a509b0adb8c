// A small system that runs for long: a ledger, a web page, somebody who polls it, a thread and a process. Each is hurt on
// purpose, and all of it is there again a moment later.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { MessagePort } from "node:worker_threads";
import { ActorSystem, actor, formatTree, processChild, service, supervise, thread } from "iris-runtime";

class Ledger {
  #looks = 0;
  note(): number {
    return ++this.#looks;
  }
  breakDown(): void {
    throw new Error("ink spilled");
  }
}

let page = "";
let primes: MessagePort | undefined;
let shouldTrip = false;
// Long enough to be seen. Without a backoff a child is started again at once.
const backoff = { minMs: 1_500, maxMs: 1_500, jitter: 0 };

const web = service(
  "web",
  async (ctx) => {
    const broken = Promise.withResolvers<void>();
    const server = createServer((request, response) => {
      response.end("hello");
      if (request.url === "/break") broken.reject(new Error("somebody asked for /break"));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    page = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    ctx.signal.addEventListener("abort", () => broken.resolve());
    ctx.ready();
    try {
      await broken.promise;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
  { backoff },
);

const poller = service(
  "poller",
  async (ctx) => {
    ctx.ready();
    while (!ctx.signal.aborted) {
      if (shouldTrip) {
        shouldTrip = false;
        throw new Error("tripped");
      }
      // A page that is down for a moment is no reason to fall over.
      const response = await fetch(page, { signal: ctx.signal }).catch(() => undefined);
      if (response?.ok) ctx.system.find<Ledger>("town/ledger")?.tell().note();
      await sleep(20, undefined, { signal: ctx.signal });
    }
  },
  { backoff },
);

await using system = new ActorSystem({ name: "town" });
const town = await system.start(
  supervise({
    name: "town",
    intensity: { maxRestarts: 10, withinMs: 5_000 },
    children: [
      actor(Ledger, { id: "ledger", backoff }),
      supervise({ name: "front", intensity: { maxRestarts: 10, withinMs: 5_000 }, children: [web, poller] }),
      thread("primes", new URL("./jobs/primes.ts", import.meta.url), {
        onPort: (port) => {
          primes = port;
          port.unref();
        },
        backoff,
      }),
      processChild("clock", [process.execPath, "--eval", "console.log('tick'); setInterval(() => {}, 1000)"], {
        ready: { line: "tick" },
        backoff,
      }),
    ],
  }),
);

/** Resolves when all of them have been reported to be so. */
async function reported(kind: "restarting" | "started", ids: string[]): Promise<void> {
  const missing = new Set(ids);
  for await (const event of town.events()) {
    if (event.kind === kind) missing.delete(event.child);
    if (missing.size === 0) return;
  }
}

function show(when: string): void {
  console.log(`${when}:\n${formatTree(system.inspect())}`);
}

async function prove(): Promise<void> {
  const looks = await town.ref<Ledger>("ledger").call().note();
  while ((await town.ref<Ledger>("ledger").call().note()) < looks + 5) await sleep(20);
  primes?.postMessage(1_000);
  const [count] = primes === undefined ? [] : await once(primes, "message");
  console.log(`the page says ${await (await fetch(page)).text()}, it is polled, and 1000 has ${count} primes below it`);
}

await prove();
show("before");

const everybody = ["ledger", "web", "poller", "primes", "clock"];
const hurt = reported("restarting", everybody);
const healed = reported("started", everybody);
shouldTrip = true;
await fetch(`${page}/break`).catch(() => undefined);
primes?.postMessage("break");
process.kill(town.whichChildren().find(({ id }) => id === "clock")?.pid ?? 0, "SIGKILL");
await town
  .ref<Ledger>("ledger")
  .call()
  .breakDown()
  .catch(() => undefined);
await hurt;
show("hurt");

await healed;
show("after");
await prove();
