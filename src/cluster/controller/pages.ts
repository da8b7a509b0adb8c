/** Lists in pages (pure): newest jobs first, tasks by index. A cursor says where the last page ended, so that what comes
 * and goes between two pages neither repeats nor hides anything else. */
import type { Identity } from "../../net/channel.ts";
import type { ListJobsReply, ListJobsRequest, ListTasksReply, ListTasksRequest } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { rootOf, taskId } from "../job/id.ts";
import { jobOf } from "./access.ts";
import type { Limits } from "./kernel/command.ts";
import type { JobRow, View } from "./state.ts";
import { jobStatus, taskStatus } from "./status.ts";

export function listJobs(view: View, request: ListJobsRequest, by: Identity, limits: Limits): ListJobsReply {
  const limit = limitOf(request.limit, limits);
  const before = cursorOf(request.cursor) ?? Number.POSITIVE_INFINITY;
  const states = new Set(request.states);
  const wanted = scopeOf(view, request, by)
    .filter((job) => job.sequence < before)
    .filter((job) => (states.size === 0 || states.has(job.state)) && (request.name === "" || job.name === request.name))
    .sort((a, b) => b.sequence - a.sequence);
  const page = wanted.slice(0, limit);
  const last = page.at(-1);
  const isEnd = last === undefined || wanted.length <= limit;
  return { jobs: page.map((job) => jobStatus(view, job)), cursor: isEnd ? "" : String(last.sequence) };
}

export function listTasks(view: View, request: ListTasksRequest, by: Identity, limits: Limits): ListTasksReply {
  const job = jobOf(view, request.jobId, by);
  const limit = limitOf(request.limit, limits);
  const first = (cursorOf(request.cursor) ?? -1) + 1;
  const end = Math.min(job.spec.replicas, first + limit);
  const tasks = [];
  for (let index = first; index < end; index++) {
    const task = view.tasks.get(taskId(job.id, index));
    if (task !== undefined) tasks.push(taskStatus(view, task));
  }
  return { tasks, cursor: end < job.spec.replicas ? String(end - 1) : "" };
}

/** The jobs that a list chooses from. A task's roots are its own alone. */
function scopeOf(view: View, { parentId, recursive }: ListJobsRequest, by: Identity): JobRow[] {
  if (parentId !== "") {
    const parent = jobOf(view, parentId, by);
    return recursive ? below(view, parent.id) : view.jobs.by("children", parent.id);
  }
  if (by.kind !== "task") return recursive ? [...view.jobs.values()] : view.jobs.by("children", "");
  const root = jobOf(view, rootOf(by.jobId ?? ""), by);
  return recursive ? [root, ...below(view, root.id)] : [root];
}

function below(view: View, jobId: string): JobRow[] {
  return view.jobs.by("children", jobId).flatMap((child) => [child, ...below(view, child.id)]);
}

function limitOf(asked: number, { pageDefault, pageMax }: Limits): number {
  if (asked === 0) return pageDefault;
  if (Number.isInteger(asked) && asked >= 1 && asked <= pageMax) return asked;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `limit ${asked} is not allowed: use 1 to ${pageMax}, or 0 for ${pageDefault}`,
  );
}

function cursorOf(cursor: string): number | undefined {
  if (cursor === "") return undefined;
  if (/^[0-9]{1,15}$/.test(cursor)) return Number(cursor);
  throw new IrisError("INVALID_ARGUMENT", `${JSON.stringify(cursor)} is no cursor: pass on what the last page gave`);
}
