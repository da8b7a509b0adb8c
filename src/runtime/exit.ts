/** Why something that lived has ended: actors, supervised children and supervisors all end with one of these. */
import type { IrisError } from "./errors.ts";

export type ExitReason =
  | { kind: "normal" }
  | { kind: "shutdown"; why: string }
  | { kind: "killed"; why: string }
  | { kind: "crashed"; error: IrisError }
  | { kind: "lost"; node: string };

export const NORMAL: ExitReason = Object.freeze({ kind: "normal" });

/** OTP's rule for transient children: `normal` and `shutdown` are ends as wanted, all else is abnormal. */
export function isAbnormal(reason: ExitReason): boolean {
  return reason.kind !== "normal" && reason.kind !== "shutdown";
}

/** One line for people: `crashed: boom`, `killed: did not stop within 500 ms`. */
export function describeExit(reason: ExitReason): string {
  switch (reason.kind) {
    case "normal":
      return "normal";
    case "shutdown":
    case "killed":
      return `${reason.kind}: ${reason.why}`;
    case "crashed":
      return `crashed: ${reason.error.message}`;
    case "lost":
      return `lost: node ${reason.node}`;
  }
}
