/** A supervisor and what is below it, as `system.inspect()` shows it (pure). */
import type { ActorSnapshot } from "../runtime/tree.ts";
import type { ChildInfo } from "./spec.ts";

/** Children that are no actors have no mailbox and count no messages. */
const NO_MESSAGES = Object.freeze({
  accepted: 0,
  handled: 0,
  failed: 0,
  expired: 0,
  cancelled: 0,
  rejected: 0,
  undeliverable: 0,
  open: 0,
  refused: 0,
});

/** `find` gives what the system knows of an actor by its path. */
export function snapshotOf(
  { path, state, restarts }: { path: string; state: string; restarts: number },
  children: readonly ChildInfo[],
  find: (path: string) => ActorSnapshot | undefined,
): ActorSnapshot {
  return {
    ...bare({ path, state, restarts, kind: "supervisor" }),
    children: children.map((child) => {
      const known = child.kind === "actor" ? find(child.path) : undefined;
      if (known !== undefined) return { ...known, restarts: child.restarts };
      if (child.supervisor !== undefined) return snapshotOf(child, child.supervisor.whichChildren(), find);
      return bare(child);
    }),
  };
}

function bare({
  path,
  state,
  restarts,
  kind,
}: Pick<ChildInfo, "path" | "restarts" | "kind"> & { state: string }): ActorSnapshot {
  return {
    path,
    kind,
    state,
    restarts,
    mailbox: { depth: 0, capacity: 0 },
    inHand: 0,
    counts: NO_MESSAGES,
    children: [],
  };
}
