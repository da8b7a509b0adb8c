/**
 * Iris measured by itself: calls between two processes of this machine. It compares with nobody; that is the benchmarks'
 * part. The one invariant: what is counted was answered, and the answer was right.
 */

import { createHistogram } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { ActorPool } from "../net/actor-pool.ts";
import { FixedResolver } from "../net/resolver.ts";
import { opaqueId } from "../runtime/ids.ts";
import { systemRandom } from "../runtime/ports/random.ts";
import { ClosedLoop, type Issue, type LatencyRecorder, type Load, OpenLoop, observe } from "./bench-load.ts";
import { Buffers, type Echo, textOf, wrongRecord } from "./bench-payload.ts";
import { ServerProcess, usageHere } from "./bench-process.ts";

/** One way of calling, and what came of it. Times in µs. */
export interface BenchRow {
  readonly what: string;
  /** Calls at a time; null for a steady rate. */
  readonly inFlight: number | null;
  /** Right answers in the window. */
  readonly completed: number;
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  /** CPU time of a call at either end; null at a steady rate, where the client's loop is kept polling. */
  readonly clientCpuUs: number | null;
  readonly serverCpuUs: number | null;
}

export interface BenchOptions {
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Hears of each row as soon as it is there. */
  readonly onRow?: ((row: BenchRow) => void) | undefined;
}

const SMALL_IN_FLIGHT = [1, 64, 1024] as const;
/** A rate that any machine can hold, so that latencies are those of an idle one. Unit: calls per second. */
const STEADY_PER_SECOND = 2_000;
const STEADY_IN_FLIGHT_MAX = 4_096;
const BYTES = { length: 64 * 1024, inFlight: 64 } as const;
/** A percentile of sampled calls; at depth one of 16 is looked at. */
const SAMPLE_EVERY = 16;

/** Starts a server's process, measures each way of calling it in turn, and leaves nothing behind. */
export async function benchIris(options: BenchOptions): Promise<BenchRow[]> {
  const token = opaqueId(systemRandom, 32);
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const entry = fileURLToPath(new URL(`./bench-server-main${extension}`, import.meta.url));
  await using server = await ServerProcess.start(entry, [], { env: { ...process.env, IRIS_BENCH_TOKEN: token } });
  await using resolver = new FixedResolver({ echo: server.address }, { token });
  const pool = resolver.lookup<Echo>("echo");
  await pool.waitForSize(1, options.signal === undefined ? {} : { signal: options.signal });
  const rows: BenchRow[] = [];
  const add = async (what: string, inFlight: number | null, load: Load) => {
    const row = await rowOf(what, inFlight, load, server, options);
    rows.push(row);
    options.onRow?.(row);
  };
  for (const inFlight of SMALL_IN_FLIGHT) {
    const sampleEvery = inFlight === 1 ? 1 : SAMPLE_EVERY;
    await add("small record", inFlight, new ClosedLoop(smallCalls(pool), { inFlight, sampleEvery }));
  }
  const steady = { perSecond: STEADY_PER_SECOND, inFlightMax: STEADY_IN_FLIGHT_MAX };
  await add(`small record, ${STEADY_PER_SECOND}/s`, null, new OpenLoop(smallCalls(pool), steady));
  await add("64 KiB of bytes", BYTES.inFlight, new ClosedLoop(byteCalls(pool), { inFlight: BYTES.inFlight }));
  return rows;
}

/** Calls with a small record each. */
export function smallCalls(pool: Pick<ActorPool<Echo>, "call">): Issue {
  return (id, _slot, settle) => {
    pool
      .call()
      .small({ id, text: textOf(id) })
      .then((reply) => settle(wrongRecord(reply, id)), settle);
  };
}

function byteCalls(pool: ActorPool<Echo>): Issue {
  const buffers = new Buffers(BYTES.inFlight, BYTES.length);
  return (call, slot, settle) => {
    pool
      .call()
      .bytes(buffers.marked(slot, call))
      .then((reply) => settle(buffers.wrong(reply, slot, call)), settle);
  };
}

async function rowOf(
  what: string,
  inFlight: number | null,
  load: Load,
  server: ServerProcess,
  options: BenchOptions,
): Promise<BenchRow> {
  const histogram = createHistogram();
  const latency: LatencyRecorder = { record: (us) => histogram.record(Math.max(1, Math.round(us * 1_000))) };
  load.start();
  const { completed, tookMs, before, after } = await observe(load, {
    ...options,
    latency,
    usage: async () => ({ server: await server.usage(), client: usageHere() }),
  });
  const percentileUs = (percent: number) => histogram.percentile(percent) / 1_000;
  const cpuUs = (end: "client" | "server") =>
    inFlight === null ? null : (after[end].cpuUs - before[end].cpuUs) / Math.max(1, completed);
  return {
    what,
    inFlight,
    completed,
    callsPerSecond: (completed / tookMs) * 1_000,
    p50Us: percentileUs(50),
    p99Us: percentileUs(99),
    p999Us: percentileUs(99.9),
    clientCpuUs: cpuUs("client"),
    serverCpuUs: cpuUs("server"),
  };
}
