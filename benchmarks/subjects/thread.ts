/** A counter on a worker thread, spoken to through its port by hand: what any actor on a thread costs at least. */
import { Worker } from "node:worker_threads";
import { countingCases } from "./counting.ts";

export const cases = countingCases(() => {
  const worker = new Worker(new URL("./counter-thread.ts", import.meta.url));
  const waiting = new Map<number, (sum: number) => void>();
  let asked = 0;
  worker.on("message", ([id, sum]: [id: number, sum: number]) => {
    waiting.get(id)?.(sum);
    waiting.delete(id);
  });
  return {
    ask: (amount) =>
      new Promise((resolve) => {
        waiting.set(++asked, resolve);
        worker.postMessage([asked, amount]);
      }),
    tell: (amount) => worker.postMessage([0, amount]),
  };
});
