/**
 * A journal that lives as long as its process: for tests, and for a cluster inside one program. It can be loaded again
 * after `close`, so that a test restarts a controller on the same state.
 */
import type { Commit, Journal } from "./journal.ts";
import { durableChanges, restored } from "./journal-rows.ts";
import type { EventRow } from "./kernel/command.ts";
import { applyChanges, State } from "./state.ts";

export class MemoryJournal implements Journal {
  readonly #kept = new State();
  readonly #results = new Map<string, Uint8Array>();
  readonly #secrets = new Map<string, Uint8Array>();
  #events: EventRow[] = [];

  async load(): Promise<State> {
    return restored(this.#kept, this.#events.at(-1)?.id ?? 0);
  }

  async commit({ changes, events, results }: Commit): Promise<void> {
    applyChanges(this.#kept, durableChanges(changes));
    for (const { uid, value } of results) this.#results.set(uid, value);
    for (const { kind, id, row } of changes) if (kind === "attempts" && row === undefined) this.#results.delete(id);
    this.#events.push(...events);
  }

  async result(attemptUid: string): Promise<Uint8Array | undefined> {
    return this.#results.get(attemptUid);
  }

  async events(subject: string, limit: number): Promise<EventRow[]> {
    return this.#events
      .filter((event) => event.subject === subject || event.subject.startsWith(`${subject}/`))
      .slice(0, limit);
  }

  async eventsById(ids: readonly number[]): Promise<EventRow[]> {
    const wanted = new Set(ids);
    return this.#events.filter(({ id }) => wanted.has(id));
  }

  async prune(eventsBeforeMs: number): Promise<void> {
    this.#events = this.#events.filter(
      (event, index) => event.atMs >= eventsBeforeMs || index === this.#events.length - 1,
    );
  }

  async secret(name: string, make: () => Uint8Array): Promise<Uint8Array> {
    const secret = this.#secrets.get(name) ?? make();
    this.#secrets.set(name, secret);
    return secret;
  }

  async close(): Promise<void> {}
}
