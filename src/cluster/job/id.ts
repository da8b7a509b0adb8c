/**
 * Names and ids of jobs and tasks (pure). A root job's id is minted: 12 characters of `0-9a-z`. A child's is its
 * parent's id, a slash and its name; a task's is its job's id, a slash and its index. Names are never purely numeric, so
 * a numeric last segment always means a task. Ancestry goes by whole segments, never by string prefix.
 */
import { IrisError } from "../../runtime/errors.ts";

const NAME = /^[a-z][a-z0-9._-]{0,62}$/;
const ROOT_ID = /^[0-9a-z]{12}$/;
const TASK_INDEX = /^(?:0|[1-9][0-9]{0,4})$/;

/** Length of a minted root job id. */
export const ROOT_ID_LENGTH = 12;

/** Throws `INVALID_ARGUMENT` unless `name` may name a job or an endpoint. */
export function checkName(name: string, what = "job name"): void {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `${what} ${JSON.stringify(name)} is not allowed: use 1 to 63 of a-z, 0-9, ".", "_", "-", beginning with a letter`,
    );
  }
}

export type ParsedId =
  | { readonly kind: "job"; readonly jobId: string; readonly rootId: string }
  | { readonly kind: "task"; readonly jobId: string; readonly rootId: string; readonly index: number };

/** Takes an id apart; throws `INVALID_ARGUMENT` for what is neither a job's nor a task's. */
export function parseId(id: string): ParsedId {
  const segments = typeof id === "string" ? id.split("/") : [];
  const [rootId = "", ...rest] = segments;
  const last = rest.at(-1);
  const isTask = last !== undefined && TASK_INDEX.test(last);
  const names = isTask ? rest.slice(0, -1) : rest;
  if (!ROOT_ID.test(rootId) || !names.every((name) => NAME.test(name))) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `${JSON.stringify(id)} is no job or task id: ids look like "k3f9x0q2m7ab", "k3f9x0q2m7ab/child" or "k3f9x0q2m7ab/child/0"`,
    );
  }
  const jobId = [rootId, ...names].join("/");
  return isTask ? { kind: "task", jobId, rootId, index: Number(last) } : { kind: "job", jobId, rootId };
}

export function childJobId(parentId: string, name: string): string {
  return `${parentId}/${name}`;
}

export function taskId(jobId: string, index: number): string {
  return `${jobId}/${index}`;
}

/** The root job of a job or task id: the namespace of its endpoints. */
export function rootOf(id: string): string {
  const slash = id.indexOf("/");
  return slash === -1 ? id : id.slice(0, slash);
}

/** How deep a job is: 0 for a root. */
export function depthOf(jobId: string): number {
  return jobId.split("/").length - 1;
}

/** Whether `ancestorId` is above `jobId`, by whole segments; no job is its own ancestor. */
export function isAncestor(ancestorId: string, jobId: string): boolean {
  return jobId.length > ancestorId.length && jobId.startsWith(`${ancestorId}/`);
}
