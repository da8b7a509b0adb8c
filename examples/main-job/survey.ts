// The parent job: starts the aggregator as a child job, and a pool of shard workers that report to it.
import { Entrypoint, irisCtx, WorkerPool } from "iris-runtime";
import { type Aggregator, serveAggregator } from "./aggregator.ts";
import { type Surveys, surveyFiles } from "./javascript.ts";

export interface Shard {
  readonly index: number;
  readonly folder: string;
  readonly files: string[];
}

const SMALL = { cpu: 0.2, memory: "128MiB" };
const SHARD_WORKERS = 3;

export async function survey(shards: Shard[]): Promise<Surveys> {
  const { client, resolver } = irisCtx();
  await client.submit({ name: "aggregator", entrypoint: Entrypoint.fromCallable(serveAggregator), resources: SMALL });
  const aggregator = resolver.lookup<Aggregator>("aggregator");
  await aggregator.waitForSize(1, { timeoutMs: 30_000 });

  await using pool = new WorkerPool(client, { numWorkers: SHARD_WORKERS, resources: SMALL });
  for await (const index of pool.map(surveyShard, shards, { ordered: false })) console.log(`shard ${index} is done`);
  return await aggregator.call().total();
}

export async function surveyShard(shard: Shard): Promise<number> {
  const aggregator = irisCtx().resolver.lookup<Aggregator>("aggregator");
  await aggregator.call().begin(process.pid);
  const surveys = surveyFiles(shard.folder, shard.files);
  await aggregator.call({ idempotent: true }).report(shard.index, shard.files.length, surveys);
  return shard.index;
}
