/** What is measured over a socket, by whom, and what Iris has to reach. Measures nothing. */
import type { Metric } from "./metrics.ts";
import { WHO } from "./who.ts";

export interface RpcCase {
  readonly id: string;
  readonly title: string;
  readonly kind: "small" | "bytes" | "stream" | "frozen" | "idle";
  /** Of one payload of bytes, or items of one stream. */
  readonly size?: number;
  /** Calls at a time on each connection. */
  readonly inFlight: number;
  readonly connections?: number;
  readonly servers?: number;
  /** Calls per second, answered or not, instead of a closed loop. */
  readonly rate?: number;
  /** Who has it; none: everybody. */
  readonly who?: readonly string[];
  /** Whether it belongs to a quick run, and who does there. */
  readonly quick?: readonly string[];
  /** Iris's answers per second, or the case's own metric, as expected before it was first measured. */
  readonly guess: number;
  /** What the table shows of it. Default: answers per second. */
  readonly shows?: Metric;
}

const QUICK = ["iris", "before", "ws", "ws-batched", "ws-protobufjs", "erlang", "grpc-js"];
const STREAMING = ["iris", "before", "ws-protobufjs", "grpc-js", "connect"];
const MANY = ["iris", "before", "ws-batched", "ws-protobufjs", "grpc-js"];
/** Who holds 20 000 calls a second anywhere. */
const FAST = WHO.map(({ id }) => id).filter(
  (id) => !["erlang", "trpc", "grpc-js", "connect", "moleculer"].includes(id),
);
const OPEN = WHO.map(({ id }) => id).filter((id) => !["erlang", "connect"].includes(id));

export const CASES: readonly RpcCase[] = [
  { id: "small-1", title: "small, 1", kind: "small", inFlight: 1, quick: QUICK, guess: 7_000 },
  { id: "small-64", title: "small, 64", kind: "small", inFlight: 64, quick: QUICK, guess: 60_000 },
  { id: "small-1024", title: "small, 1024", kind: "small", inFlight: 1024, quick: QUICK, guess: 80_000 },
  { id: "kb4-64", title: "4 KiB, 64", kind: "bytes", size: 4_096, inFlight: 64, guess: 30_000 },
  { id: "kb64-1", title: "64 KiB, 1", kind: "bytes", size: 65_536, inFlight: 1, guess: 3_000 },
  {
    id: "kb64-64",
    title: "64 KiB, 64",
    kind: "bytes",
    size: 65_536,
    inFlight: 64,
    quick: ["iris", "before", "ws"],
    guess: 8_000,
  },
  { id: "mb1-4", title: "1 MiB, 4", kind: "bytes", size: 1_048_576, inFlight: 4, guess: 400 },
  { id: "stream-1", title: "stream of 200, 1", kind: "stream", size: 200, inFlight: 1, who: STREAMING, guess: 60_000 },
  {
    id: "stream-16",
    title: "streams of 200, 16",
    kind: "stream",
    size: 200,
    inFlight: 16,
    who: STREAMING,
    guess: 100_000,
  },
  {
    id: "small-64-c8",
    title: "small, 64 on each of 8 connections",
    kind: "small",
    inFlight: 64,
    connections: 8,
    who: MANY,
    guess: 60_000,
  },
  {
    id: "small-64-s4",
    title: "small, 64 at each of 4 servers",
    kind: "small",
    inFlight: 64,
    connections: 4,
    servers: 4,
    who: MANY,
    guess: 60_000,
  },
  {
    id: "rate-2k",
    title: "small, 2 000/s",
    kind: "small",
    inFlight: 1_024,
    rate: 2_000,
    who: OPEN,
    shows: "p99Us",
    guess: 300,
  },
  {
    id: "rate-20k",
    title: "small, 20 000/s",
    kind: "small",
    inFlight: 1_024,
    rate: 20_000,
    who: FAST,
    shows: "p99Us",
    guess: 1_000,
  },
  {
    id: "frozen",
    title: "p99 of 63 with one frozen, by without",
    kind: "frozen",
    inFlight: 16,
    connections: 63,
    rate: 4_000,
    who: ["iris", "before", "ws-protobufjs"],
    shows: "p99Factor",
    guess: 1.1,
  },
  {
    id: "idle",
    title: "10 000 idle connections, bytes each at the server",
    kind: "idle",
    inFlight: 64,
    connections: 10_000,
    who: ["iris", "before", "ws"],
    shows: "serverRssBytes",
    guess: 20_000,
  },
];

export interface RpcGoal {
  readonly caseId: string;
  readonly metric: Metric;
  /** Whose figure Iris's is divided by, and in which case if another; none: Iris's own counts. */
  readonly peer?: string;
  readonly peerCase?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export const GOALS: readonly RpcGoal[] = [
  { caseId: "small-1024", metric: "perSecond", peer: "ws-protobufjs", atLeast: 7 },
  { caseId: "small-1024", metric: "perSecond", peer: "grpc-js", atLeast: 90 },
  { caseId: "small-1024", metric: "perSecond", peer: "erlang", atLeast: 12 },
  { caseId: "small-1024", metric: "perSecond", peer: "ws-batched", atLeast: 0.5 },
  { caseId: "small-64", metric: "perSecond", peer: "ws-protobufjs", atLeast: 3.3 },
  { caseId: "small-64", metric: "perSecond", peer: "erlang", atLeast: 6 },
  { caseId: "small-64", metric: "perSecond", peer: "ws-batched", atLeast: 0.7 },
  { caseId: "small-64", metric: "bothCpuUs", atMost: 6 },
  { caseId: "small-64", metric: "bothCpuUs", peer: "ws-protobufjs", atMost: 0.25 },
  { caseId: "small-1", metric: "perSecond", peer: "ws", atLeast: 0.95 },
  { caseId: "kb64-64", metric: "perSecond", peer: "ws", atLeast: 1 },
  { caseId: "small-64-c8", metric: "perSecond", peer: "iris", peerCase: "small-64", atLeast: 1 },
  { caseId: "small-64-c8", metric: "fairness", atLeast: 0.8 },
  { caseId: "small-64-s4", metric: "perSecond", peer: "iris", peerCase: "small-64", atLeast: 1 },
  { caseId: "small-64-s4", metric: "fairness", atLeast: 0.8 },
  { caseId: "frozen", metric: "p99Factor", atMost: 1.1 },
];
