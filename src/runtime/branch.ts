/**
 * Trees that hang below a system without being actors themselves: whoever runs one (a supervisor) adds it here, so that
 * the system shows it in `inspect()` and ends it when it stops.
 */
import type { Home } from "./home.ts";
import { registryOf } from "./registry.ts";
import type { Branch } from "./tree.ts";

/**
 * Adds a branch and returns how to take it away again. Throws `ALREADY_EXISTS` if something lives at its path, and
 * `FAILED_PRECONDITION` once the system is being stopped.
 */
export function addBranch(system: Home, branch: Branch): () => void {
  return registryOf(system).addBranch(branch);
}
