/**
 * One step of the kernel in the making: a draft of the state, the events it logs and the effects it wants. Every change
 * of state of a job, task or attempt goes through its machine here, so that none can happen that the machine does not
 * know, and none without an event that names its cause.
 */
import type { Cause, JobState, TaskState } from "../../../net/wire/iris.ts";
import { type AttemptEvent, attemptTable } from "../machines/attempt.machine.ts";
import { type JobEvent, type JobMachineState, jobTable } from "../machines/job.machine.ts";
import { type TaskEvent, type TaskFacts, type TaskMachineState, taskTable } from "../machines/task.machine.ts";
import { type AttemptRow, attemptsOf, Draft, type JobRow, type State, type TaskRow } from "../state.ts";
import type { Effect, Env, EventRow, Outcome, ResultRow } from "./command.ts";

/** States that count as a failure worth showing first. */
const UNWANTED: ReadonlySet<TaskState> = new Set(["FAILED", "WORKER_FAILED", "UNSCHEDULABLE"]);

export class Step {
  readonly draft: Draft;
  readonly env: Env;
  readonly #events: EventRow[] = [];
  readonly #effects: Effect[] = [];
  readonly #results: ResultRow[] = [];
  /** Jobs with tasks that moved and whose own state may follow. */
  readonly #unsettled = new Set<string>();
  /** Jobs that look different to a watcher. */
  readonly #changed = new Set<string>();
  #lastEventId: number;
  #lastSequence: number;

  constructor(state: State, env: Env) {
    this.draft = new Draft(state);
    this.env = env;
    this.#lastEventId = state.lastEventId;
    this.#lastSequence = state.lastSequence;
  }

  /** Writes an event and gives its number. */
  event(subject: string, what: string, message = "", causeEventId = 0): number {
    const id = ++this.#lastEventId;
    this.#events.push({ id, atMs: this.env.now, subject, what, message, causeEventId });
    return id;
  }

  effect(effect: Effect): void {
    this.#effects.push(effect);
  }

  result(row: ResultRow): void {
    this.#results.push(row);
  }

  nextSequence(): number {
    return ++this.#lastSequence;
  }

  /** Puts a job that is new. */
  insertJob(job: JobRow): void {
    this.draft.jobs.put(job);
    this.#changed.add(job.id);
  }

  /** Moves a task if its machine takes the event; gives its new row. What moved it is the event `cause.causeEventId`. */
  moveTask(task: TaskRow, event: TaskEvent, cause: Cause | null, causeEventId: number): TaskRow | undefined {
    const moved = taskTable.step(task.state as TaskMachineState, event, this.factsOf(task));
    if (moved === undefined) return undefined;
    const eventId = this.event(task.id, `${task.state} → ${moved.state}`, cause?.message, causeEventId);
    const row: TaskRow = {
      ...task,
      state: moved.state,
      // What is said about an earlier attempt holds until the next one is placed.
      cause: cause !== null ? { ...cause, causeEventId: eventId } : event === "assign" ? null : task.cause,
      endedAtMs: taskTable.isFinal(moved.state) ? this.env.now : null,
    };
    this.draft.tasks.put(row);
    this.#unsettled.add(task.jobId);
    this.touchJob(task.jobId);
    const job = this.draft.jobs.get(task.jobId);
    if (job !== undefined && job.firstFailedTaskId === null && UNWANTED.has(moved.state)) {
      this.draft.jobs.put({ ...job, firstFailedTaskId: task.id });
    }
    return row;
  }

  /** Moves an attempt if its machine takes the event; gives its new row and the number of the event. */
  moveAttempt(
    attempt: AttemptRow,
    event: AttemptEvent,
    change: Partial<AttemptRow>,
    message = "",
    causeEventId = 0,
  ): { row: AttemptRow; eventId: number } | undefined {
    const moved = attemptTable.step(attempt.state, event, {});
    if (moved === undefined) return undefined;
    const eventId = this.event(attempt.id, `${attempt.state} → ${moved.state}`, message, causeEventId);
    const ended = attemptTable.isFinal(moved.state);
    const row: AttemptRow = {
      ...attempt,
      ...change,
      state: moved.state,
      endedAtMs: ended ? (change.endedAtMs ?? this.env.now) : null,
    };
    if (ended && row.disowned) this.draft.attempts.delete(row.id);
    else this.draft.attempts.put(row);
    this.touchJob(attempt.jobId);
    return { row, eventId };
  }

  /** Moves a job if its machine takes the event; gives the number of the event. */
  moveJob(jobId: string, event: JobEvent, cause: Cause | null, causeEventId: number): number | undefined {
    const job = this.draft.jobs.get(jobId);
    if (job === undefined) return undefined;
    const moved = jobTable.step(job.state as JobMachineState, event, {});
    if (moved === undefined) return undefined;
    const eventId = this.event(job.id, `${job.state} → ${moved.state}`, cause?.message, causeEventId);
    const ended = jobTable.isFinal(moved.state);
    this.draft.jobs.put({
      ...job,
      state: moved.state satisfies JobState,
      endedAtMs: ended ? this.env.now : null,
      cause: cause === null ? null : { ...cause, causeEventId: eventId },
    });
    if (ended) this.draft.reasons.delete(job.id);
    this.touchJob(job.id);
    return eventId;
  }

  /** Notes when a job's first task began to run. */
  startJob(jobId: string, atMs: number): void {
    const job = this.draft.jobs.get(jobId);
    if (job !== undefined && job.startedAtMs === null) this.draft.jobs.put({ ...job, startedAtMs: atMs });
  }

  /** A watcher would see something new of this job. */
  touchJob(jobId: string): void {
    this.#changed.add(jobId);
  }

  /** Budgets, counted from the attempts as they are now. */
  factsOf(task: TaskRow): TaskFacts {
    const spec = this.draft.jobs.get(task.jobId)?.spec;
    return {
      ...countsOf(attemptsOf(this.draft, task.id)),
      maxRetriesFailure: spec?.maxRetriesFailure ?? 0,
      maxRetriesPreemption: spec?.maxRetriesPreemption ?? 0,
    };
  }

  /** Takes one job whose state may have to follow its tasks'. */
  takeUnsettled(): string | undefined {
    for (const jobId of this.#unsettled) {
      this.#unsettled.delete(jobId);
      return jobId;
    }
    return undefined;
  }

  /** Closes the step. */
  finish<R>(reply: R): Outcome<R> {
    for (const jobId of this.#changed) {
      const job = this.draft.jobs.get(jobId);
      if (job === undefined) continue;
      this.draft.jobs.put({ ...job, version: job.version + 1 });
      this.#effects.push({ kind: "jobChanged", jobId });
    }
    return {
      changes: this.draft.changes(),
      events: this.#events,
      results: this.#results,
      effects: this.#effects,
      reply,
      lastEventId: this.#lastEventId,
      lastSequence: this.#lastSequence,
    };
  }
}

/** What counts against a task's two budgets. */
export function countsOf(attempts: readonly AttemptRow[]): { failures: number; preemptions: number } {
  return {
    failures: attempts.filter((attempt) => attempt.state === "FAILED").length,
    preemptions: attempts.filter((attempt) => attempt.state === "WORKER_FAILED").length,
  };
}
