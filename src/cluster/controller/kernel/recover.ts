/**
 * The first step after the journal was read. Every worker that was not gone is waited for, every endpoint gets a fresh
 * lease (nobody could renew while there was no controller), and everything with a time is looked at again.
 */
import { wakesOf } from "./due.ts";
import type { Step } from "./step.ts";

export function recover(step: Step): undefined {
  const { draft, env } = step;
  for (const worker of draft.workers.values()) {
    const gone = worker.goneAtMs !== null;
    draft.presences.put({
      id: worker.id,
      state: gone ? "gone" : "expected",
      link: 0,
      lastSeenAtMs: worker.goneAtMs ?? env.now,
      deadlineAtMs: gone ? null : env.now + env.limits.lostAfterMs,
      downSinceMs: gone ? null : env.now,
      probeAtMs: null,
      exchanged: false,
      strays: 0,
      foreign: 0,
    });
  }
  for (const endpoint of draft.endpoints.values()) {
    draft.leases.put({ id: endpoint.id, expiresAtMs: env.now + env.limits.endpointLeaseMs });
  }
  for (const wake of wakesOf(draft, env.now, env.limits)) step.effect({ kind: "wake", ...wake });
  step.effect({ kind: "schedule" });
  return undefined;
}
