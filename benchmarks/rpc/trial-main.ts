/** The client's process of one trial: `node trial-main.ts PLACE CASE WARM_UP_MS MEASURE_MS`. Prints its metrics as JSON. */
import { join } from "node:path";
import { build as histogramOf } from "hdr-histogram-js";
import { ClosedLoop, type LatencyRecorder, OpenLoop, observe } from "../../src/cli/bench-load.ts";
import { ServerProcess, usageHere } from "../../src/cli/bench-process.ts";
import { CASES, type RpcCase } from "./cases.ts";
import { loadSubject } from "./load-subject.ts";
import type { Metrics } from "./metrics.ts";
import type { FloorClient, RpcClient } from "./subject.ts";
import { callsOf } from "./workload.ts";

const [place = "", caseId = "", warmUp = "", measure = ""] = process.argv.slice(2);
const times = { warmUpMs: Number(warmUp), measureMs: Number(measure) };
const HERE = import.meta.dirname;
/** Of the histogram. Unit: 0.1 µs. */
const TICK_US = 0.1;

const found = CASES.find(({ id }) => id === caseId);
if (found === undefined) throw new Error(`there is no case ${caseId}`);
const one = found;
const subject = await loadSubject(place);

function recorder() {
  const histogram = histogramOf({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 6e8,
    numberOfSignificantValueDigits: 3,
  });
  const latency: LatencyRecorder = { record: (us) => histogram.recordValue(Math.max(1, Math.round(us / TICK_US))) };
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) * TICK_US;
  /** Nothing when no call was looked at: a slow one may not have one in 16. */
  const percentiles = () => (histogram.totalCount === 0 ? {} : { p50Us: at(50), p99Us: at(99), p999Us: at(99.9) });
  return { latency, at, percentiles };
}

function startServer(execArgv: readonly string[] = []): Promise<ServerProcess> {
  return ServerProcess.start(join(HERE, "server-main.ts"), [place], {
    execArgv: ["--disable-warning=ExperimentalWarning", ...execArgv],
  });
}

/** Calls as the case says, over the connections and to the servers that it wants. */
async function throughput({ kind, inFlight, connections = 1, servers = 1, rate, size = 1 }: RpcCase): Promise<Metrics> {
  const all = await Promise.all(Array.from({ length: servers }, () => startServer()));
  try {
    const clients: (RpcClient | FloorClient)[] = [];
    for (let at = 0; at < connections; at++) clients.push(await subject.connect(all[at % servers]?.address ?? ""));
    const slots = rate === undefined ? inFlight * connections : inFlight;
    const issue = callsOf(one, clients, slots);
    const load =
      rate === undefined
        ? new ClosedLoop(issue, { inFlight: slots, sampleEvery: inFlight === 1 ? 1 : 16 })
        : new OpenLoop(issue, { perSecond: rate, inFlightMax: slots });
    const { latency, percentiles } = recorder();
    const usage = async () => {
      const used = await Promise.all(all.map((server) => server.usage()));
      return { server: used.reduce((sum, { cpuUs }) => sum + cpuUs, 0), client: usageHere().cpuUs };
    };
    const window = await observe(load.start(), { ...times, latency, usage });
    const units = kind === "stream" ? window.completed * size : window.completed;
    const clientCpuUs = (window.after.client - window.before.client) / units;
    const serverCpuUs = (window.after.server - window.before.server) / units;
    const byConnection = clients.map((_, index) =>
      window.bySlot.reduce((sum, count, slot) => (slot % connections === index ? sum + count : sum), 0),
    );
    return {
      perSecond: (units / window.tookMs) * 1_000,
      ...percentiles(),
      ...(rate === undefined && { clientCpuUs, serverCpuUs, bothCpuUs: clientCpuUs + serverCpuUs }),
      ...(connections > 1 && rate === undefined && { fairness: Math.min(...byConnection) / Math.max(...byConnection) }),
    };
  } finally {
    await Promise.all(all.map((server) => server[Symbol.asyncDispose]()));
  }
}

/** The others' latencies before and after one peer, with answers on the way to it, stops to read for good. */
async function frozen({ inFlight, connections = 1, rate = 1 }: RpcCase): Promise<Metrics> {
  await using server = await startServer();
  await using victim = await ServerProcess.start(join(HERE, "frozen-main.ts"), [place, server.address]);
  const clients: (RpcClient | FloorClient)[] = [];
  for (let at = 0; at < connections; at++) clients.push(await subject.connect(server.address));
  const slots = inFlight * connections;
  const p99 = async (warmUpMs: number) => {
    const { latency, at, percentiles } = recorder();
    const load = new OpenLoop(callsOf(one, clients, slots), { perSecond: rate, inFlightMax: slots });
    const { completed, tookMs } = await observe(load.start(), {
      warmUpMs,
      measureMs: times.measureMs * 2,
      latency,
      usage: async () => undefined,
    });
    return { ...percentiles(), p99Us: at(99), perSecond: (completed / tookMs) * 1_000 };
  };
  const before = await p99(times.warmUpMs);
  await victim.usage(); // asking is the sign to begin
  process.kill(victim.pid, "SIGSTOP");
  const after = await p99(times.warmUpMs);
  return { ...after, p99Factor: after.p99Us / before.p99Us };
}

/** Memory of connections on which nothing happens, and the rate of one on which something does, beside them. */
async function idle({ inFlight, connections = 1 }: RpcCase): Promise<Metrics> {
  await using server = await startServer(["--expose-gc"]);
  const busy = await subject.connect(server.address);
  const look = async () => ({ server: await server.usage(), client: usageHere() });
  const before = await look();
  const CROWD = 100;
  for (let made = 0; made < connections; made += CROWD) {
    await Promise.all(Array.from({ length: CROWD }, () => subject.connect(server.address)));
  }
  const after = await look();
  const load = new ClosedLoop(callsOf(one, [busy], inFlight), { inFlight, sampleEvery: 16 });
  const { latency, percentiles } = recorder();
  const window = await observe(load.start(), { ...times, latency, usage: async () => undefined });
  return {
    perSecond: (window.completed / window.tookMs) * 1_000,
    ...percentiles(),
    serverRssBytes: (after.server.rssBytes - before.server.rssBytes) / connections,
    serverHeapBytes: (after.server.heapBytes - before.server.heapBytes) / connections,
    clientHeapBytes: (after.client.heapBytes - before.client.heapBytes) / connections,
  };
}

const metrics = await (one.kind === "frozen" ? frozen(one) : one.kind === "idle" ? idle(one) : throughput(one));
process.stdout.write(`\n${JSON.stringify(metrics)}\n`, () => process.exit(0)); // peers keep sockets and timers
