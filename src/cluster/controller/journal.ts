/**
 * Where the controller's state outlives the controller: a few verbs, so that another store can take SQLite's place. The
 * one invariant: what `commit` has resolved for is there after any crash, and a commit is there whole or not at all.
 */
import type { EventRow, ResultRow } from "./kernel/command.ts";
import type { Change, State } from "./state.ts";

/** What one or many steps came to. */
export interface Commit {
  /** In order; of several changes of one row the last counts. Rows of volatile kinds are skipped. */
  readonly changes: readonly Change[];
  readonly events: readonly EventRow[];
  readonly results: readonly ResultRow[];
}

export interface Journal {
  /** Everything that is kept, as a state. Called once, before anything else. */
  load(): Promise<State>;
  /** Makes a commit durable. Rejects when that failed; nothing of it is kept then. */
  commit(commit: Commit): Promise<void>;
  /** The value that an attempt's function returned. */
  result(attemptUid: string): Promise<Uint8Array | undefined>;
  /** The events of a subject and of everything in its name (a job's tasks, not its attempts' uids), oldest first. */
  events(subject: string, limit: number): Promise<EventRow[]>;
  /** The events of these numbers that are still kept, in no promised order: causes are followed by them. */
  eventsById(ids: readonly number[]): Promise<EventRow[]>;
  /** Forgets events before that time. */
  prune(eventsBeforeMs: number): Promise<void>;
  /** A secret of this cluster; `make` makes it, once. */
  secret(name: string, make: () => Uint8Array): Promise<Uint8Array>;
  /** Safe to call twice. */
  close(): Promise<void>;
}
