/**
 * Trees that hang below a system without being actors themselves: whoever runs one (a supervisor) adds it here, so that
 * the system shows it in `inspect()` and ends it when it stops.
 */
import { registryOf } from "./registry.ts";
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

/**
 * Adds a branch and returns how to take it away again. Throws `ALREADY_EXISTS` if something lives at its path, and
 * `FAILED_PRECONDITION` once the system is being stopped.
 */
export function addBranch(system: ActorSystem, branch: Branch): () => void {
  return registryOf(system).addBranch(branch);
}
