/** Drives the kernel step by step: a state, a time that is moved by hand, workers that say what a test has them say. */

import type {
  Command,
  CommandKind,
  Effect,
  EventRow,
  Limits,
  Outcome,
  Replies,
} from "../../../src/cluster/controller/kernel/command.ts";
import { adopt, handle } from "../../../src/cluster/controller/kernel/kernel.ts";
import { type AttemptRow, isHeld, latestAttempt, State } from "../../../src/cluster/controller/state.ts";
import { jobStatus } from "../../../src/cluster/controller/status.ts";
import { rootOf } from "../../../src/cluster/job/id.ts";
import { CLUSTER_LIMITS } from "../../../src/cluster/job/limits.ts";
import type { Identity } from "../../../src/net/channel.ts";
import type { AttemptExit, JobSpec, JobState, ObservedAttempt, Resources } from "../../../src/net/wire/iris.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";

export const USER: Identity = { kind: "user", namespace: "default" };

export function resources(cpu: number): Resources {
  return { cpuMillis: cpu * 1000, memoryBytes: 0, diskBytes: 0, gpus: 0 };
}

export function specOf(change: Partial<JobSpec> = {}): JobSpec {
  return {
    name: "work",
    entrypoint: { command: { argv: ["true"] } },
    resources: resources(1),
    replicas: 1,
    env: {},
    ports: [],
    maxRetriesFailure: 0,
    maxRetriesPreemption: 100,
    maxTaskFailures: 0,
    timeoutMs: 0,
    schedulingTimeoutMs: 0,
    detached: false,
    onRetry: "ON_RETRY_DEFAULT",
    graceMs: 5_000,
    ...change,
  };
}

export function exitOf(change: Partial<AttemptExit> = {}): AttemptExit {
  return { ok: true, hasResult: false, result: new Uint8Array(), endedAtMs: 0, ...change };
}

export const FAILED = exitOf({
  ok: false,
  cause: { kind: "exited", message: "exit status 1", exitCode: 1, causeEventId: 0 },
});
export const BROKEN = exitOf({ ok: false, cause: { kind: "infrastructure", message: "engine down", causeEventId: 0 } });

export class Journey {
  readonly state = new State();
  readonly events: EventRow[] = [];
  readonly limits: Limits;
  now = 1_000_000;
  effects: Effect[] = [];
  #link = 0;
  readonly #random: SeededRandom;

  constructor(o: { seed?: number; limits?: Partial<Limits> } = {}) {
    this.#random = new SeededRandom(o.seed ?? 1);
    this.limits = { ...CLUSTER_LIMITS, ...o.limits };
  }

  /** Runs one command, and makes what comes of it true. */
  run<K extends CommandKind>(command: Command<K>): Replies[K] {
    return this.outcome(command).reply;
  }

  outcome<K extends CommandKind>(command: Command<K>): Outcome<Replies[K]> {
    const outcome = handle(this.state, command, { now: this.now, random: this.#random, limits: this.limits });
    adopt(this.state, outcome);
    this.events.push(...outcome.events);
    this.effects = [...outcome.effects];
    return outcome;
  }

  submit(change: Partial<JobSpec> = {}, more: Partial<Omit<Command<"submit">, "kind" | "spec">> = {}): string {
    const spec = specOf(change);
    return this.run({ kind: "submit", spec, ifExists: "IF_EXISTS_DEFAULT", idempotencyKey: "", by: USER, ...more })
      .jobId;
  }

  place(): void {
    this.run({ kind: "schedule" });
  }

  /** A worker that has registered and been through its first exchange. */
  worker(workerId: string, cpu = 4, incarnation = "a"): number {
    const link = ++this.#link;
    const capacity = resources(cpu);
    this.run({
      kind: "registerWorker",
      workerId,
      incarnation,
      host: "h",
      probeAddress: "127.0.0.1:1",
      capacity,
      attributes: {},
      link,
    });
    this.run({ kind: "observed", workerId, incarnation, observed: [], complete: true, strays: 0 });
    return link;
  }

  /** Its worker says where an attempt stands. */
  say(attempt: AttemptRow, phase: ObservedAttempt["phase"], more: Partial<ObservedAttempt> = {}): void {
    const observed = [{ uid: attempt.id, phase, ports: {}, ...more }];
    const { workerId, incarnation } = attempt;
    this.run({ kind: "observed", workerId, incarnation, observed, complete: false, strays: 0 });
  }

  exit(attempt: AttemptRow, exit: AttemptExit = exitOf()): void {
    this.say(attempt, "EXITED", { exit: { ...exit, endedAtMs: this.now } });
  }

  /** The latest attempt of a task; throws where there is none. */
  attempt(taskId: string): AttemptRow {
    const attempt = latestAttempt(this.state, taskId);
    if (attempt === undefined) throw new Error(`${taskId} has no attempt`);
    return attempt;
  }

  /** Places, runs and gives the attempt of a task. */
  start(taskId: string): AttemptRow {
    this.place();
    this.say(this.attempt(taskId), "RUNNING", { startedAtMs: this.now });
    return this.attempt(taskId);
  }

  /** Moves time on and lets everything that is due come. */
  pass(ms: number): void {
    this.now += ms;
    const kinds = { tasks: "task", attempts: "attempt", endpoints: "endpoint", workers: "worker" } as const;
    const subjects = (Object.keys(kinds) as (keyof typeof kinds)[]).flatMap((table) =>
      [...this.state[table].values()].map(({ id }) => ({ kind: kinds[table], id })),
    );
    this.run({ kind: "due", subjects });
  }

  taskState(taskId: string): string | undefined {
    return this.state.tasks.get(taskId)?.state;
  }

  jobState(jobId: string): JobState | undefined {
    return this.state.jobs.get(jobId)?.state;
  }

  status(jobId: string) {
    const job = this.state.jobs.get(jobId);
    if (job === undefined) throw new Error(`no job ${jobId}`);
    return jobStatus(this.state, job);
  }

  held(workerId: string): AttemptRow[] {
    return this.state.attempts.by("heldWorker", workerId).filter(isHeld);
  }

  /** Who a task is, by its latest attempt's token. */
  taskIdentity(taskId: string): Identity {
    return identityOf(this.attempt(taskId));
  }
}

/** Who the holder of an attempt's token is. */
export function identityOf({ id, jobId, taskId }: AttemptRow): Identity {
  return { kind: "task", namespace: rootOf(jobId), jobId, taskId, attemptUid: id };
}
