// Actors are found by name, wherever their job runs: two tasks serve one name, which makes them a pool.
import { Entrypoint, IrisClient } from "iris-runtime";
import { type Calculator, serveCalculator } from "./jobs/calculator.ts";

await using client = await IrisClient.local({ workers: 2 });
const job = await client.submit({
  name: "calculators",
  entrypoint: Entrypoint.fromCallable(serveCalculator),
  resources: { cpu: 0.1, memory: "64MiB" },
  replicas: 2,
});

await using resolver = client.resolver({ namespace: job.id });
const calculators = resolver.lookup<Calculator>("calculator");
await calculators.waitForSize(2, { timeoutMs: 20_000 });

console.log("2 + 3 =", await calculators.call().add(2, 3));
const answers = await calculators.broadcast().add(20, 22);
console.log("everyone says", answers.map((answer) => (answer.ok ? answer.value : answer.error.message)).join(" and "));
try {
  await calculators.call().divide(1, 0);
} catch (error) {
  console.log("1 / 0 fails with", String(error));
}
await job.terminate();
