// Functions in parallel on a cluster. With a LocalPool in its place the same lines use this machine's threads.
import { IrisClient, WorkerPool } from "iris-runtime";

await using client = await IrisClient.local({ workers: 2 });
await using pool = new WorkerPool(client, { numWorkers: 2, resources: { cpu: 0.5, memory: "128MiB" } });

const square = await pool.submit((x: number) => x * x, 12);
console.log("12² =", square);

let sum = 0;
for await (const cube of pool.map((x: number) => x ** 3, [1, 2, 3, 4, 5])) sum += cube;
console.log("1³ + … + 5³ =", sum);

// What a function throws rejects its future, unchanged.
const failing = pool.submit(() => {
  throw new TypeError("no such luck");
});
console.log(await failing.catch((error: Error) => `${error.name}: ${error.message}`));
