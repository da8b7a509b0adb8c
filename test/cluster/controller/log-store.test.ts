import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { LogFiles } from "../../../src/cluster/controller/log-files.ts";
import { LogMemory } from "../../../src/cluster/controller/log-memory.ts";
import { decodeSegment } from "../../../src/cluster/controller/log-segment.ts";
import { entryBytes, type LogOwner, type LogStore, mergeByTime } from "../../../src/cluster/controller/log-store.ts";
import { CLUSTER_LIMITS } from "../../../src/cluster/job/limits.ts";
import type { LogEntry, LogSource } from "../../../src/net/wire/iris.ts";
import type { IrisError } from "../../../src/runtime/errors.ts";
import { RecordingLogger } from "../../kit/recording-logger.ts";

const A0: LogOwner = { uid: "uid-a0", taskId: "job/0", attempt: 0 };
const A1: LogOwner = { uid: "uid-a1", taskId: "job/0", attempt: 1 };
const B0: LogOwner = { uid: "uid-b0", taskId: "job/1", attempt: 0 };

function line(timeMs: number, data: string, source: LogSource = "STDOUT"): LogEntry {
  return { timeMs, source, data, taskId: "whatever the worker says", attempt: 99 };
}

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "iris-logs-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const text = (store: LogStore, taskIds: string[] = ["job/0"]) => store.read({ taskIds }).map(({ data }) => data);

const STORES: Record<string, (t: ExecutionContext, attemptBytes?: number) => LogStore | Promise<LogStore>> = {
  memory: (_t, attemptBytes) => new LogMemory({ attemptBytes }),
  files: (t, attemptBytes) => LogFiles.open({ directory: directory(t), attemptBytes }),
};

for (const [name, make] of Object.entries(STORES)) {
  test(`${name}: entries get their owner's names, and the next number wanted comes back`, async (t) => {
    const store = await make(t);
    t.is(await store.append(A0, 0, [line(1, "one"), line(2, "two", "STDERR")]), 2);
    t.deepEqual(store.read({ taskIds: ["job/0"] }), [
      { timeMs: 1, source: "STDOUT", data: "one", taskId: "job/0", attempt: 0 },
      { timeMs: 2, source: "STDERR", data: "two", taskId: "job/0", attempt: 0 },
    ]);
    await store.close();
  });

  test(`${name}: what was stored already is skipped, however the batches overlap`, async (t) => {
    const store = await make(t);
    const all = Array.from({ length: 10 }, (_, index) => line(index, `line ${index}`));
    t.is(await store.append(A0, 0, all.slice(0, 4)), 4);
    t.is(await store.append(A0, 0, all.slice(0, 4)), 4);
    t.is(await store.append(A0, 2, all.slice(2, 7)), 7);
    t.is(await store.append(A0, 0, []), 7);
    t.is(await store.append(A0, 0, all), 10);
    t.deepEqual(
      text(store),
      all.map(({ data }) => data),
    );
    await store.close();
  });

  test(`${name}: a gap is a PROTOCOL_ERROR and stores nothing`, async (t) => {
    const store = await make(t);
    await store.append(A0, 0, [line(1, "one")]);
    const error = await t.throwsAsync(store.append(A0, 2, [line(2, "three")]), {
      message: /entry 1 is wanted next, 2 came/,
    });
    t.is((error as IrisError).code, "PROTOCOL_ERROR");
    t.is(await store.append(A0, 1, [line(2, "two")]), 2);
    t.deepEqual(text(store), ["one", "two"]);
    await store.close();
  });

  test(`${name}: what is no uid or number is refused`, async (t) => {
    const store = await make(t);
    for (const uid of ["", "../../etc", "a/b", ".", "..", "x".repeat(65)]) {
      t.is(((await t.throwsAsync(store.append({ ...A0, uid }, 0, []))) as IrisError).code, "INVALID_ARGUMENT");
    }
    for (const first of [-1, 0.5, Number.NaN]) {
      t.is(((await t.throwsAsync(store.append(A0, first, []))) as IrisError).code, "INVALID_ARGUMENT");
    }
    await store.close();
  });

  test(`${name}: reading chooses by task, attempt, time, stream and text, then takes the tail`, async (t) => {
    const store = await make(t);
    await store.append(A0, 0, [line(10, "a0 first"), line(40, "a0 last", "STDERR")]);
    await store.append(A1, 0, [line(50, "a1 first"), line(60, "a1 last")]);
    await store.append(B0, 0, [line(20, "b0 first"), line(55, "b0 last")]);
    const read = (query: object) => store.read({ taskIds: ["job/0", "job/1"], ...query }).map(({ data }) => data);
    t.deepEqual(read({}), ["a0 first", "b0 first", "a0 last", "a1 first", "b0 last", "a1 last"]);
    t.deepEqual(read({ taskIds: ["job/1", "job/1", "job/7"] }), ["b0 first", "b0 last"]);
    t.deepEqual(read({ attempt: 1 }), ["a1 first", "a1 last"]);
    t.deepEqual(read({ sinceMs: 50 }), ["a1 first", "b0 last", "a1 last"]);
    t.deepEqual(read({ source: "STDERR" }), ["a0 last"]);
    t.deepEqual(read({ source: "LOG_SOURCE_UNSPECIFIED" }).length, 6);
    t.deepEqual(read({ contains: "last", tail: 2 }), ["b0 last", "a1 last"]);
    t.deepEqual(read({ tail: 0 }), []);
    await store.close();
  });

  test(`${name}: a reader who subscribes and reads in one turn hears every entry once, in order`, async (t) => {
    const store = await make(t);
    const heard: string[] = [];
    let appended: Promise<unknown> = Promise.resolve();
    for (let index = 0; index < 20; index++) appended = store.append(A0, index, [line(index, `${index}`)]);
    await store.append(B0, 0, [line(0, "in between")]);
    const leave = store.subscribe((taskId, entries) => {
      if (taskId === "job/0") heard.push(...entries.map(({ data }) => data));
    });
    const before = text(store);
    await appended;
    t.deepEqual(
      [...before, ...heard],
      Array.from({ length: 20 }, (_, index) => `${index}`),
    );
    leave();
    await store.append(A0, 20, [line(20, "unheard")]);
    t.not(heard.at(-1), "unheard");
    await store.close();
  });

  test(`${name}: an attempt keeps its last lines within its share, and says what is missing`, async (t) => {
    const store = await make(t, 10_000);
    for (let index = 0; index < 100; index++)
      await store.append(A0, index, [line(index, `${index} ${"x".repeat(200)}`)]);
    const entries = store.read({ taskIds: ["job/0"] });
    const [notice, ...kept] = entries;
    t.true(kept.reduce((sum, entry) => sum + entryBytes(entry), 0) <= 10_000);
    t.true(kept.length > 30, "the bound is used");
    const dropped = 100 - kept.length;
    t.is(notice?.source, "BUILD");
    t.is(notice?.data, `${dropped} earlier lines were dropped: the log of an attempt keeps its last 10000 bytes`);
    t.regex(kept[0]?.data ?? "", new RegExp(`^${dropped} x`));
    t.regex(kept.at(-1)?.data ?? "", /^99 x/);
    t.deepEqual(store.read({ taskIds: ["job/0"], source: "STDOUT" }), kept);
    t.is(store.read({ taskIds: ["job/0"], tail: 3 }).length, 3);
    t.is(await store.append(A0, 0, []), 100, "numbers go on");
    await store.close();
  });

  test(`${name}: a line over the limit is cut at a character's border and says so`, async (t) => {
    const store = await make(t);
    await store.append(A0, 0, [line(0, `x${"é".repeat(CLUSTER_LIMITS.logLineBytes / 2)}`)]);
    const [only] = text(store);
    t.regex(only ?? "", /^xé+ \(cut: 65537 bytes, 65536 are kept\)$/);
    await store.close();
  });

  test(`${name}: forgotten tasks leave nothing behind, also while they are being written`, async (t) => {
    const store = await make(t);
    await store.append(A0, 0, [line(0, "old")]);
    await store.append(B0, 0, [line(0, "stays")]);
    const late = store.append(A0, 1, [line(1, "late")]);
    await store.forget(["job/0", "job/9"]);
    await late;
    t.deepEqual(text(store, ["job/0", "job/1"]), ["stays"]);
    t.is(await store.append(A0, 0, [line(2, "anew")]), 1);
    t.deepEqual(text(store), ["anew"]);
    await store.close();
  });

  test(`${name}: once closed it takes no more; closing twice is harmless`, async (t) => {
    const store = await make(t);
    const last = store.append(A0, 0, [line(0, "last")]);
    await store.close();
    await store.close();
    t.is(await last, 1);
    t.is(((await t.throwsAsync(store.append(A0, 1, []))) as IrisError).code, "UNAVAILABLE");
  });
}

test("both stores give the same for the same batches, sent in any cutting and with repeats", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ from: fc.nat(30), length: fc.nat(8) }), { maxLength: 12 }),
      fc.option(fc.nat(20), { nil: undefined }),
      async (batches, tail) => {
        const all = Array.from({ length: 40 }, (_, index) => line(1_000 - (index % 7), `line ${index}`));
        const memory = new LogMemory();
        const files = await LogFiles.open({ directory: directory(t) });
        for (const { from, length } of batches) {
          const given = all.slice(from, from + length);
          const outcome = (store: LogStore) => store.append(A0, from, given).catch((error: IrisError) => error.code);
          t.is(await outcome(memory), await outcome(files));
        }
        t.deepEqual(memory.read({ taskIds: ["job/0"], tail }), files.read({ taskIds: ["job/0"], tail }));
        await files.close();
      },
    ),
    { numRuns: 25 },
  );
});

test("files: what was stored is there for the next store, and numbers go on where they were", async (t) => {
  const path = directory(t);
  const first = await LogFiles.open({ directory: path, attemptBytes: 10_000 });
  for (let index = 0; index < 60; index++) await first.append(A0, index, [line(index, `${index} ${"x".repeat(200)}`)]);
  await first.append(B0, 0, [line(5, "other")]);
  const before = first.read({ taskIds: ["job/0", "job/1"] });
  await first.close();
  const second = await LogFiles.open({ directory: path, attemptBytes: 10_000 });
  t.deepEqual(second.read({ taskIds: ["job/0", "job/1"] }), before);
  t.is(await second.append(A0, 59, [line(59, "again"), line(60, "new")]), 61);
  t.is(second.read({ taskIds: ["job/0"], tail: 1 })[0]?.data, "new");
  await second.close();
});

test("files: a torn last line is cut off, wherever the crash tore it, and is taken again", async (t) => {
  const path = directory(t);
  const store = await LogFiles.open({ directory: path });
  await store.append(A0, 0, [line(0, "zero"), line(1, "one")]);
  await store.close();
  const [name = ""] = readdirSync(join(path, A0.uid));
  const file = join(path, A0.uid, name);
  const whole = readFileSync(file);
  const torn = Buffer.from('[2,"STDOUT","two é"]\n');
  for (let length = 1; length < torn.length; length++) {
    writeFileSync(file, Buffer.concat([whole, torn.subarray(0, length)]));
    const again = await LogFiles.open({ directory: path });
    t.deepEqual(text(again), ["zero", "one"]);
    t.is(await again.append(A0, 2, [line(2, "two é")]), 3);
    t.deepEqual(text(again), ["zero", "one", "two é"]);
    await again.close();
    t.deepEqual(readFileSync(file), Buffer.concat([whole, torn]));
  }
});

test("files: a segment or a directory that was only begun is swept away", async (t) => {
  const path = directory(t);
  const store = await LogFiles.open({ directory: path });
  await store.append(A0, 0, [line(0, "zero")]);
  await store.append(B0, 0, [line(0, "b")]);
  await store.close();
  writeFileSync(join(path, A0.uid, "0000000000000001.jsonl"), '{"uid":"uid-a0","ta');
  truncateSync(join(path, B0.uid, "0000000000000000.jsonl"), 5);
  const again = await LogFiles.open({ directory: path });
  t.is(await again.append(A0, 1, [line(1, "one")]), 2);
  t.is(await again.append(B0, 0, [line(1, "b again")]), 1);
  t.deepEqual(text(again, ["job/0", "job/1"]), ["zero", "one", "b again"]);
  await again.close();
});

test("files: a write that fails stores nothing and can be sent again", async (t) => {
  const path = directory(t);
  const store = await LogFiles.open({ directory: path });
  await store.append(A0, 0, [line(0, "zero")]);
  // A directory in place of the segment: neither writing nor cutting works.
  const file = join(path, A0.uid, "0000000000000000.jsonl");
  const bytes = readFileSync(file);
  rmSync(file);
  mkdirSync(file);
  const error = await t.throwsAsync(store.append(A0, 1, [line(1, "one")]));
  t.is((error as IrisError).code, "UNAVAILABLE");
  rmSync(file, { recursive: true });
  writeFileSync(file, Buffer.concat([bytes, Buffer.from("[1,half of what")]));
  t.is(await store.append(A0, 1, [line(1, "one")]), 2);
  t.deepEqual(text(store), ["zero", "one"]);
  await store.close();
});

test("files: a segment that somebody deleted is missed and logged, the rest is read", async (t) => {
  const path = directory(t);
  const logger = new RecordingLogger();
  const store = await LogFiles.open({ directory: path, logger });
  await store.append(A0, 0, [line(0, "lost")]);
  await store.append(B0, 0, [line(0, "there")]);
  rmSync(join(path, A0.uid), { recursive: true });
  t.deepEqual(text(store, ["job/0", "job/1"]), ["there"]);
  t.is(logger.lines.length, 1);
  await store.close();
});

test("a reader that throws does not keep the others from hearing", async (t) => {
  const logger = new RecordingLogger();
  const store = new LogMemory({ logger });
  const heard: string[] = [];
  store.subscribe(() => {
    throw new Error("clumsy");
  });
  store.subscribe((taskId) => heard.push(taskId));
  t.is(await store.append(A0, 0, [line(0, "zero")]), 1);
  t.deepEqual(heard, ["job/0"]);
  t.is(logger.lines.length, 1);
});

test("merging keeps each attempt's own order where its clock ran backwards", (t) => {
  const one = [line(5, "a"), line(3, "b"), line(9, "c")];
  const other = [line(4, "x"), line(6, "y")];
  t.deepEqual(
    mergeByTime([one, other], undefined).map(({ data }) => data),
    ["x", "a", "b", "y", "c"],
  );
});

test("a segment decodes as far as it is whole, and never throws", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (noise, headed) => {
      const head = '{"uid":"u","taskId":"job/0","attempt":0}\n[1,"BUILD","x"]\n';
      const segment = decodeSegment(Buffer.concat([Buffer.from(headed ? head : ""), Buffer.from(noise)]));
      return headed ? (segment?.entries.length ?? 0) >= 1 : true;
    }),
  );
  t.is(decodeSegment(Buffer.from("null\n")), undefined);
});
