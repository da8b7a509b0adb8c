/**
 * What is left of a job that has ended. A state is final as soon as that is decided; the processes behind it are gone
 * only when their workers have said so, which is what `untilNothingLeft` waits for.
 */
import { IrisError } from "../../runtime/errors.ts";
import { type Clock, sleep } from "../../runtime/ports/clock.ts";
import type { Client } from "./client.ts";
import type { Task } from "./task.ts";

/** Pause between two looks: the first, and the longest. Most tasks are gone at the first look. Unit: ms. */
const LOOK_FIRST_MS = 25;
const LOOK_LAST_MS = 1_000;

/** Resolves when no attempt of the job, or of a job below it, is left on any worker. Rejects when the signal aborts. */
export async function untilNothingLeft(
  client: Client,
  jobId: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let left: Task[] | undefined;
  for (let pauseMs = LOOK_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, LOOK_LAST_MS)) {
    try {
      left ??= await tasksOf(client, jobId, signal);
      left = await stillHeld(left, signal);
      if (left.length === 0) return;
    } catch (error) {
      // A controller that restarts is waited for; a job that it has forgotten ended long ago.
      if (IrisError.is(error, "NOT_FOUND")) return;
      if (signal.aborted || !IrisError.is(error, "UNAVAILABLE")) throw error;
    }
    await sleep(clock, pauseMs, signal);
  }
}

async function tasksOf(client: Client, jobId: string, signal: AbortSignal): Promise<Task[]> {
  const tasks = await client.job(jobId).tasks({ signal });
  for await (const { id } of client.jobs({ parentId: jobId, recursive: true, signal })) {
    tasks.push(...(await client.job(id).tasks({ signal })));
  }
  return tasks;
}

async function stillHeld(tasks: readonly Task[], signal: AbortSignal): Promise<Task[]> {
  const held: Task[] = [];
  for (const task of tasks) {
    const attempts = await task.attempts({ signal });
    if (attempts.some(({ endedAtMs }) => endedAtMs === undefined)) held.push(task);
  }
  return held;
}
