// Names belong to a job's hierarchy: its own jobs find them, jobs of another hierarchy cannot.
import { Entrypoint, IrisClient } from "iris-runtime";
import { serveCalculator } from "./jobs/calculator.ts";
import { household } from "./jobs/household.ts";
import { visit } from "./jobs/visitor.ts";

const SMALL = { cpu: 0.1, memory: "64MiB" };
await using client = await IrisClient.local({ workers: 2 });

const family = await client.submit({
  name: "family",
  entrypoint: Entrypoint.fromCallable(household),
  resources: SMALL,
});
console.log("a child of the same hierarchy", await family.result());

const server = await client.submit({
  name: "server",
  entrypoint: Entrypoint.fromCallable(serveCalculator),
  resources: SMALL,
});
await using resolver = client.resolver({ namespace: server.id });
await resolver.lookup("calculator").waitForSize(1, { timeoutMs: 20_000 });
const stranger = await client.submit({
  name: "stranger",
  entrypoint: Entrypoint.fromCallable(visit),
  resources: SMALL,
});
console.log("a job of another hierarchy", await stranger.result());
await server.terminate();
