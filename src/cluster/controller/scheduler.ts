/**
 * Who runs where (pure). Deeper jobs go first, since a started tree must be able to progress; then what was submitted
 * first. What does not fit is skipped and smaller work behind it placed; each task goes to the worker that is least used
 * after taking it. Whoever is not placed gets the reasons, counted over workers.
 */
import type { Resources } from "../../net/wire/iris.ts";
import { addResources, RESOURCE_KINDS, shortOf } from "../job/resources.ts";

export interface PendingTask {
  readonly taskId: string;
  readonly jobId: string;
  /** How deep its job is; 0 for a root. */
  readonly depth: number;
  /** Its job's place in the order of submissions. */
  readonly sequence: number;
  readonly index: number;
  readonly resources: Resources;
  /** Not placed before. Unit: ms since the epoch. */
  readonly readyAtMs: number;
  /** Why it may not be placed yet whatever is free, or `undefined`. */
  readonly blockedBy: string | undefined;
  /** Workers that are taken only where no other could ever run it. */
  readonly avoid: ReadonlySet<string>;
}

export interface WorkerSnapshot {
  readonly id: string;
  readonly capacity: Resources;
  readonly used: Resources;
  /** Live attempts on it. */
  readonly attempts: number;
  /** Why it takes nothing now, or `undefined` when it does. */
  readonly unready: string | undefined;
}

export interface Plan {
  readonly assignments: readonly { readonly taskId: string; readonly workerId: string }[];
  /** Why tasks of a job wait, by job id. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** One thing that keeps a task from being placed. */
export interface Obstacle {
  /** A kind of resource that workers are short of, or what it is in words. */
  readonly what: string;
  /** In how many workers' way it stands; 0 where it has nothing to do with workers. */
  readonly workers: number;
  /** How many of those could not hold the task even if they were empty. */
  readonly workersNever: number;
}

const KIND_NAMES = { cpuMillis: "cpu", memoryBytes: "memory", diskBytes: "disk", gpus: "gpu" } as const;

interface Room {
  readonly worker: WorkerSnapshot;
  used: Resources;
  attempts: number;
}

/** Plans at `now`. Never gives a worker more than its capacity, whatever came in. */
export function plan(pending: readonly PendingTask[], workers: readonly WorkerSnapshot[], now: number): Plan {
  const rooms = workers.filter((worker) => worker.unready === undefined).map(roomOf);
  const assignments: { taskId: string; workerId: string }[] = [];
  const reasons = new Map<string, Map<string, number>>();
  // Room only shrinks while planning, so what did not fit once need not be tried again for the same wish.
  const misfits = new Map<string, string>();
  for (const task of [...pending].sort(inOrder)) {
    const wish = wishOf(task);
    let reason = waits(task, now) ?? misfits.get(wish);
    if (reason === undefined) {
      const room = choose(task, rooms);
      if (room !== undefined) {
        room.used = addResources(room.used, task.resources);
        room.attempts += 1;
        assignments.push({ taskId: task.taskId, workerId: room.worker.id });
        continue;
      }
      reason = whyNowhere(task, workers, rooms);
      misfits.set(wish, reason);
    }
    const ofJob = reasons.get(task.jobId) ?? new Map<string, number>();
    ofJob.set(reason, (ofJob.get(reason) ?? 0) + 1);
    reasons.set(task.jobId, ofJob);
  }
  return {
    assignments,
    reasons: new Map([...reasons].map(([jobId, counted]) => [jobId, [...counted.keys()].join("; ")])),
  };
}

function inOrder(a: PendingTask, b: PendingTask): number {
  return b.depth - a.depth || a.sequence - b.sequence || a.index - b.index;
}

function roomOf(worker: WorkerSnapshot): Room {
  return { worker, used: worker.used, attempts: worker.attempts };
}

function wishOf({ resources, avoid }: PendingTask): string {
  return `${RESOURCE_KINDS.map((kind) => resources[kind]).join(" ")} ${[...avoid].sort().join(" ")}`;
}

function waits(task: PendingTask, now: number): string | undefined {
  if (task.blockedBy !== undefined) return task.blockedBy;
  return task.readyAtMs > now ? "retry: waits before its next try" : undefined;
}

function choose(task: PendingTask, rooms: readonly Room[]): Room | undefined {
  let best: { room: Room; load: number } | undefined;
  for (const room of allowed(task, rooms)) {
    if (!fits(task.resources, room)) continue;
    const load = loadOf(room.worker.capacity, addResources(room.used, task.resources));
    const better =
      best === undefined ||
      load < best.load ||
      (load === best.load &&
        (room.attempts - best.room.attempts || (room.worker.id < best.room.worker.id ? -1 : 1)) < 0);
    if (better) best = { room, load };
  }
  return best?.room;
}

/** Avoided workers count only where no other is big enough: a slow retry there beats waiting for ever. */
function allowed(task: PendingTask, rooms: readonly Room[]): readonly Room[] {
  if (task.avoid.size === 0) return rooms;
  const others = rooms.filter(({ worker }) => !task.avoid.has(worker.id));
  return others.some(({ worker }) => shortOf(task.resources, worker.capacity).length === 0) ? others : rooms;
}

/** The same as nothing being short, without making anything: this is asked for each task and each worker. */
function fits(wanted: Resources, { worker: { capacity }, used }: Room): boolean {
  return RESOURCE_KINDS.every((kind) => wanted[kind] === 0 || wanted[kind] <= capacity[kind] - used[kind]);
}

function freeOf({ worker: { capacity }, used }: Room): Resources {
  return {
    cpuMillis: capacity.cpuMillis - used.cpuMillis,
    memoryBytes: capacity.memoryBytes - used.memoryBytes,
    diskBytes: capacity.diskBytes - used.diskBytes,
    gpus: capacity.gpus - used.gpus,
  };
}

/** The most used of a worker's resources, 0 to 1. */
function loadOf(capacity: Resources, used: Resources): number {
  return Math.max(...RESOURCE_KINDS.map((kind) => (capacity[kind] > 0 ? used[kind] / capacity[kind] : 0)));
}

function whyNowhere(task: PendingTask, workers: readonly WorkerSnapshot[], rooms: readonly Room[]): string {
  return inTheWay(task, workers, rooms).map(obstacleText).join("; ");
}

function inTheWay(task: PendingTask, workers: readonly WorkerSnapshot[], rooms: readonly Room[]): Obstacle[] {
  if (workers.length === 0) return [{ what: "no workers have joined", workers: 0, workersNever: 0 }];
  const found = new Map<string, Obstacle>();
  const count = (what: string, never: boolean) => {
    const { workers: n, workersNever } = found.get(what) ?? { workers: 0, workersNever: 0 };
    found.set(what, { what, workers: n + 1, workersNever: workersNever + (never ? 1 : 0) });
  };
  for (const { unready } of workers) if (unready !== undefined) count(unready, false);
  const candidates = allowed(task, rooms);
  for (const room of rooms) {
    if (!candidates.includes(room)) {
      count("avoided after failures of the machine", false);
      continue;
    }
    const never = shortOf(task.resources, room.worker.capacity);
    for (const kind of shortOf(task.resources, freeOf(room))) count(KIND_NAMES[kind], never.includes(kind));
  }
  return [...found.values()];
}

const SHORT_KINDS: ReadonlySet<string> = new Set(Object.values(KIND_NAMES));

/** An obstacle for people: `cpu: 3 workers short`. */
export function obstacleText({ what, workers }: Obstacle): string {
  if (workers === 0) return what;
  return `${what}: ${workers} ${workers === 1 ? "worker" : "workers"}${SHORT_KINDS.has(what) ? " short" : ""}`;
}

/** What keeps one task from being placed at `now`, beside what is held already; empty when it would fit. */
export function obstaclesOf(task: PendingTask, workers: readonly WorkerSnapshot[], now: number): Obstacle[] {
  const wait = waits(task, now);
  if (wait !== undefined) return [{ what: wait, workers: 0, workersNever: 0 }];
  const rooms = workers.filter((worker) => worker.unready === undefined).map(roomOf);
  return choose(task, rooms) === undefined ? inTheWay(task, workers, rooms) : [];
}
