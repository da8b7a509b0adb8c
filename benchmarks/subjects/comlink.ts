/** Comlink: an object on a worker thread, called through a proxy. It has no message without an answer. */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { countingCases } from "./counting.ts";

const require = createRequire(new URL("../peers/package.json", import.meta.url));
const comlink = require("comlink") as { wrap(endpoint: unknown): { add(amount: number): Promise<number> } };
const nodeEndpoint = require("comlink/dist/umd/node-adapter.js") as (worker: Worker) => unknown;

const { "ask-1": askOne, "ask-64": ask64 } = countingCases(() => {
  const worker = new Worker(new URL("./counter-thread.ts", import.meta.url), { workerData: "comlink" });
  const counter = comlink.wrap(nodeEndpoint(worker));
  return { ask: (amount) => counter.add(amount) };
});

export const cases = { "ask-1": askOne, "ask-64": ask64 };
