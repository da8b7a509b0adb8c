/**
 * The journal on disk: one SQLite file, written by one controller at a time. Rows are JSON by id (the state lives in
 * memory, so nothing here is ever queried by content), specs and results are bytes of their own, events an append-only
 * table.
 *
 * `synchronous=FULL`: a commit reaches the disk before its answers leave, so "accepted" outlives a power cut, not only a
 * crash of the process (which is all that NORMAL would promise). The price is one fsync a commit; a commit holds all
 * that one turn brought, so a burst of submissions shares it. The one invariant: a file that cannot be trusted is refused
 * by name, never repaired silently and never replaced by an empty one.
 */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { JobSpecCodec } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { Commit, Journal } from "./journal.ts";
import { type DurableChange, durableChanges, restored } from "./journal-rows.ts";
import type { EventRow } from "./kernel/command.ts";
import { DURABLE_KINDS, type DurableKind, type JobRow, type RowTypes, State } from "./state.ts";

/** Version of what is below; a file of a newer one is refused. */
export const SCHEMA_VERSION = 1;
/** Name of the file in a controller's state directory. */
export const JOURNAL_FILE = "journal.db";

const SCHEMA = `
  ${DURABLE_KINDS.map((kind) => `CREATE TABLE ${kind} (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;`).join("\n  ")}
  CREATE TABLE specs (job_id TEXT PRIMARY KEY, spec BLOB NOT NULL);
  CREATE TABLE results (attempt_uid TEXT PRIMARY KEY, value BLOB NOT NULL);
  CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY, at_ms REAL NOT NULL, subject TEXT NOT NULL, what TEXT NOT NULL, message TEXT NOT NULL,
    cause_event_id INTEGER NOT NULL
  );
  CREATE INDEX events_by_subject ON events (subject, id);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

export class SqliteJournal implements Journal {
  readonly file: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #specsWritten = new WeakSet<JobRow["spec"]>();
  #open = true;

  private constructor(file: string, database: DatabaseSync) {
    this.file = file;
    this.#database = database;
  }

  /**
   * Opens the journal in a directory, which is made when missing. Throws `FAILED_PRECONDITION`, naming the file and a way
   * out, when it is damaged, of a newer version, in use by another controller or not to be written.
   */
  static open(directory: string): SqliteJournal {
    const file = join(directory, JOURNAL_FILE);
    let database: DatabaseSync | undefined;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      if (!existsSync(file)) create(file);
      // SQLite would take an empty file for a new one; ours are never empty, so something has cut it.
      else if (statSync(file).size === 0) throw new Error("it is empty");
      database = new DatabaseSync(file, { timeout: 0 });
      // Held until it is closed: a second controller on the same state would start every task again.
      database.exec("PRAGMA locking_mode = EXCLUSIVE");
      check(database, file);
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      return new SqliteJournal(file, database);
    } catch (cause) {
      try {
        database?.close();
      } catch {
        // It was never really open; why is what is thrown below.
      }
      throw IrisError.is(cause) ? cause : refusal(file, cause as Error);
    }
  }

  async load(): Promise<State> {
    const state = new State();
    try {
      const specs = new Map<string, Uint8Array>();
      for (const { job_id, spec } of this.#database.prepare("SELECT job_id, spec FROM specs").all()) {
        specs.set(job_id as string, spec as Uint8Array);
      }
      for (const body of this.#bodies("jobs")) {
        const job = JSON.parse(body) as Omit<JobRow, "spec">;
        const spec = specs.get(job.id);
        if (spec === undefined) throw new Error(`job ${job.id} has no specification`);
        const decoded = JobSpecCodec.decode(spec);
        this.#specsWritten.add(decoded);
        state.jobs.put({ ...job, spec: decoded });
      }
      for (const body of this.#bodies("tasks")) state.tasks.put(JSON.parse(body));
      for (const body of this.#bodies("attempts")) state.attempts.put(JSON.parse(body));
      for (const body of this.#bodies("workers")) state.workers.put(JSON.parse(body));
      for (const body of this.#bodies("endpoints")) state.endpoints.put(JSON.parse(body));
      for (const body of this.#bodies("keys")) state.keys.put(JSON.parse(body));
      const last = this.#database.prepare("SELECT max(id) AS id FROM events").get()?.id;
      return restored(state, typeof last === "number" ? last : 0);
    } catch (cause) {
      throw refusal(this.file, cause as Error);
    }
  }

  async commit({ changes, events, results }: Commit): Promise<void> {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const change of durableChanges(changes)) this.#write(change);
      const insert = this.#statement("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)");
      for (const { id, atMs, subject, what, message, causeEventId } of events) {
        insert.run(id, atMs, subject, what, message, causeEventId);
      }
      const keep = this.#statement("INSERT OR REPLACE INTO results VALUES (?, ?)");
      for (const { uid, value } of results) keep.run(uid, value);
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  async result(attemptUid: string): Promise<Uint8Array | undefined> {
    const row = this.#statement("SELECT value FROM results WHERE attempt_uid = ?").get(attemptUid);
    return row?.value as Uint8Array | undefined;
  }

  async events(subject: string, limit: number): Promise<EventRow[]> {
    // "0" is the character after "/": everything whose name begins with the subject and a slash.
    const rows = this.#statement(
      "SELECT * FROM events WHERE subject = ? OR (subject > ? AND subject < ?) ORDER BY id LIMIT ?",
    ).all(subject, `${subject}/`, `${subject}0`, limit);
    return rows.map(eventOf);
  }

  async eventsById(ids: readonly number[]): Promise<EventRow[]> {
    const select = this.#statement("SELECT * FROM events WHERE id = ?");
    return ids.flatMap((id) => select.all(id).map(eventOf));
  }

  async prune(eventsBeforeMs: number): Promise<void> {
    // The last one stays: numbers go on from it.
    this.#statement("DELETE FROM events WHERE at_ms < ? AND id < (SELECT max(id) FROM events)").run(eventsBeforeMs);
  }

  async secret(name: string, make: () => Uint8Array): Promise<Uint8Array> {
    const known = this.#statement("SELECT value FROM secrets WHERE name = ?").get(name);
    if (known !== undefined) return known.value as Uint8Array;
    const made = make();
    this.#statement("INSERT INTO secrets VALUES (?, ?)").run(name, made);
    return made;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#database.close();
  }

  #write({ kind, id, row }: DurableChange): void {
    if (row === undefined) {
      this.#statement(`DELETE FROM ${kind} WHERE id = ?`).run(id);
      if (kind === "jobs") this.#statement("DELETE FROM specs WHERE job_id = ?").run(id);
      if (kind === "attempts") this.#statement("DELETE FROM results WHERE attempt_uid = ?").run(id);
      return;
    }
    this.#statement(`INSERT OR REPLACE INTO ${kind} VALUES (?, ?)`).run(id, bodyOf(kind, row));
    // A job's specification never changes, so its bytes are written once, when it is new.
    if (kind === "jobs") this.#writeSpec(row);
  }

  #writeSpec({ id, spec }: JobRow): void {
    if (this.#specsWritten.has(spec)) return;
    this.#specsWritten.add(spec);
    this.#statement("INSERT OR REPLACE INTO specs VALUES (?, ?)").run(id, JobSpecCodec.encode(spec));
  }

  *#bodies(kind: DurableKind): Iterable<string> {
    for (const { body } of this.#database.prepare(`SELECT body FROM ${kind}`).iterate()) yield body as string;
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function eventOf(row: Readonly<Record<string, unknown>>): EventRow {
  return {
    id: row.id as number,
    atMs: row.at_ms as number,
    subject: row.subject as string,
    what: row.what as string,
    message: row.message as string,
    causeEventId: row.cause_event_id as number,
  };
}

function bodyOf<K extends DurableKind>(kind: K, row: RowTypes[K]): string {
  if (kind !== "jobs") return JSON.stringify(row);
  const { spec: _, ...job } = row as JobRow;
  return JSON.stringify(job);
}

/** Made beside and then renamed, so that a crash leaves a whole file or none. */
function create(file: string): void {
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  const database = new DatabaseSync(unfinished);
  try {
    // It holds the key of the tasks' tokens.
    chmodSync(unfinished, 0o600);
    database.exec(`BEGIN; ${SCHEMA} COMMIT;`);
  } finally {
    database.close();
  }
  renameSync(unfinished, file);
}

function check(database: DatabaseSync, file: string): void {
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  if (typeof version === "number" && version > SCHEMA_VERSION) {
    const message = `${file} has version ${version}, this Iris knows up to ${SCHEMA_VERSION}: install the Iris that wrote it, or give another state directory`;
    throw new IrisError("FAILED_PRECONDITION", message);
  }
  if (version !== SCHEMA_VERSION) throw new Error("it is not a controller's journal, or was never finished");
  const verdict = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (verdict !== "ok") throw new Error(String(verdict));
}

function refusal(file: string, cause: Error): IrisError {
  const isLocked = /locked|busy/i.test(cause.message);
  const what = isLocked ? "is in use by another controller" : `cannot be used: ${cause.message}`;
  const wayOut = isLocked
    ? "stop that one, or give another state directory"
    : "restore it from a copy, or move it away (with its -wal and -shm) to begin empty: jobs it knew are then lost";
  return new IrisError("FAILED_PRECONDITION", `the controller's journal ${file} ${what}; ${wayOut}`, { cause });
}
