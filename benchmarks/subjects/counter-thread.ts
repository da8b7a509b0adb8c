/** The other side of `thread.ts` and `comlink.ts`: a counter on a worker thread, spoken to as `workerData` says. */
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

let total = 0;
const add = (amount: number): number => {
  total += amount;
  return total;
};

if (workerData === "comlink") {
  const require = createRequire(new URL("../peers/package.json", import.meta.url));
  const comlink = require("comlink") as { expose(what: unknown, endpoint: unknown): void };
  const nodeEndpoint = require("comlink/dist/umd/node-adapter.js") as (port: unknown) => unknown;
  comlink.expose({ add }, nodeEndpoint(parentPort));
} else {
  parentPort?.on("message", ([id, amount]: [id: number, amount: number]) => {
    const sum = add(amount);
    if (id > 0) parentPort?.postMessage([id, sum]);
  });
}
