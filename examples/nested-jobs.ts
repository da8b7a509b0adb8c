// Jobs submit jobs. Ids tell the hierarchy: `root`, `root/child`, `root/child/grandchild`. Who ends, ends its descendants.
import { Entrypoint, IrisClient } from "iris-runtime";
import { root } from "./jobs/family.ts";

await using client = await IrisClient.local({ workers: 2 });
const job = await client.submit({
  name: "family",
  entrypoint: Entrypoint.fromCallable(root),
  resources: { cpu: 0.1, memory: "64MiB" },
});

const ids = await job.result();
for (const id of ids) console.log(id.replace(job.id, "root"));
for await (const { data } of job.logs({ recursive: true })) console.log("log:", data);
