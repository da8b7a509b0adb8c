// Three generations: each job submits the next and waits for it.
import { Entrypoint, irisCtx } from "iris-runtime";

const SMALL = { cpu: 0.1, memory: "64MiB" };

export async function root(): Promise<string[]> {
  const { client, jobId } = irisCtx();
  const child = await client.submit({ name: "child", entrypoint: Entrypoint.fromCallable(middle), resources: SMALL });
  return [jobId, ...(await child.result())];
}

export async function middle(): Promise<string[]> {
  const { client, jobId } = irisCtx();
  const child = await client.submit({
    name: "grandchild",
    entrypoint: Entrypoint.fromCallable(leaf),
    resources: SMALL,
  });
  return [jobId, ...(await child.result())];
}

export function leaf(): string[] {
  const { jobId, parentJobId } = irisCtx();
  console.log(`the parent of ${jobId.split("/").at(-1)} is ${parentJobId?.split("/").at(-1)}`);
  return [jobId];
}
