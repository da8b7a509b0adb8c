/** What a journal keeps of a state, and how a state is made of it again (pure). */
import { type Change, DURABLE_KINDS, type DurableKind, State } from "./state.ts";

export type DurableChange = Extract<Change, { readonly kind: DurableKind }>;

const DURABLE: ReadonlySet<string> = new Set(DURABLE_KINDS);

/** The last change of each durable row, in the order of their first. */
export function durableChanges(changes: readonly Change[]): DurableChange[] {
  const last = new Map<string, DurableChange>();
  for (const change of changes) {
    if (DURABLE.has(change.kind)) last.set(`${change.kind} ${change.id}`, change as DurableChange);
  }
  return [...last.values()];
}

/** A fresh state with the rows of `kept`, and counters that go on after the last that was given. */
export function restored(kept: State, lastEventId: number): State {
  const state = new State();
  for (const row of kept.jobs.values()) state.jobs.put(row);
  for (const row of kept.tasks.values()) state.tasks.put(row);
  for (const row of kept.attempts.values()) state.attempts.put(row);
  for (const row of kept.workers.values()) state.workers.put(row);
  for (const row of kept.endpoints.values()) state.endpoints.put(row);
  for (const row of kept.keys.values()) state.keys.put(row);
  state.lastEventId = lastEventId;
  for (const { sequence } of [...kept.jobs.values(), ...kept.endpoints.values()]) {
    state.lastSequence = Math.max(state.lastSequence, sequence);
  }
  return state;
}
