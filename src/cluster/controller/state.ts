/**
 * What the controller knows: rows of plain data with indexes, nothing that acts. Jobs, tasks, attempts, workers,
 * endpoints and idempotency keys are durable; presences and leases are of this life of the controller only, since after
 * a restart everybody has to show up again anyway. The one invariant: what can be derived is not stored (usage, counts,
 * budgets all come from rows each time).
 */
import type { Cause, JobSpec, JobState, Resources, TaskState } from "../../net/wire/iris.ts";
import { addResources, NO_RESOURCES } from "../job/resources.ts";
import { isFinalTask } from "../job/status.ts";
import { DraftRows, Rows, type RowsView } from "./rows.ts";

export interface JobRow {
  readonly id: string;
  readonly name: string;
  readonly parentId: string | null;
  /** The task, and its attempt, that submitted it; `null` for a root. */
  readonly parentTaskId: string | null;
  readonly parentAttemptUid: string | null;
  /** Whose admission limits it counts against. */
  readonly user: string;
  /** Place in the order of all submissions. */
  readonly sequence: number;
  /** What was asked for, with what is inherited filled in. */
  readonly spec: JobSpec;
  readonly state: JobState;
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly cause: Cause | null;
  /** The first task that failed for good. */
  readonly firstFailedTaskId: string | null;
  /** Grows with every change that a watcher can see. */
  readonly version: number;
}

export interface TaskRow {
  readonly id: string;
  readonly jobId: string;
  readonly index: number;
  readonly user: string;
  readonly state: TaskState;
  /** Number that its next attempt gets. */
  readonly nextAttempt: number;
  /** Not placed before this: the wait before a retry. */
  readonly readyAtMs: number;
  readonly endedAtMs: number | null;
  /** Why it ended, or why its latest attempt did. */
  readonly cause: Cause | null;
}

/** Where an attempt stands for the controller. STOPPING and TIMING_OUT are decided, yet still hold their capacity. */
export type AttemptState =
  | "ASSIGNED"
  | "BUILDING"
  | "RUNNING"
  | "STOPPING"
  | "TIMING_OUT"
  | "SUCCEEDED"
  | "FAILED"
  | "KILLED"
  | "WORKER_FAILED";

export interface AttemptRow {
  /** Its uid. */
  readonly id: string;
  readonly taskId: string;
  readonly jobId: string;
  readonly attempt: number;
  readonly workerId: string;
  /** Life of the worker that it was given to. */
  readonly incarnation: string;
  readonly resources: Resources;
  readonly state: AttemptState;
  readonly assignedAtMs: number;
  readonly startedAtMs: number | null;
  /** When it will have run too long; `null` while it does not run or may run for ever. */
  readonly timeoutAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly cause: Cause | null;
  readonly ports: Readonly<Record<string, number>>;
  readonly hasResult: boolean;
  /** Its job was replaced by another of the same id: it only holds capacity until its worker confirms the end. */
  readonly disowned: boolean;
}

export interface WorkerRow {
  readonly id: string;
  readonly incarnation: string;
  readonly host: string;
  readonly probeAddress: string;
  readonly capacity: Resources;
  readonly attributes: Readonly<Record<string, string>>;
  readonly registeredAtMs: number;
  readonly goneAtMs: number | null;
}

export interface EndpointRow {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly token: string;
  /** Owner: an attempt, or nobody but its lease outside jobs. */
  readonly taskId: string;
  readonly attemptUid: string | null;
  /** Place in the order of all registrations. */
  readonly sequence: number;
}

export interface KeyRow {
  /** Scope and idempotency key. */
  readonly id: string;
  readonly jobId: string;
  readonly atMs: number;
}

export type PresenceState = "expected" | "alive" | "stalled" | "silent" | "restarting" | "gone";

/** Whether a worker is here, as far as this life of the controller knows. */
export interface PresenceRow {
  /** The worker's id. */
  readonly id: string;
  readonly state: PresenceState;
  /** Which of its connections counts; an older one's end means nothing. */
  readonly link: number;
  readonly lastSeenAtMs: number;
  /** When it will be given up; `null` while it is connected. */
  readonly deadlineAtMs: number | null;
  /** Since when its link is down; `null` while it is connected. */
  readonly downSinceMs: number | null;
  /** When it is asked again whether its process is there. */
  readonly probeAtMs: number | null;
  /** Whether a whole exchange has gone through since it connected. */
  readonly exchanged: boolean;
  /** Attempts that run there although they should not; it gets nothing new until they are gone. */
  readonly strays: number;
  /** Attempts of another controller's state that run there; it gets nothing new beside them. */
  readonly foreign: number;
}

export interface LeaseRow {
  /** The endpoint's id. */
  readonly id: string;
  readonly expiresAtMs: number;
}

/** Why tasks of a job wait, as the last planning found it. */
export interface ReasonRow {
  /** The job's id. */
  readonly id: string;
  readonly text: string;
}

export function isHeld(attempt: AttemptRow): boolean {
  return attempt.endedAtMs === null;
}

const jobIndexes = {
  children: (job: JobRow) => job.parentId ?? "",
  rootName: (job: JobRow) => (job.parentId === null ? `${job.user} ${job.name}` : undefined),
};
const taskIndexes = {
  job: (task: TaskRow) => task.jobId,
  jobState: (task: TaskRow) => `${task.jobId} ${task.state}`,
  pending: (task: TaskRow) => (task.state === "PENDING" ? "" : undefined),
  liveUser: (task: TaskRow) => (isFinalTask(task.state) ? undefined : task.user),
};
const attemptIndexes = {
  task: (attempt: AttemptRow) => (attempt.disowned ? undefined : attempt.taskId),
  heldWorker: (attempt: AttemptRow) => (isHeld(attempt) ? attempt.workerId : undefined),
  heldJob: (attempt: AttemptRow) => (isHeld(attempt) ? attempt.jobId : undefined),
};
const endpointIndexes = {
  name: (endpoint: EndpointRow) => endpointKey(endpoint.namespace, endpoint.name),
  namespace: (endpoint: EndpointRow) => endpoint.namespace,
  attempt: (endpoint: EndpointRow) => endpoint.attemptUid ?? undefined,
};

export function endpointKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Reading, for the truth and for drafts alike. */
export interface View {
  readonly jobs: RowsView<JobRow, keyof typeof jobIndexes>;
  readonly tasks: RowsView<TaskRow, keyof typeof taskIndexes>;
  readonly attempts: RowsView<AttemptRow, keyof typeof attemptIndexes>;
  readonly workers: RowsView<WorkerRow>;
  readonly endpoints: RowsView<EndpointRow, keyof typeof endpointIndexes>;
  readonly keys: RowsView<KeyRow>;
  readonly presences: RowsView<PresenceRow>;
  readonly leases: RowsView<LeaseRow>;
  readonly reasons: RowsView<ReasonRow>;
}

export class State implements View {
  readonly jobs = new Rows<JobRow, keyof typeof jobIndexes>(jobIndexes);
  readonly tasks = new Rows<TaskRow, keyof typeof taskIndexes>(taskIndexes);
  readonly attempts = new Rows<AttemptRow, keyof typeof attemptIndexes>(attemptIndexes);
  readonly workers = new Rows<WorkerRow>({});
  readonly endpoints = new Rows<EndpointRow, keyof typeof endpointIndexes>(endpointIndexes);
  readonly keys = new Rows<KeyRow>({});
  readonly presences = new Rows<PresenceRow>({});
  readonly leases = new Rows<LeaseRow>({});
  readonly reasons = new Rows<ReasonRow>({});
  /** Number of the last event that was written. */
  lastEventId = 0;
  /** Last place given in the order of submissions and registrations. */
  lastSequence = 0;
}

/** Kinds of rows, by the name of their table; the first six are durable. */
export const DURABLE_KINDS = ["jobs", "tasks", "attempts", "workers", "endpoints", "keys"] as const;
export const VOLATILE_KINDS = ["presences", "leases", "reasons"] as const;
export type RowKind = (typeof DURABLE_KINDS)[number] | (typeof VOLATILE_KINDS)[number];
export type DurableKind = (typeof DURABLE_KINDS)[number];
export interface RowTypes {
  readonly jobs: JobRow;
  readonly tasks: TaskRow;
  readonly attempts: AttemptRow;
  readonly workers: WorkerRow;
  readonly endpoints: EndpointRow;
  readonly keys: KeyRow;
  readonly presences: PresenceRow;
  readonly leases: LeaseRow;
  readonly reasons: ReasonRow;
}

/** One row as it is after a step; `row` undefined means that it is deleted. */
export type Change = {
  [K in RowKind]: { readonly kind: K; readonly id: string; readonly row: RowTypes[K] | undefined };
}[RowKind];

/** A draft of the whole state: see `DraftRows`. */
export class Draft implements View {
  readonly jobs: DraftRows<JobRow, keyof typeof jobIndexes>;
  readonly tasks: DraftRows<TaskRow, keyof typeof taskIndexes>;
  readonly attempts: DraftRows<AttemptRow, keyof typeof attemptIndexes>;
  readonly workers: DraftRows<WorkerRow>;
  readonly endpoints: DraftRows<EndpointRow, keyof typeof endpointIndexes>;
  readonly keys: DraftRows<KeyRow>;
  readonly presences: DraftRows<PresenceRow>;
  readonly leases: DraftRows<LeaseRow>;
  readonly reasons: DraftRows<ReasonRow>;

  constructor(state: State) {
    this.jobs = new DraftRows(state.jobs);
    this.tasks = new DraftRows(state.tasks);
    this.attempts = new DraftRows(state.attempts);
    this.workers = new DraftRows(state.workers);
    this.endpoints = new DraftRows(state.endpoints);
    this.keys = new DraftRows(state.keys);
    this.presences = new DraftRows(state.presences);
    this.leases = new DraftRows(state.leases);
    this.reasons = new DraftRows(state.reasons);
  }

  changes(): Change[] {
    return [...DURABLE_KINDS, ...VOLATILE_KINDS].flatMap((kind) =>
      [...(this[kind] as unknown as DraftRows<{ readonly id: string }>).changes()].map(
        ([id, row]) => ({ kind, id, row }) as Change,
      ),
    );
  }
}

/** Makes the changes of a step part of the state. */
export function applyChanges(state: State, changes: Iterable<Change>): void {
  for (const { kind, id, row } of changes) {
    const rows = state[kind] as unknown as Rows<{ readonly id: string }>;
    if (row === undefined) rows.delete(id);
    else rows.put(row);
  }
}

/** What live attempts take of a worker, derived from them. */
export function usedOf(view: View, workerId: string): Resources {
  return view.attempts
    .by("heldWorker", workerId)
    .reduce((sum, attempt) => addResources(sum, attempt.resources), NO_RESOURCES);
}

/** Attempts of a task by number. */
export function attemptsOf(view: View, taskId: string): AttemptRow[] {
  return view.attempts.by("task", taskId).sort((a, b) => a.attempt - b.attempt);
}

/** The attempt that speaks for its task: the latest. */
export function latestAttempt(view: View, taskId: string): AttemptRow | undefined {
  return attemptsOf(view, taskId).at(-1);
}

/** Tasks of a job by index. */
export function tasksOf(view: View, jobId: string): TaskRow[] {
  return view.tasks.by("job", jobId).sort((a, b) => a.index - b.index);
}

/** Children of a job in the order of their submission. */
export function childrenOf(view: View, jobId: string): JobRow[] {
  return view.jobs.by("children", jobId).sort((a, b) => a.sequence - b.sequence);
}
