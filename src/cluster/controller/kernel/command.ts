/** What the kernel is told, what it answers, and what it wants done: plain data, no behaviour. */
import type { Identity } from "../../../net/channel.ts";
import type { Endpoint, IfExists, JobSpec, ObservedAttempt, Resources } from "../../../net/wire/iris.ts";
import type { Random } from "../../../runtime/ports/random.ts";
import type { CLUSTER_LIMITS } from "../../job/limits.ts";
import type { Change } from "../state.ts";

/** Bounds that the kernel keeps; the cluster's own unless a test says otherwise. */
export type Limits = Readonly<Record<keyof typeof CLUSTER_LIMITS, number>>;

/** What a step may know of the world. */
export interface Env {
  /** Unit: ms since the epoch. */
  readonly now: number;
  /** Names and jitter come from here. */
  readonly random: Random;
  readonly limits: Limits;
}

/** Something that is looked at again when its time has come. */
export interface Subject {
  readonly kind: "task" | "attempt" | "endpoint" | "worker" | "prune";
  readonly id: string;
}

export type ProbeAnswer = "refused" | "accepted" | "no-answer";

export interface Commands {
  submit: { spec: JobSpec; ifExists: IfExists; idempotencyKey: string; by: Identity };
  terminate: { jobId: string; by: Identity };
  registerWorker: {
    workerId: string;
    incarnation: string;
    host: string;
    probeAddress: string;
    capacity: Resources;
    attributes: Readonly<Record<string, string>>;
    /** Number of the connection it came by, growing. */
    link: number;
  };
  /** A report (some attempts), or the answer to a whole exchange (`complete`). */
  observed: {
    workerId: string;
    incarnation: string;
    observed: readonly ObservedAttempt[];
    complete: boolean;
    /** Of a whole exchange: how many attempts run there that should not. */
    strays: number;
    /** Of a whole exchange: how many attempts of another controller's state run there. Absent means none. */
    foreign?: number;
  };
  /** A worker's connection is over. */
  linkLost: { workerId: string; link: number; goodbye: boolean };
  /** A connected worker has not answered an exchange in time. */
  overdue: { workerId: string; link: number };
  probed: { workerId: string; link: number; answer: ProbeAnswer };
  registerEndpoint: { endpoint: Endpoint; namespace: string; by: Identity };
  unregisterEndpoint: { endpointId: string; by: Identity };
  renewEndpoints: { endpointIds: readonly string[]; by: Identity };
  due: { subjects: readonly Subject[] };
  schedule: object;
  /** First of all after the journal was read: everybody known is waited for. */
  recover: object;
}

export interface Replies {
  submit: { jobId: string };
  terminate: undefined;
  registerWorker: undefined;
  observed: undefined;
  linkLost: undefined;
  overdue: undefined;
  probed: undefined;
  registerEndpoint: { endpoint: Endpoint };
  unregisterEndpoint: { existed: boolean };
  renewEndpoints: { unknown: string[] };
  due: undefined;
  schedule: undefined;
  recover: undefined;
}

export type CommandKind = keyof Commands;
export type Command<K extends CommandKind = CommandKind> = {
  [N in K]: { readonly kind: N } & Readonly<Commands[N]>;
}[K];

/** What is to be done once a step is durable. Doing one twice does no harm. */
export type Effect =
  /** What is wanted of a worker has changed. */
  | { readonly kind: "push"; readonly workerId: string }
  | { readonly kind: "jobChanged"; readonly jobId: string }
  | { readonly kind: "endpointsChanged"; readonly key: string }
  | { readonly kind: "probe"; readonly workerId: string; readonly link: number; readonly address: string }
  /** Come back with `due` at that time. */
  | { readonly kind: "wake"; readonly atMs: number; readonly subject: Subject }
  /** Tasks may fit now that did not before. */
  | { readonly kind: "schedule" }
  /** Events of before that time are told to nobody any more. */
  | { readonly kind: "forgetEvents"; readonly beforeMs: number }
  | { readonly kind: "forgetLogs"; readonly taskIds: readonly string[] }
  /** A report about an attempt that is over or unknown was ignored. */
  | { readonly kind: "ignored"; readonly uid: string };

/** A line of the event log: what happened to whom, and which event led to it. */
export interface EventRow {
  readonly id: number;
  readonly atMs: number;
  /** The job, task, attempt (uid), worker or endpoint that it happened to. */
  readonly subject: string;
  /** A transition such as `PENDING → ASSIGNED`, or what was asked. */
  readonly what: string;
  readonly message: string;
  /** The event that led to it; 0 for one that came from outside. */
  readonly causeEventId: number;
}

/** A value that a task's function returned, on its way to the store. */
export interface ResultRow {
  readonly uid: string;
  readonly value: Uint8Array;
}

/** What one step would make of the state, and what it wants done. */
export interface Outcome<R> {
  readonly changes: readonly Change[];
  readonly events: readonly EventRow[];
  readonly results: readonly ResultRow[];
  readonly effects: readonly Effect[];
  readonly reply: R;
  readonly lastEventId: number;
  readonly lastSequence: number;
}
