/**
 * Why a job or a task stands where it stands (pure): rows and events in, an explanation out, as data and in words. What
 * to read from the log is asked by `questionOf`, what was read is put together by `explain`. The one invariant: nothing
 * is said here that no row or event says; where the log has forgotten, that is said.
 */
import type { AttemptStory, CausalEvent, Explanation, Obstacle, TaskStory } from "../../net/wire/iris.ts";
import { depthOf } from "../job/id.ts";
import { isFinalJob, isFinalTask } from "../job/status.ts";
import type { EventRow } from "./kernel/command.ts";
import { taskCountsOf } from "./kernel/kernel.ts";
import { pendingTask, workerSnapshots } from "./kernel/place.ts";
import { type Obstacle as Hindrance, obstaclesOf } from "./scheduler.ts";
import { type AttemptRow, attemptsOf, type JobRow, type TaskRow, tasksOf, type View } from "./state.ts";
import { attemptStatus } from "./status.ts";
import { textOf } from "./why-text.ts";

/** Tasks told of one job, and attempts told of each: what a person reads. The rest is counted. */
const TASKS_TOLD_MAX = 10;
const ATTEMPTS_TOLD_OF_JOB_MAX = 5;
/** Attempts told of a task that is asked about by itself. */
const ATTEMPTS_TOLD_OF_TASK_MAX = 50;

/** What the log says about a question. */
export interface EventLog {
  /** Events of an attempt, oldest first, by uid. */
  readonly ofAttempt: ReadonlyMap<string, readonly EventRow[]>;
  /** Everything that was read, by number. */
  readonly byId: ReadonlyMap<number, EventRow>;
}

/** The rows that an explanation is about, as they were when it was asked for, and what to read beside them. */
export interface Question {
  readonly id: string;
  readonly state: string;
  /** How it stands in words: after its end that end's cause, before it what its tasks do. */
  readonly stands: string;
  readonly obstacles: readonly Obstacle[];
  readonly tasks: readonly ToldTask[];
  readonly tasksLeftOut: number;
  /** Numbers of the events that brought it where it stands. */
  readonly roots: readonly number[];
  /** Attempts whose events are wanted. */
  readonly uids: readonly string[];
}

interface ToldTask {
  readonly task: TaskRow;
  readonly nextTryAtMs: number | undefined;
  readonly attempts: readonly AttemptRow[];
  readonly attemptsLeftOut: number;
}

export interface Moment {
  /** Unit: ms since the epoch. */
  readonly now: number;
  /** Whether the controller still finds out who is there, and places nothing. */
  readonly observing: boolean;
}

/** What to explain about a job, or about one task of it. */
export function questionOf(view: View, job: JobRow, task: TaskRow | undefined, moment: Moment): Question {
  const all = task === undefined ? tasksOf(view, job.id) : [task];
  const waiting = all.filter(({ state }) => state === "PENDING");
  const obstacles = obstaclesInTheWay(view, job, waiting, moment);
  const telling = task === undefined ? worthTelling(view, job, all) : all;
  const attemptsMax = task === undefined ? ATTEMPTS_TOLD_OF_JOB_MAX : ATTEMPTS_TOLD_OF_TASK_MAX;
  const tasks = telling.slice(0, TASKS_TOLD_MAX).map((one): ToldTask => {
    const attempts = attemptsOf(view, one.id);
    const waitsForRetry = one.state === "PENDING" && one.nextAttempt > 0 && one.readyAtMs > moment.now;
    return {
      task: one,
      nextTryAtMs: waitsForRetry ? one.readyAtMs : undefined,
      attempts: attempts.slice(-attemptsMax),
      attemptsLeftOut: Math.max(0, attempts.length - attemptsMax),
    };
  });
  const { cause } = task ?? job;
  return {
    id: task?.id ?? job.id,
    state: task?.state ?? job.state,
    stands: task === undefined ? howJobStands(view, job, waiting.length) : howTaskStands(view, task),
    obstacles,
    tasks,
    tasksLeftOut: telling.length - tasks.length,
    roots: cause === null ? [] : [cause.causeEventId],
    uids: tasks.flatMap(({ attempts }) => attempts.map(({ id }) => id)),
  };
}

/** Puts together what was asked and what was read. `view` only gives subjects their names. */
export function explain(view: View, question: Question, log: EventLog): Explanation {
  const { id, state, stands, obstacles, tasks, tasksLeftOut, roots } = question;
  const { chain, isCut } = chainOf(view, roots, log);
  const told: Omit<Explanation, "text"> = {
    id,
    state,
    summary: `${state}: ${stands}`,
    obstacles: [...obstacles],
    chain,
    chainIsCut: isCut,
    tasks: tasks.map((one) => storyOf(view, one, log)),
    tasksLeftOut,
  };
  return { ...told, text: textOf(told) };
}

/** The tasks that explain most come first: who failed, who waits for another try, who was tried again. */
function worthTelling(view: View, job: JobRow, tasks: readonly TaskRow[]): TaskRow[] {
  const rank = (task: TaskRow): number | undefined => {
    if (task.id === job.firstFailedTaskId) return 0;
    // An end that was decided for all of a job's tasks at once is told once, as the job's.
    if (isFinalTask(task.state) && task.state !== "SUCCEEDED" && task.state !== "KILLED") return 1;
    if (task.state === "PENDING" && task.nextAttempt > 0) return 2;
    return view.attempts.count("task", task.id) > 1 ? 3 : undefined;
  };
  return tasks
    .flatMap((task) => {
      const at = rank(task);
      return at === undefined ? [] : [{ task, at }];
    })
    .sort((a, b) => a.at - b.at || a.task.index - b.task.index)
    .map(({ task }) => task);
}

function obstaclesInTheWay(
  view: View,
  job: JobRow,
  waiting: readonly TaskRow[],
  { now, observing }: Moment,
): Obstacle[] {
  if (waiting.length === 0) return [];
  if (observing) {
    const what = "the controller has just started and still finds out who is there";
    return [{ what, workers: 0, workersNever: 0, tasks: waiting.length }];
  }
  const workers = workerSnapshots(view);
  const depth = depthOf(job.id);
  /** Tasks of a job want the same, so what differs between them decides: most share one answer. */
  const known = new Map<string, readonly Hindrance[]>();
  const found = new Map<string, Obstacle>();
  for (const task of waiting) {
    const pending = pendingTask(view, job, depth, task);
    const key = `${pending.blockedBy ?? ""} ${pending.readyAtMs > now} ${[...pending.avoid].sort().join(" ")}`;
    const hindrances = known.get(key) ?? obstaclesOf(pending, workers, now);
    known.set(key, hindrances);
    for (const one of hindrances.length > 0 ? hindrances : [ABOUT_TO_BE_PLACED]) {
      const before = found.get(one.what);
      found.set(one.what, {
        what: one.what,
        // Workers that some tasks avoid and others do not: the widest count is told.
        workers: Math.max(one.workers, before?.workers ?? 0),
        workersNever: Math.max(one.workersNever, before?.workersNever ?? 0),
        tasks: (before?.tasks ?? 0) + 1,
      });
    }
  }
  return [...found.values()];
}

const ABOUT_TO_BE_PLACED: Hindrance = {
  what: "nothing: it fits and is about to be placed",
  workers: 0,
  workersNever: 0,
};

function howJobStands(view: View, job: JobRow, waiting: number): string {
  if (isFinalJob(job.state)) return job.cause?.message ?? "nobody said why";
  const counts = Object.entries(taskCountsOf(view, job.id)).map(([state, n]) => `${n} ${state}`);
  const tasks = `of ${job.spec.replicas} ${job.spec.replicas === 1 ? "task" : "tasks"} ${counts.join(", ")}`;
  return waiting === 0 ? tasks : `${tasks}; ${waiting} ${waiting === 1 ? "waits" : "wait"} for a place`;
}

function howTaskStands(view: View, task: TaskRow): string {
  if (isFinalTask(task.state)) return task.cause?.message ?? "nobody said why";
  if (task.state === "PENDING") {
    return task.cause === null ? "waits for a place" : `waits for another try, after: ${task.cause.message}`;
  }
  const attempts = attemptsOf(view, task.id);
  const latest = attempts.at(-1);
  const before = attempts.at(-2);
  const place = `attempt ${latest?.attempt ?? 0} on ${latest?.workerId ?? "no worker"}`;
  return before === undefined ? place : `${place}, after: ${before.cause?.message ?? before.state}`;
}

function storyOf(view: View, { task, nextTryAtMs, attempts, attemptsLeftOut }: ToldTask, log: EventLog): TaskStory {
  return {
    taskId: task.id,
    state: task.state,
    ...(task.cause === null ? {} : { cause: task.cause }),
    ...(nextTryAtMs === undefined ? {} : { nextTryAtMs }),
    attempts: attempts.map((attempt): AttemptStory => {
      const own = log.ofAttempt.get(attempt.id) ?? [];
      const { chain, isCut } = chainOf(
        view,
        own.map(({ id }) => id),
        log,
      );
      // Its first event is its assignment; without it the log begins later.
      return { status: attemptStatus(attempt), chain, chainIsCut: isCut || own[0]?.what !== "assigned" };
    }),
    attemptsLeftOut,
  };
}

/** Events with all that led to them. Numbers grow with time and causes come first, so their order is the order of causes. */
function chainOf(view: View, roots: readonly number[], log: EventLog): { chain: CausalEvent[]; isCut: boolean } {
  const chain = new Map<number, EventRow>();
  let isCut = false;
  for (const root of roots) {
    for (let id = root; id !== 0 && !chain.has(id); ) {
      const event = log.byId.get(id);
      if (event === undefined) {
        isCut = true;
        break;
      }
      chain.set(id, event);
      id = event.causeEventId;
    }
  }
  const inOrder = [...chain.values()].sort((a, b) => a.id - b.id);
  return { chain: inOrder.map((event) => ({ ...event, subjectName: nameOf(view, event.subject) })), isCut };
}

function nameOf(view: View, subject: string): string {
  const attempt = view.attempts.get(subject);
  if (attempt !== undefined) return `attempt ${attempt.attempt} of ${attempt.taskId}`;
  if (view.jobs.get(subject) !== undefined) return `job ${subject}`;
  if (view.tasks.get(subject) !== undefined) return `task ${subject}`;
  return view.workers.get(subject) === undefined ? subject : `worker ${subject}`;
}
