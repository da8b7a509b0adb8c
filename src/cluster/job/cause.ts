/** Why tasks, attempts and jobs end: the closed list of kinds, and what each says by itself. */
import type { Cause } from "../../net/wire/iris.ts";

export const CAUSE_KINDS = [
  "exited",
  "threw",
  "oom",
  "timeout",
  "killed-by-user",
  "parent-ended",
  "job-failed",
  "preempted",
  "worker-lost",
  "missing",
  "infrastructure",
  "unschedulable",
  "gang",
] as const;

export type CauseKind = (typeof CAUSE_KINDS)[number];

/** A cause of a kind, with what it is good to know beside it. */
export function cause(kind: CauseKind, message: string, more: Partial<Omit<Cause, "kind" | "message">> = {}): Cause {
  return { kind, message, causeEventId: 0, ...more };
}
