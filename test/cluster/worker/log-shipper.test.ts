import test from "ava";
import { WORKER_LIMITS } from "../../../src/cluster/worker/limits.ts";
import { LogShipper, type LogStore } from "../../../src/cluster/worker/log-shipper.ts";
import type { LogEntry } from "../../../src/net/wire/iris.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import { ManualClock, settle } from "../../kit/manual-clock.ts";

/** Stores lines as a controller does; answers when told to, unless it answers at once. */
class Store implements LogStore {
  isUp = true;
  stored: string[] = [];
  batches: { first: number; lines: string[] }[] = [];
  error: IrisError | undefined;
  held: (() => void)[] | undefined;
  /** Batches that were stored although their sender never heard of it. */
  deaf = false;
  readonly #listeners = new Set<() => void>();

  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }
  get listeners(): number {
    return this.#listeners.size;
  }
  turn(up: boolean): void {
    this.isUp = up;
    for (const fn of this.#listeners) fn();
  }
  async append(_uid: string, first: number, entries: readonly LogEntry[]): Promise<number> {
    const lines = entries.map(({ data }) => data);
    this.batches.push({ first, lines });
    if (this.held !== undefined) await new Promise<void>((resolve) => this.held?.push(resolve));
    if (this.error !== undefined) throw this.error;
    if (first <= this.stored.length) this.stored.push(...lines.slice(this.stored.length - first));
    if (this.deaf) throw new IrisError("LOST", "the link broke", { maybeExecuted: true });
    return this.stored.length;
  }
}

function setUp() {
  const clock = new ManualClock();
  const store = new Store();
  const shipper = new LogShipper({ uid: "u", taskId: "j/0", attempt: 0, store, clock });
  const print = (data: string) => shipper.push("STDOUT", data, clock.now());
  return { clock, store, shipper, print };
}

const big = (char: string) => char.repeat(60_000);

test("lines go out together, at most the flush time late, numbered from 0", async (t) => {
  const { clock, store, print } = setUp();
  print("a");
  await clock.advance(150);
  print("b");
  t.deepEqual(store.batches, []);
  await clock.advance(50);
  print("c");
  await clock.advance(200);
  t.deepEqual(store.batches, [
    { first: 0, lines: ["a", "b"] },
    { first: 2, lines: ["c"] },
  ]);
  t.is(clock.pending, 0);
});

test("a flush sends at once, and resolves when all is acknowledged", async (t) => {
  const { clock, store, shipper, print } = setUp();
  store.held = [];
  print("a");
  let flushed = false;
  const flush = shipper.flush().then(() => (flushed = true));
  print("b");
  await settle();
  t.deepEqual(store.batches, [{ first: 0, lines: ["a"] }]);
  store.held.shift()?.();
  await settle();
  t.false(flushed, "b came after the first batch had gone");
  store.held.shift()?.();
  await flush;
  t.deepEqual(store.stored, ["a", "b"]);
  await shipper.flush();
  t.is(clock.pending, 0);
});

test("a batch whose acknowledgement was lost is sent again by the same numbers, and stored once", async (t) => {
  const { clock, store, print } = setUp();
  store.deaf = true;
  print("a");
  print("b");
  await clock.advance(200);
  store.turn(false);
  print("c");
  await clock.advance(5_000);
  store.deaf = false;
  store.turn(true);
  await settle();
  t.deepEqual(store.batches, [
    { first: 0, lines: ["a", "b"] },
    { first: 0, lines: ["a", "b", "c"] },
  ]);
  t.deepEqual(store.stored, ["a", "b", "c"]);
  t.is(clock.pending, 0);
});

test("a store that fails is asked again, later each time", async (t) => {
  const { clock, store, shipper, print } = setUp();
  store.error = new IrisError("UNAVAILABLE", "disk is full");
  print("a");
  await clock.advance(200 + 100 + 200 + 400);
  t.is(store.batches.length, 4);
  store.error = undefined;
  await clock.advance(800);
  t.deepEqual(store.stored, ["a"]);
  shipper.close();
  t.is(clock.pending, 0);
});

test("a full buffer makes the reader wait until the store has taken something", async (t) => {
  const { store, print } = setUp();
  store.held = [];
  let room: Promise<void> | undefined;
  let printed = 0;
  while (room === undefined) {
    room = print(big("x"));
    printed++;
  }
  t.true(printed * 60_000 >= WORKER_LIMITS.logBufferBytes && printed < 50);
  t.is(store.batches.length, 1, "one batch at a time");
  store.held.shift()?.();
  await room;
  for (const release of store.held.splice(0)) release();
});

test("while the controller is away nobody waits: the oldest lines that were never sent make way, and a line says so", async (t) => {
  const { clock, store, shipper, print } = setUp();
  store.held = [];
  store.deaf = true;
  print("sent");
  await clock.advance(200);
  store.turn(false);
  store.held.shift()?.();
  store.held = undefined;
  store.deaf = false;
  await settle();
  for (let line = 0; line < 100; line++) t.is(print(`${line} ${big("x")}`), undefined);
  store.turn(true);
  await shipper.flush();
  const numbers = store.stored.map((line) => line.split(" ")[0]);
  t.is(numbers[0], "sent", "its number stands: the store may have it");
  const dropped = Number(/^\[(\d+) lines dropped/.exec(store.stored[1] ?? "")?.[1]);
  t.true(dropped > 50);
  t.deepEqual(
    numbers.slice(2),
    Array.from({ length: 100 - dropped }, (_, index) => String(index + dropped)),
  );
  t.is(clock.pending, 0);
});

test("who waits for room when the controller goes away waits no longer", async (t) => {
  const { store, shipper, print } = setUp();
  store.held = [];
  let room: Promise<void> | undefined;
  while (room === undefined) room = print(big("x"));
  store.turn(false);
  await room;
  shipper.close();
  t.pass();
});

test("an attempt that the store will never want lines of again counts as flushed", async (t) => {
  const { clock, store, shipper, print } = setUp();
  store.error = new IrisError("NOT_FOUND", "no such attempt");
  print("a");
  await shipper.flush();
  t.is(clock.pending, 0);
});

test("a store that has forgotten what it had is given what is left, by the numbers it asks for", async (t) => {
  const { clock, store, print } = setUp();
  print("a");
  await clock.advance(200);
  store.stored = [];
  print("b");
  await clock.advance(1_000);
  t.deepEqual(store.stored, ["b"]);
  t.is(clock.pending, 0);
});

test("a closed shipper keeps nothing: no timer, no listener, nobody waiting", async (t) => {
  const { clock, store, shipper, print } = setUp();
  store.turn(false);
  print("a");
  const flush = shipper.flush();
  shipper.close();
  shipper.close();
  await flush;
  t.is(print("b"), undefined);
  t.is(store.listeners, 0);
  t.is(clock.pending, 0);
  t.deepEqual(store.batches, []);
});

test("a batch is bounded, and a flood arrives complete and in order", async (t) => {
  const { store, shipper, print } = setUp();
  const expected: string[] = [];
  for (let line = 0; line < 200; line++) {
    expected.push(`${line} ${big("y")}`);
    await print(expected.at(-1) ?? "");
  }
  await shipper.flush();
  t.deepEqual(store.stored, expected);
  for (const { lines } of store.batches) t.true(lines.join("").length <= WORKER_LIMITS.logBatchBytes);
});
