/** Functions that tests run as jobs: a root that submits a child, which submits a grandchild. */
import { irisCtx } from "../../../src/cluster/client/context.ts";
import { Entrypoint } from "../../../src/cluster/client/entrypoint.ts";

export interface Kin {
  jobId: string;
  parentJobId: string | null;
  namespace: string;
  below?: Kin;
}

/** Ids of the whole line, as each member knows them; `names` are those of the descendants. */
export async function line(names: string[]): Promise<Kin> {
  const { jobId, parentJobId, namespace, client } = irisCtx();
  const [name, ...rest] = names;
  if (name === undefined) return { jobId, parentJobId, namespace };
  const child = await client.submit({
    name,
    entrypoint: Entrypoint.fromModule<Kin>("./test/cluster/jobs/family.ts", "line", rest),
    resources: { cpu: 0.1, memory: "64MiB" },
  });
  return { jobId, parentJobId, namespace, below: await child.result() };
}

/** Submits two generations that would run for an hour, says so, and returns while they do. */
export async function leaveBehind(): Promise<string> {
  const { client } = irisCtx();
  const child = await client.submit({
    name: "child",
    entrypoint: Entrypoint.fromModule("./test/cluster/jobs/family.ts", "stayWithChild"),
    resources: { cpu: 0.1, memory: "64MiB" },
  });
  for await (const entry of child.logs({ follow: true })) if (entry.data === "both run") break;
  return child.id;
}

export async function stayWithChild(): Promise<void> {
  const { client } = irisCtx();
  const grandchild = await client.submit({
    name: "grandchild",
    entrypoint: Entrypoint.fromCommand(["sleep", "3600"]),
    resources: { cpu: 0.1, memory: "64MiB" },
  });
  for await (const status of grandchild.watch()) if (status.state === "RUNNING") break;
  console.log("both run");
  await grandchild.wait();
}
