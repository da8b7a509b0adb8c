/**
 * Trees that hang below a system without being actors themselves: whoever runs one (a supervisor) adds it here, so that
 * the system shows it in `inspect()` and ends it when it stops.
 */
import { IrisError } from "./errors.ts";
import type { ActorSystem } from "./system.ts";
import type { ActorSnapshot } from "./tree.ts";

export interface Branch {
  /** Name in the system, unique among its branches. */
  readonly path: string;
  /** What is there now; `find` gives the snapshot of an actor of the system by its path. */
  snapshot(find: (path: string) => ActorSnapshot | undefined): ActorSnapshot;
  /** Ends all of it; resolves when nothing is left. */
  stop(): Promise<unknown>;
}

const branches = new WeakMap<ActorSystem, Map<string, Branch>>();

/** Adds a branch and returns how to take it away again. Throws `ALREADY_EXISTS` if there is one of that path. */
export function addBranch(system: ActorSystem, branch: Branch): () => void {
  const known = branches.get(system) ?? new Map<string, Branch>();
  branches.set(system, known);
  if (known.has(branch.path)) {
    throw new IrisError(
      "ALREADY_EXISTS",
      `system ${system.name} runs a tree "${branch.path}" already: give one another name`,
    );
  }
  known.set(branch.path, branch);
  return () => {
    if (known.get(branch.path) === branch) known.delete(branch.path);
  };
}

/** The branches of a system, in the order in which they came. */
export function branchesOf(system: ActorSystem): readonly Branch[] {
  return [...(branches.get(system)?.values() ?? [])];
}
