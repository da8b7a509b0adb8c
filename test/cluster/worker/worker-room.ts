/** What tests of a worker start from: specs of jobs and attempts, and a set of attempts over a scripted runtime. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { Attempts } from "../../../src/cluster/worker/attempts.ts";
import type { LogStore } from "../../../src/cluster/worker/log-shipper.ts";
import { TaskPorts } from "../../../src/cluster/worker/ports.ts";
import type { TaskRuntime } from "../../../src/cluster/worker/runtime/runtime.ts";
import type { AttemptSpec, DesiredAttempt, JobSpec, LogEntry, ObservedAttempt } from "../../../src/net/wire/iris.ts";
import type { Clock } from "../../../src/runtime/ports/clock.ts";
import { settle } from "../../kit/manual-clock.ts";
import { RecordingLogger } from "../../kit/recording-logger.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";

export function jobSpec(argv: string[], more: Partial<JobSpec> = {}): JobSpec {
  return {
    name: "job",
    entrypoint: { command: { argv } },
    replicas: 1,
    env: {},
    ports: [],
    maxRetriesFailure: 0,
    maxRetriesPreemption: 0,
    maxTaskFailures: 0,
    timeoutMs: 0,
    schedulingTimeoutMs: 0,
    detached: false,
    onRetry: "ON_RETRY_DEFAULT",
    graceMs: 5_000,
    ...more,
  };
}

export function attemptSpec(job: JobSpec): AttemptSpec {
  return { job, jobId: "job0", taskIndex: 0, namespace: "job0", token: "token0" };
}

export function wanted(uid: string, job: JobSpec): DesiredAttempt {
  return { uid, taskId: "job0/0", attempt: 0, run: true, spec: attemptSpec(job) };
}

/** Asked about without its spec, as a controller does once it was observed. */
export function known(uid: string, run = true): DesiredAttempt {
  return { uid, taskId: "job0/0", attempt: 0, run };
}

/** Takes every line at once. */
export class OpenStore implements LogStore {
  isUp = true;
  readonly entries: LogEntry[] = [];
  readonly #listeners = new Set<() => void>();

  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }
  turn(up: boolean): void {
    this.isUp = up;
    for (const fn of this.#listeners) fn();
  }
  async append(_uid: string, first: number, entries: readonly LogEntry[]): Promise<number> {
    this.entries.push(...entries);
    return first + entries.length;
  }
  get lines(): string[] {
    return this.entries.map(({ data }) => data);
  }
}

/** Waits for what real I/O or the network's turns lead to; a manual clock stands still. */
export async function until(what: () => boolean): Promise<void> {
  for (let looks = 0; !what(); looks++) {
    if (looks > 2_000) throw new Error("it did not happen");
    await settle(5);
  }
}

export async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "iris-worker-"));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

export interface Room {
  readonly attempts: Attempts;
  readonly store: OpenStore;
  readonly logger: RecordingLogger;
  readonly root: string;
  /** What was observed at each change, in order: `uid PHASE`. */
  readonly changes: string[];
  /** Resolves with what is observed of the attempt once it is over. */
  over(uid: string): Promise<ObservedAttempt>;
}

export async function room(t: ExecutionContext, clock: Clock, runtime: TaskRuntime): Promise<Room> {
  const root = await folder(t);
  const store = new OpenStore();
  const logger = new RecordingLogger();
  const changes: string[] = [];
  const waiting = new Map<string, (observed: ObservedAttempt) => void>();
  const attempts: Attempts = new Attempts({
    ...{ runtime, clock, logger, store, root },
    ports: new TaskPorts({ random: new SeededRandom(1), isFree: async () => true }),
    host: {
      workerId: "w1",
      controller: "http://c:8080",
      bindHost: "127.0.0.1",
      advertiseHost: "127.0.0.1",
      system: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
      env: {},
    },
    onChange: (uid) => {
      const [observed] = attempts.observed([uid]);
      if (observed === undefined) return;
      changes.push(`${uid} ${observed.phase}`);
      if (observed.phase === "EXITED") waiting.get(uid)?.(observed);
    },
  });
  return {
    ...{ attempts, store, logger, root, changes },
    over: (uid) =>
      new Promise((resolve) => {
        const [observed] = attempts.observed([uid]);
        if (observed?.phase === "EXITED") resolve(observed);
        else waiting.set(uid, resolve);
      }),
  };
}
