/** A program that is a task: uses its context, closes nothing, and must end by itself. */
import { irisCtx } from "../../../src/cluster/client/context.ts";
import { Entrypoint } from "../../../src/cluster/client/entrypoint.ts";

const { client } = irisCtx();
const child = await client.submit({
  name: "child",
  entrypoint: Entrypoint.fromCommand(["true"]),
  resources: { cpu: 0.1, memory: "64MiB" },
});
const { state } = await child.wait();
console.log(`child ${state}`);
