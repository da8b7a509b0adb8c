/** What was committed is there after any crash; what cannot be trusted is refused by name. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "ava";
import type { Journal } from "../../../src/cluster/controller/journal.ts";
import { MemoryJournal } from "../../../src/cluster/controller/journal-memory.ts";
import { JOURNAL_FILE, SqliteJournal } from "../../../src/cluster/controller/journal-sqlite.ts";
import type { Outcome } from "../../../src/cluster/controller/kernel/command.ts";
import { DURABLE_KINDS, type State } from "../../../src/cluster/controller/state.ts";
import { exitOf, FAILED, Journey, specOf, USER } from "./journey.ts";

function directory(t: { teardown(fn: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), "iris-journal-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function rowsOf(state: State): object {
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
  return Object.fromEntries(DURABLE_KINDS.map((kind) => [kind, [...state[kind].values()].sort(byId)]));
}

/** A life with a bit of everything, committed step by step. */
async function live(journal: Journal): Promise<Journey> {
  const j = new Journey();
  const outcomes: Outcome<unknown>[] = [];
  const outcome = j.outcome.bind(j);
  j.outcome = (command) => {
    const came = outcome(command);
    outcomes.push(came);
    return came;
  };
  j.worker("w");
  const id = j.submit(
    {
      name: "root",
      maxRetriesFailure: 1,
      env: { A: "1" },
      entrypoint: { invocation: { arguments: new Uint8Array([1, 2]) } },
    },
    { idempotencyKey: "k" },
  );
  j.start(`${id}/0`);
  const by = j.taskIdentity(`${id}/0`);
  const child = j.submit({ name: "child" }, { by });
  const endpoint = {
    endpointId: "e",
    name: "a",
    namespace: "",
    address: "x",
    metadata: { m: "1" },
    token: "t",
    taskId: "",
  };
  j.run({ kind: "registerEndpoint", endpoint, namespace: "", by });
  j.say(j.start(`${child}/0`), "EXITED", {
    exit: exitOf({ hasResult: true, result: new Uint8Array([7]), endedAtMs: 1 }),
  });
  const gone = j.submit();
  j.exit(j.start(`${gone}/0`), FAILED);
  for (const { changes, events, results } of outcomes) await journal.commit({ changes, events, results });
  return j;
}

for (const name of ["memory", "sqlite"] as const) {
  test(`what went into a ${name} journal comes out of it, counters included`, async (t) => {
    const path = directory(t);
    const kept = new MemoryJournal();
    const open = () => (name === "memory" ? kept : SqliteJournal.open(path));
    const first = open();
    t.is((await first.load()).jobs.size, 0);
    const j = await live(first);
    const key = await first.secret("key", () => new Uint8Array([9]));
    await first.close();
    await first.close();
    const second = open();
    t.teardown(() => second.close());
    const state = await second.load();
    t.deepEqual(JSON.parse(JSON.stringify(rowsOf(state))), JSON.parse(JSON.stringify(rowsOf(j.state))));
    t.is(state.lastEventId, j.state.lastEventId);
    t.is(state.lastSequence, j.state.lastSequence);
    const root = [...state.jobs.values()].find((job) => job.name === "root");
    t.deepEqual(root?.spec.entrypoint?.invocation?.arguments, new Uint8Array([1, 2]));
    t.deepEqual(await second.secret("key", () => new Uint8Array([0])), key);
    const attempt = j.attempt(`${root?.id}/child/0`);
    t.deepEqual(await second.result(attempt.id), new Uint8Array([7]));
    t.is(await second.result("none"), undefined);
    const whats = (await second.events(root?.id ?? "", 100)).map(({ subject, what }) => `${subject.slice(12)} ${what}`);
    t.true(whats.includes("/child/0 PENDING → ASSIGNED"), whats.join());
    t.is((await second.events(root?.id ?? "", 2)).length, 2);
    const some = await second.eventsById([j.events[3]?.id ?? 0, 0, j.events[1]?.id ?? 0, 1e9]);
    t.deepEqual(
      some.sort((a, b) => a.id - b.id).map((event) => ({ ...event })),
      [j.events[1], j.events[3]],
    );
    await second.prune(j.now + 1);
    t.deepEqual(await second.events(root?.id ?? "", 100), []);
  });

  test(`a ${name} journal forgets what is deleted, results too, and numbers events on`, async (t) => {
    const path = directory(t);
    const journal = name === "memory" ? new MemoryJournal() : SqliteJournal.open(path);
    t.teardown(() => journal.close());
    const j = await live(journal);
    const root = [...j.state.jobs.values()].find((job) => job.name === "root")?.id ?? "";
    const uid = j.attempt(`${root}/child/0`).id;
    await journal.commit(j.outcome({ kind: "terminate", jobId: root, by: USER }));
    j.exit(j.attempt(`${root}/0`));
    j.now += 8 * 24 * 3_600_000;
    await journal.commit(j.outcome({ kind: "due", subjects: [{ kind: "prune", id: "" }] }));
    await journal.prune(j.now);
    const state = await journal.load();
    t.is(state.jobs.size, 0);
    t.is(state.tasks.size, 0);
    t.is(await journal.result(uid), undefined);
    t.true(state.lastEventId > 0);
  });
}

test("a commit that fails leaves nothing of itself", async (t) => {
  const journal = SqliteJournal.open(directory(t));
  t.teardown(() => journal.close());
  const j = new Journey();
  await live(journal);
  const spec = specOf();
  const submission = { spec, ifExists: "IF_EXISTS_DEFAULT", idempotencyKey: "", by: USER } as const;
  const { changes, events } = j.outcome({ kind: "submit", ...submission });
  const before = rowsOf(await journal.load());
  await t.throwsAsync(journal.commit({ changes, events: [...events, ...events], results: [] }));
  t.deepEqual(rowsOf(await journal.load()), before);
});

test("a commit survives the process being killed right after it", async (t) => {
  const path = directory(t);
  const source = new URL("../../../src/cluster/controller/journal-sqlite.ts", import.meta.url).href;
  const program = `
    const { SqliteJournal } = await import(${JSON.stringify(source)});
    const journal = SqliteJournal.open(${JSON.stringify(path)});
    const change = (id) => ({ kind: "keys", id, row: { id, jobId: "j", atMs: 1 } });
    await journal.commit({ changes: [change("first")], events: [], results: [] });
    await journal.commit({ changes: [change("second")], events: [], results: [] });
    process.kill(process.pid, "SIGKILL");
  `;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", program]);
  t.is(signal, "SIGKILL");
  const journal = SqliteJournal.open(path);
  t.teardown(() => journal.close());
  t.deepEqual(
    [...(await journal.load()).keys.values()].map(({ id }) => id),
    ["first", "second"],
  );
});

test("a file that is damaged, cut or something else is refused by name with a way out, and stays as it is", async (t) => {
  const damages: [string, (file: string) => void][] = [
    ["not a database", (file) => writeFileSync(file, "hello")],
    ["empty", (file) => truncateSync(file, 0)],
    ["cut", (file) => truncateSync(file, 8192)],
    ["overwritten", (file) => writeFileSync(file, readFileSync(file).fill(0xff, 4096, 12_288))],
  ];
  for (const [how, damage] of damages) {
    const path = directory(t);
    const journal = SqliteJournal.open(path);
    await live(journal);
    await journal.close();
    const file = join(path, JOURNAL_FILE);
    damage(file);
    const size = statSync(file).size;
    const error = await t.throwsAsync(
      async () => SqliteJournal.open(path).load(),
      { code: "FAILED_PRECONDITION" },
      how,
    );
    t.true(error?.message.includes(file), how);
    t.regex(error?.message ?? "", /move it away/, how);
    t.is(statSync(file).size, size, how);
  }
});

test("a file of a newer version is refused and not touched", async (t) => {
  const path = directory(t);
  await SqliteJournal.open(path).close();
  const database = new DatabaseSync(join(path, JOURNAL_FILE));
  database.exec("PRAGMA user_version = 2");
  database.close();
  t.throws(() => SqliteJournal.open(path), {
    code: "FAILED_PRECONDITION",
    message: /has version 2, this Iris knows up to 1/,
  });
});

test("a journal belongs to one controller at a time, and nobody else may read it", async (t) => {
  const path = directory(t);
  const journal = SqliteJournal.open(path);
  t.throws(() => SqliteJournal.open(path), { code: "FAILED_PRECONDITION", message: /in use by another controller/ });
  await journal.close();
  await SqliteJournal.open(path).close();
  t.is(statSync(join(path, JOURNAL_FILE)).mode & 0o077, 0);
});
