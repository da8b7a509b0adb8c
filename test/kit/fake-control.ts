/**
 * A controller that does what a test says: the real sessions and the real service definition over a network in memory,
 * with scripted answers. For tests of clients alone; it decides nothing.
 */
import type { InboundCall, Peer } from "../../src/net/channel.ts";
import { type ServiceHandlers, serviceTarget } from "../../src/net/service.ts";
import { SessionListener } from "../../src/net/session-listener.ts";
import { MemoryNetwork } from "../../src/net/transport-memory.ts";
import {
  Control,
  type ControlMethods,
  type JobState,
  type JobStatus,
  type LogEntry,
  type SubmitRequest,
  type TaskStatus,
} from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { SeededRandom } from "./seeded-random.ts";

type Handlers = ServiceHandlers<ControlMethods>;

export const FAKE_TOKEN = "fake-token";

export class FakeControl {
  readonly clock = new ManualClock();
  readonly random = new SeededRandom(1);
  readonly network = new MemoryNetwork();
  readonly url = "http://controller:8080";
  /** Answers; a method that is not here answers `NOT_FOUND`. */
  readonly handlers: { -readonly [K in keyof Handlers]?: Handlers[K] };
  /** Every call that came in, by method. */
  readonly calls: { method: string; request: unknown; peer: Peer }[] = [];
  #listener: SessionListener | undefined;

  constructor(handlers: Partial<Handlers> = {}) {
    this.handlers = handlers;
  }

  /** Begins to listen, again after `stop`. */
  async start(): Promise<this> {
    const target = serviceTarget(Control, this.#recording());
    this.#listener = await SessionListener.listen({
      transport: this.network.transport("controller"),
      port: 8080,
      path: "/rpc",
      authenticate: (token) => {
        if (token !== FAKE_TOKEN) throw new IrisError("UNAUTHENTICATED", "the token is not this cluster's");
        return { kind: "user", namespace: "default" };
      },
      targets: (name) => (name === Control.name ? target : undefined),
      clock: this.clock,
      random: this.random,
    });
    return this;
  }

  /** Cuts every session and frees the port, as a controller that dies. */
  async stop(): Promise<void> {
    await this.#listener?.stop();
    this.#listener = undefined;
    await settle();
  }

  /** Requests that came in for a method. */
  requests<K extends keyof ControlMethods>(method: K): ControlMethods[K]["request"][] {
    return this.calls.filter((call) => call.method === method).map(({ request }) => request) as never;
  }

  /** Lets time pass until the promise settles, at most `ms`. */
  async within<R>(ms: number, promise: Promise<R>): Promise<R> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    for (let passed = 0; passed <= ms && !isSettled; passed += 50) await this.clock.advance(50);
    return await Promise.race([promise, settle().then(() => Promise.reject(new Error(`unsettled after ${ms} ms`)))]);
  }

  #recording(): Handlers {
    const methods = Object.keys(Control.methods) as (keyof ControlMethods)[];
    const entries = methods.map((method) => [
      method,
      (request: unknown, call: InboundCall) => {
        this.calls.push({ method, request, peer: call.peer });
        const handler = this.handlers[method] as ((request: unknown, call: InboundCall) => unknown) | undefined;
        if (handler === undefined) throw new IrisError("NOT_FOUND", `the fake has no answer to ${method}`);
        return handler(request, call);
      },
    ]);
    return Object.fromEntries(entries) as Handlers;
  }
}

/** A status with what a test cares about. */
export function jobStatus(id: string, state: JobState, version: number, more: Partial<JobStatus> = {}): JobStatus {
  return {
    id,
    name: "train",
    state,
    submittedAtMs: 1_000,
    replicas: 1,
    taskCounts: {},
    version,
    pendingReason: "",
    ...more,
  };
}

export function taskStatus(jobId: string, index: number, more: Partial<TaskStatus> = {}): TaskStatus {
  const id = `${jobId}/${index}`;
  return { id, jobId, index, state: "RUNNING", failures: 0, preemptions: 0, ports: {}, ...more };
}

export function logEntry(taskId: string, timeMs: number, data: string, more: Partial<LogEntry> = {}): LogEntry {
  return { timeMs, source: "STDOUT", data, taskId, attempt: 0, ...more };
}

/** Remembers submissions by key, as a controller does. */
export function submissions(): { jobs: Map<string, SubmitRequest>; submit: Handlers["submit"] } {
  const jobs = new Map<string, SubmitRequest>();
  const ids = new Map<string, string>();
  return {
    jobs,
    submit: (request) => {
      const id = ids.get(request.idempotencyKey) ?? `job${String(ids.size).padStart(9, "0")}`;
      ids.set(request.idempotencyKey, id);
      jobs.set(id, request);
      return { jobId: id };
    },
  };
}

/** An answer that never comes; it ends with its call. */
export function unanswered(call: InboundCall): Promise<never> {
  return new Promise((_, reject) => {
    call.signal.addEventListener("abort", () => reject(new IrisError("CANCELLED", "the call is over")), { once: true });
  });
}
