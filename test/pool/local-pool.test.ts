/** A pool on real threads. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";
import { poolContext } from "../../src/pool/context.ts";
import { LocalPool } from "../../src/pool/local-pool.ts";
import { declared } from "../net/callable/fixtures/exported.ts";
import { isAbortedLater, sumOfShared, waitForAbort } from "./fixtures/in-context.ts";

test("runs functions by text and by name on threads", async (t) => {
  await using pool = new LocalPool({ threads: 2 });
  t.is(await pool.submit((a: number, b: number) => a + b, 1, 2), 3);
  t.is(await pool.submit(declared, 3, 4), 7);
  t.is(await pool.submit(async () => (await import("node:worker_threads")).isMainThread), false);
  const big = await pool.submit((bytes: Uint8Array) => bytes.map((byte) => byte + 1), new Uint8Array(100_000));
  t.true(big.length === 100_000 && big.every((byte) => byte === 1));
});

test("a function's own error rejects unchanged, even what is no error", async (t) => {
  await using pool = new LocalPool({ threads: 1 });
  const own = pool.submit(() => {
    throw Object.assign(new RangeError("mine"), { code: "E_MINE" });
  });
  const error = await t.throwsAsync(own.result(), { instanceOf: RangeError, message: "mine", code: "E_MINE" });
  t.regex(error?.stack ?? "", /local-pool\.test\.ts:\d+/);
  const thrown = pool.submit(() => {
    throw "text";
  });
  t.is(await thrown.then(undefined, (reason) => reason), "text");
  t.like(pool.status(), { failed: 2, retried: 0 });
});

test("what cannot travel rejects, either way", async (t) => {
  await using pool = new LocalPool({ threads: 1 });
  const captured = 1;
  await t.throwsAsync(pool.submit(() => captured).result(), { code: "NOT_SHIPPABLE", message: /`captured`/ });
  await t.throwsAsync(pool.submit((x: unknown) => x, new WeakMap()).result(), { code: "NOT_SHIPPABLE" });
  await t.throwsAsync(pool.submit(() => () => 1).result(), { code: "NOT_SHIPPABLE" });
  const hidden = pool.submit(() => {
    throw Object.assign(new TypeError("with a handle"), { timer: setTimeout(() => {}, 0) });
  });
  await t.throwsAsync(hidden.result(), { message: "with a handle", name: "TypeError" });
});

test("a thread that dies is replaced; its call is tried again, then rejects, and the others' calls go on", async (t) => {
  await using pool = new LocalPool({ threads: 1 });
  const poison = pool.submit(() => process.exit(3));
  const behind = pool.submit((n: number) => n, 5);
  await t.throwsAsync(poison.result(), { code: "LOST", message: /died, 4 times: .*3/ });
  t.is(await behind, 5);
  t.is(pool.status().retried, 3);
});

test("results stream in order or as they come, and leaving the loop frees the threads", async (t) => {
  await using pool = new LocalPool({ threads: 2 });
  const doubled: number[] = [];
  for await (const n of pool.map((item: number) => item * 2, [1, 2, 3, 4, 5])) doubled.push(n);
  t.deepEqual(doubled, [2, 4, 6, 8, 10]);
  async function* endless() {
    for (let n = 0; ; n++) yield n;
  }
  const any = new Set<number>();
  for await (const n of pool.map((item: number) => item, endless(), { ordered: false, inFlightMax: 4 })) {
    any.add(n);
    if (any.size === 10) break;
  }
  t.is(any.size, 10);
  t.is(await pool.submit(() => "free"), "free");
});

test("shutting down cancels what runs; draining waits for it", async (t) => {
  const draining = new LocalPool({ threads: 1 });
  const last = draining.submit((n: number) => n + 1, 1);
  await draining.shutdown({ drain: true });
  t.is(await last, 2);
  const cut = new LocalPool({ threads: 1 });
  await cut.ready();
  const never = cut.submit(() => new Promise<void>(() => {}));
  await cut.shutdown();
  await cut.shutdown();
  await t.throwsAsync(never.result(), { code: "CANCELLED" });
  await t.throwsAsync(cut.submit(() => 1).result(), { code: "FAILED_PRECONDITION" });
  await t.throwsAsync(cut.ready(), { code: "FAILED_PRECONDITION" });
});

const loop = (): void => {
  for (;;);
};
const thread = async (): Promise<number> => (await import("node:worker_threads")).threadId;

test("a cancelled call sees its signal abort, and its thread lives on", async (t) => {
  await using pool = new LocalPool({ threads: 1, cancelGraceMs: 60_000 });
  const before = await pool.submit(thread);
  t.false(await pool.submit(isAbortedLater));
  const waiting = pool.submit(waitForAbort);
  const behind = pool.submit(thread);
  await new Promise((resolve) => setImmediate(resolve)); // it is with the thread
  t.true(waiting.cancel());
  await t.throwsAsync(waiting.result(), { code: "CANCELLED" });
  t.is(await behind, before);
});

test("a thread that does not end a cancelled call is replaced; what waited behind runs, uncharged", async (t) => {
  await using pool = new LocalPool({ threads: 1, cancelGraceMs: 20, maxRetries: 0 });
  const before = await pool.submit(thread);
  const channel = new BroadcastChannel("pool-endless");
  const begun = new Promise((resolve) => channel.addEventListener("message", resolve, { once: true }));
  const endless = pool.submit(() => {
    new BroadcastChannel("pool-endless").postMessage("begun");
    for (;;);
  });
  const behind = pool.submit(thread);
  await begun;
  channel.close();
  t.true(endless.cancel());
  t.not(await behind, before);
  t.like(pool.status(), { retried: 0, done: 2, failed: 1 });
});

test("the neighbour of a cancelled call runs once, undisturbed", async (t) => {
  await using pool = new LocalPool({ threads: 2, cancelGraceMs: 1, maxRetries: 0 });
  await pool.ready();
  const neighbour = pool.submit(async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return "whole";
  });
  const cut = [pool.submit(loop), pool.submit(loop), pool.submit(loop)];
  for (const future of cut) future.cancel();
  t.is(await neighbour, "whole");
});

test("a call that takes longer than its time is ended, one in time is not", async (t) => {
  await using pool = new LocalPool({ threads: 1, cancelGraceMs: 10 });
  await pool.ready();
  const timed = pool.with({ timeoutMs: 50 });
  await t.throwsAsync(timed.submit(loop).result(), {
    code: "DEADLINE_EXCEEDED",
    message: /loop ran for longer than 50/,
  });
  t.is(await pool.with({ timeoutMs: 60_000 }).submit(() => "in time"), "in time");
  await t.throwsAsync(timed.map(loop, [1])[Symbol.asyncIterator]().next(), { code: "DEADLINE_EXCEEDED" });
  t.throws(() => pool.with({ timeoutMs: 0 }), { code: "INVALID_ARGUMENT", message: /timeoutMs is 0/ });
  t.throws(() => pool.with({ maxRetries: -1 }), { code: "INVALID_ARGUMENT" });
});

test("a shared value is sent to each thread once, and to the thread that replaces one", async (t) => {
  await using pool = new LocalPool({ threads: 1, maxRetries: 0 });
  const handle = pool.share({ numbers: [1, 2, 3] });
  t.deepEqual(await pool.submit(sumOfShared, handle), { sum: 6, seen: 1 });
  t.deepEqual(await pool.submit(sumOfShared, handle), { sum: 6, seen: 2 });
  const another = pool.share({ numbers: [4] });
  t.deepEqual(await pool.submit(sumOfShared, another), { sum: 4, seen: 1 });
  await t.throwsAsync(pool.submit(() => process.exit(1)).result(), { code: "LOST" });
  t.deepEqual(await pool.submit(sumOfShared, handle), { sum: 6, seen: 1 });
  await t.throwsAsync(pool.submit(sumOfShared, { shared: 9 }).result(), { code: "INVALID_ARGUMENT" });
  t.throws(() => pool.share(new WeakMap()), { code: "NOT_SHIPPABLE" });
});

test("outside of a pool's call there is no context", (t) => {
  t.throws(() => poolContext(), { code: "FAILED_PRECONDITION" });
});

test("ready resolves when a thread is up; size and status tell", async (t) => {
  await using pool = new LocalPool({ threads: 1, inFlightMax: 8 });
  await pool.ready();
  t.is(pool.size, 1);
  await pool.submit(() => 1);
  t.deepEqual(pool.status(), {
    queued: 0,
    inFlight: 0,
    done: 1,
    failed: 0,
    retried: 0,
    workers: [{ id: "thread-0", inFlight: 0, done: 1 }],
  });
});

test("numbers that make no sense are refused at once", (t) => {
  t.throws(() => new LocalPool({ threads: 0 }), { code: "INVALID_ARGUMENT", message: /threads is 0/ });
  t.throws(() => new LocalPool({ threads: 1, inFlightMax: 1.5 }), { code: "INVALID_ARGUMENT" });
});

test("an idle pool keeps no process alive; a call on its way does", async (t) => {
  const module = new URL("../../src/pool/local-pool.ts", import.meta.url).href;
  const program = `
    const { LocalPool } = await import(${JSON.stringify(module)});
    const pool = new LocalPool({ threads: 1 });
    await pool.submit(() => 1);
    pool.submit(() => new Promise((resolve) => setTimeout(resolve, 50, "late"))).then(console.log);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
  t.is(stdout, "late\n");
});

test("a pool whose threads cannot even start gives up, and says why", async (t) => {
  const module = new URL("../../src/pool/local-pool.ts", import.meta.url).href;
  const breaks =
    'import { isMainThread } from "node:worker_threads"; if (!isMainThread) throw new Error("no threads here");';
  const program = `
    const { LocalPool } = await import(${JSON.stringify(module)});
    const pool = new LocalPool({ threads: 2 });
    await pool.submit(() => 1).catch((error) => console.log(error.code, error.message));
  `;
  const flags = [
    "--import",
    `data:text/javascript,${encodeURIComponent(breaks)}`,
    "--input-type=module",
    "-e",
    program,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  t.regex(stdout, /^UNAVAILABLE threads of LocalPool end before they are ready: .*no threads here/);
});
