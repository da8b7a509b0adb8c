/**
 * Who may see and end what (pure). A user may everything; a task sees the hierarchy that it belongs to and ends what is
 * at or below its own job; nobody else may anything. Ids are checked before they are looked up.
 */
import type { Identity } from "../../net/channel.ts";
import { IrisError } from "../../runtime/errors.ts";
import { isAncestor, parseId, rootOf } from "../job/id.ts";
import type { JobRow, TaskRow, View } from "./state.ts";

/** Throws `PERMISSION_DENIED` unless the caller may see what belongs to this id's hierarchy. */
export function checkMaySee(id: string, by: Identity): void {
  if (by.kind === "user") return;
  const own = by.kind === "task" ? rootOf(by.jobId ?? "") : "";
  if (own !== "" && rootOf(id) === own) return;
  throw new IrisError(
    "PERMISSION_DENIED",
    `${describe(by)} may not see ${id}: only its own hierarchy${own === "" ? "" : ` ${own}`}`,
  );
}

/** Throws `PERMISSION_DENIED` unless the caller may end this job. */
export function checkMayEnd(jobId: string, by: Identity): void {
  checkMaySee(jobId, by);
  const own = by.jobId ?? "";
  if (by.kind === "user" || jobId === own || isAncestor(own, jobId)) return;
  throw new IrisError("PERMISSION_DENIED", `${describe(by)} may not end ${jobId}: only its own job and those below it`);
}

/** Throws `PERMISSION_DENIED` for anybody but a user. */
export function checkIsUser(by: Identity, what: string): void {
  if (by.kind === "user") return;
  throw new IrisError("PERMISSION_DENIED", `${describe(by)} may not ${what}: that wants the cluster's token`);
}

/** The job of an id. Throws `INVALID_ARGUMENT`, `PERMISSION_DENIED` or `NOT_FOUND`. */
export function jobOf(view: View, id: string, by: Identity): JobRow {
  const parsed = parseId(id);
  if (parsed.kind !== "job") throw new IrisError("INVALID_ARGUMENT", `${id} names a task: its job is ${parsed.jobId}`);
  checkMaySee(id, by);
  const job = view.jobs.get(id);
  if (job === undefined) throw new IrisError("NOT_FOUND", `no job ${id}`);
  return job;
}

/** The task of an id. Throws like `jobOf`. */
export function taskOf(view: View, id: string, by: Identity): TaskRow {
  if (parseId(id).kind !== "task") {
    throw new IrisError("INVALID_ARGUMENT", `${id} names a job: its tasks are ${id}/0 and so on`);
  }
  checkMaySee(id, by);
  const task = view.tasks.get(id);
  if (task === undefined) throw new IrisError("NOT_FOUND", `no task ${id}`);
  return task;
}

function describe(by: Identity): string {
  return by.kind === "task" ? `task ${by.taskId ?? "?"}` : `an ${by.kind} caller`;
}
