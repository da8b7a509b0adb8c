// A task's context, ports and environment variables.
import { Entrypoint, IrisClient } from "iris-runtime";
import { introduce } from "./jobs/introduction.ts";

await using client = await IrisClient.local();
const job = await client.submit({
  name: "introduction",
  entrypoint: Entrypoint.fromCallable(introduce),
  resources: { cpu: 0.1, memory: "64MiB" },
  env: { GREETING: "good day" },
  ports: ["web"],
});
await job.wait({ streamLogs: true });
