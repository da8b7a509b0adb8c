// The whole of Iris at work on real input: a controller and two workers (three processes under a supervision tree) survey
// every JavaScript file below node_modules. A parent job runs a pool of shard workers; they report to an aggregator actor,
// which is a child job and is found by name. One shard worker is killed on the way. The result is checked against a plain
// loop, and in the end everything is taken down by the cascade.
import { isDeepStrictEqual } from "node:util";
import { Entrypoint, IrisClient, type Resolver } from "iris-runtime";
import type { Aggregator } from "./aggregator.ts";
import { startCluster } from "./cluster.ts";
import { javascriptFiles, type Surveys, surveyFiles } from "./javascript.ts";
import { ProgressBar, printTable } from "./screen.ts";
import { type Shard, survey } from "./survey.ts";

const FILES_PER_SHARD = 40;
const KILL_AFTER = 0.3;
const TABLE_ROWS = 10;
const WORKERS = 2;

const folder = `${process.cwd()}/node_modules`;
const files = javascriptFiles(folder);
const shards: Shard[] = [];
for (let at = 0; at < files.length; at += FILES_PER_SHARD) {
  shards.push({ index: shards.length, folder, files: files.slice(at, at + FILES_PER_SHARD) });
}
console.log(`${files.length} files below node_modules, in ${shards.length} shards`);

const token = crypto.randomUUID();
await using cluster = await startCluster(WORKERS, token);
await using client = IrisClient.remote(cluster.address, { token });
console.log(`controller at ${cluster.address}, ${(await client.workers()).length} workers`);

const startedAt = performance.now();
const job = await client.submit({
  name: "survey",
  entrypoint: Entrypoint.fromCallable(survey, shards),
  resources: { cpu: 0.2, memory: "128MiB" },
});
await using resolver = client.resolver({ namespace: job.id });
const watching = new AbortController();
const watched = watchProgress(resolver, watching.signal);
watched.catch(() => {}); // Seen below; a job that fails is the better story.
const surveys: Surveys = await job.result().finally(() => watching.abort());
const killed = await watched;
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);

printTable(surveys, TABLE_ROWS);
const same = isDeepStrictEqual(surveys, surveyFiles(folder, files));
console.log(`surveyed in ${seconds} s; shard workers killed on the way: ${killed}`);
console.log(
  same ? "the result is that of a plain loop over the same files" : "THE RESULT DIFFERS from that of a plain loop",
);

// The parent's end has ended the aggregator and the pool with it.
const live: string[] = [];
for await (const { id } of client.jobs({ recursive: true, states: ["PENDING", "RUNNING"] })) live.push(id);
console.log(live.length === 0 ? "nothing is left running" : `STILL RUNNING: ${live.join(", ")}`);
process.exitCode = same && killed > 0 && live.length === 0 ? 0 : 1;

/** Draws how far it is, and kills one shard worker on the way. Resolves with how many were killed. */
async function watchProgress(resolver: Resolver, signal: AbortSignal): Promise<number> {
  const bar = new ProgressBar(files.length);
  let kills = 0;
  try {
    const aggregator = resolver.lookup<Aggregator>("aggregator");
    for await (const { filesDone, shardsDone, processes } of aggregator.call({ signal }).progress()) {
      bar.show(filesDone, `in ${shardsDone} shards`);
      const victim = processes.at(-1);
      if (kills === 0 && victim !== undefined && filesDone > files.length * KILL_AFTER) {
        process.kill(victim, "SIGKILL");
        kills++;
        bar.say(`killed the shard worker with process id ${victim}`);
      }
    }
  } catch (error) {
    // The aggregator ends with its job: a stream that breaks then is no news.
    if (!signal.aborted && (await job.status()).state === "RUNNING") throw error;
  }
  bar.end();
  return kills;
}
