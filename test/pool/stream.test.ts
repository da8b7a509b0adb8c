import test from "ava";
import type { MapOptions } from "../../src/pool/executor.ts";
import { Future } from "../../src/pool/future.ts";
import { mapItems } from "../../src/pool/stream.ts";

/** Remembers what was submitted, and settles it when told. */
class ScriptedPool {
  readonly submitted: number[] = [];
  readonly cancelled: number[] = [];
  readonly #futures = new Map<number, Future<string>>();

  readonly submit = (item: number): Future<string> => {
    this.submitted.push(item);
    const future = new Future<string>(() => {
      this.cancelled.push(item);
      return true;
    });
    this.#futures.set(item, future);
    return future;
  };

  map(items: Iterable<number> | AsyncIterable<number>, options: MapOptions = {}): AsyncIterable<string> {
    return mapItems({ submit: this.submit, items, options, inFlightMax: 3 });
  }

  async finish(item: number): Promise<void> {
    this.#futures.get(item)?.resolve(`r${item}`);
    await settled();
  }

  async fail(item: number, error: unknown): Promise<void> {
    this.#futures.get(item)?.reject(error);
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Counts how far it was read and whether it was closed. */
function source(count = Number.POSITIVE_INFINITY) {
  const seen = { read: 0, isClosed: false };
  function* items() {
    try {
      for (let i = 0; i < count; i++) {
        seen.read += 1;
        yield i;
      }
    } finally {
      seen.isClosed = true;
    }
  }
  return { items: items(), seen };
}

test("results come in the order of the items, whatever order they settle in", async (t) => {
  const pool = new ScriptedPool();
  const results = pool.map([0, 1, 2])[Symbol.asyncIterator]();
  const first = results.next();
  await settled();
  await pool.finish(2);
  await pool.finish(1);
  await pool.finish(0);
  t.deepEqual(
    [await first, await results.next(), await results.next(), await results.next()].map(({ value }) => value),
    ["r0", "r1", "r2", undefined],
  );
});

test("unordered results come as they settle", async (t) => {
  const pool = new ScriptedPool();
  const results = pool.map([0, 1, 2], { ordered: false })[Symbol.asyncIterator]();
  const first = results.next();
  await settled();
  await pool.finish(2);
  t.is((await first).value, "r2");
  const second = results.next();
  await pool.finish(0);
  t.is((await second).value, "r0");
});

test("nothing is read before the loop begins, and only so far ahead as is allowed", async (t) => {
  const pool = new ScriptedPool();
  const { items, seen } = source();
  const results = pool.map(items, { inFlightMax: 2 })[Symbol.asyncIterator]();
  t.is(seen.read, 0);
  const first = results.next();
  await settled();
  t.is(seen.read, 2);
  await pool.finish(0);
  await first;
  await pool.finish(1);
  t.is(seen.read, 2, "a result that nobody has read holds the source back");
  void results.next();
  await settled();
  t.is(seen.read, 3);
});

test("leaving the loop cancels the rest and closes the source", async (t) => {
  const pool = new ScriptedPool();
  const { items, seen } = source();
  const loop = (async () => {
    for await (const result of pool.map(items)) return result;
    return "none";
  })();
  await settled();
  await pool.finish(0);
  t.is(await loop, "r0");
  t.deepEqual(pool.cancelled, pool.submitted.slice(1));
  t.true(seen.isClosed);
});

test("leaving the loop does not wait for a source that waits for its next item", async (t) => {
  const pool = new ScriptedPool();
  async function* endless() {
    yield 0;
    await new Promise(() => {});
  }
  const loop = (async () => {
    for await (const result of pool.map(endless())) return result;
    return "none";
  })();
  await settled();
  await pool.finish(0);
  t.is(await loop, "r0");
});

test("the first error ends the loop, unchanged, and cancels the rest", async (t) => {
  const pool = new ScriptedPool();
  const error = new Error("own");
  const loop = (async () => {
    for await (const _ of pool.map([0, 1, 2, 3]));
  })();
  await settled();
  await pool.fail(0, error);
  t.is(await loop.then(undefined, (thrown) => thrown), error);
  t.deepEqual(pool.cancelled, [1, 2]);
});

test("an error of the source comes after the results before it", async (t) => {
  const pool = new ScriptedPool();
  const error = new Error("source");
  async function* failing() {
    yield 0;
    throw error;
  }
  const seen: string[] = [];
  const loop = (async () => {
    for await (const result of pool.map(failing())) seen.push(result);
  })();
  await settled();
  await pool.finish(0);
  t.is(await loop.then(undefined, (thrown) => thrown), error);
  t.deepEqual(seen, ["r0"]);
});

test("an abort ends the loop with CANCELLED, at once", async (t) => {
  const pool = new ScriptedPool();
  const abort = new AbortController();
  const loop = (async () => {
    for await (const _ of pool.map([0, 1], { signal: abort.signal }));
  })();
  await settled();
  abort.abort(new Error("enough"));
  await t.throwsAsync(loop, { code: "CANCELLED", message: /enough/ });
  t.deepEqual(pool.cancelled, [0, 1]);
});

test("an empty source is an empty loop", async (t) => {
  for await (const _ of new ScriptedPool().map([])) t.fail();
  t.pass();
});

test("a bound that is none is refused at once", (t) => {
  t.throws(() => new ScriptedPool().map([], { inFlightMax: 0 }), { code: "INVALID_ARGUMENT" });
});
