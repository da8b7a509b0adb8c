import test from "ava";
import type { Identity, InboundCall, Payload } from "../../src/net/channel.ts";
import { FixedResolver } from "../../src/net/resolver.ts";
import { ActorServer } from "../../src/net/server.ts";
import { RESULTS_LIMITS, RecentResults } from "../../src/net/server-results.ts";
import { encodeValue } from "../../src/net/value/index.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { FaultyNetwork } from "../kit/faulty-network.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

const USER: Identity = { kind: "user", namespace: "default" };
const value = (it: unknown): Payload => ({ codec: "VALUE", bytes: encodeValue(it) });

/** A session's end of one try: `cut` is a broken link, `cancel` a caller that gives up. */
function attempt(key: string | undefined, identity: Identity = USER, method = "add") {
  const aborter = new AbortController();
  const closed = new AbortController();
  const peer = { identity, address: "peer", channel: undefined as never, closed: closed.signal };
  const call: InboundCall = {
    method,
    payload: value([]),
    remainingMs: undefined,
    signal: aborter.signal,
    wantsAnswer: true,
    key,
    trace: "",
    peer,
  };
  return {
    call,
    cancel: () => aborter.abort(new IrisError("CANCELLED", "by its caller")),
    cut: () => {
      aborter.abort(new IrisError("CANCELLED", "the session ended"));
      closed.abort();
    },
  };
}

/** Work that the test ends, and a count of how often it was begun. */
function kit() {
  const clock = new ManualClock();
  const results = new RecentResults(clock);
  const runs: { signal: AbortSignal; done: PromiseWithResolvers<Payload> }[] = [];
  const run = (signal: AbortSignal) => {
    const done = Promise.withResolvers<Payload>();
    runs.push({ signal, done });
    return done.promise;
  };
  const ask = (call: InboundCall) => results.answer("calc", call, run) as Promise<Payload>;
  return { clock, results, runs, ask };
}

test("a repeat of a running call joins it, and one of a call that has run gets its answer", async (t) => {
  const { ask, runs, results } = kit();
  const [first, second] = [ask(attempt("k").call), ask(attempt("k").call)];
  t.is(runs.length, 1);
  runs[0]?.done.resolve(value(7));
  t.is(await first, await second);
  t.is(await ask(attempt("k").call), await first);
  t.deepEqual([runs.length, results.running, results.kept], [1, 0, 1]);
});

test("without a key each call runs, and so do calls of other callers, methods and keys", async (t) => {
  const { ask, runs } = kit();
  const calls = [
    attempt(undefined),
    attempt(undefined),
    attempt("k"),
    attempt("l"),
    attempt("k", { ...USER, namespace: "other" }),
    attempt("k", { ...USER, taskId: "j/0", attemptUid: "a" }),
    attempt("k", USER, "subtract"),
  ];
  for (const { call } of calls) void ask(call);
  t.is(runs.length, calls.length);
});

test("a cancelled run is aborted with its last caller, one whose link broke 15 s later", async (t) => {
  const { ask, runs, clock, results } = kit();
  const [one, two] = [attempt("k"), attempt("k")];
  void ask(one.call);
  void ask(two.call);
  one.cancel();
  await settle();
  t.false(runs[0]?.signal.aborted);
  two.cut();
  await clock.advance(RESULTS_LIMITS.orphanMs - 1);
  t.false(runs[0]?.signal.aborted);
  await clock.advance(1);
  t.true(runs[0]?.signal.aborted);
  runs[0]?.done.reject(new IrisError("CANCELLED", "aborted"));
  await settle();
  t.deepEqual([results.running, results.kept, clock.pending], [0, 0, 0]);

  const three = attempt("m");
  void ask(three.call).catch(() => {});
  three.cancel();
  await settle();
  t.true(runs[1]?.signal.aborted);
});

test("who comes back in time finds the run that its broken link left", async (t) => {
  const { ask, runs, clock } = kit();
  const first = attempt("k");
  void ask(first.call);
  first.cut();
  await clock.advance(RESULTS_LIMITS.orphanMs - 1);
  const again = ask(attempt("k").call);
  await clock.advance(RESULTS_LIMITS.orphanMs * 2);
  t.false(runs[0]?.signal.aborted);
  runs[0]?.done.resolve(value(1));
  t.deepEqual(await again, value(1));
  t.deepEqual([runs.length, clock.pending], [1, 0]);
});

test("an error of the user's code is an answer; a refusal, and an end that nobody knows, are none", async (t) => {
  const { ask, runs, results } = kit();
  const errors = [
    [new RangeError("the user's"), 1],
    [new IrisError("NOT_FOUND", "the user's", { maybeExecuted: true }), 1],
    [new IrisError("MAILBOX_FULL", "refused"), 0],
    [new IrisError("LOST", "the actor ended", { maybeExecuted: true }), 0],
    [new IrisError("DEADLINE_EXCEEDED", "late", { maybeExecuted: true }), 0],
  ] as const;
  for (const [at, [error, kept]] of errors.entries()) {
    const before = results.kept;
    const answer = ask(attempt(`k${at}`).call);
    runs.at(-1)?.done.reject(error);
    await t.throwsAsync(answer, { is: error });
    await settle();
    t.is(results.kept - before, kept, error.message);
  }
});

test("answers are forgotten after a minute, the oldest when there are too many, and large ones are not kept", async (t) => {
  const { ask, runs, results, clock } = kit();
  const done = async (key: string, payload: Payload) => {
    const answer = ask(attempt(key).call);
    runs.at(-1)?.done.resolve(payload);
    await answer;
    await null;
  };
  await done("old", value(1));
  await clock.advance(RESULTS_LIMITS.keptMs);
  await done("new", value(2));
  t.is(results.kept, 1);
  await done("large", { codec: "VALUE", bytes: new Uint8Array(RESULTS_LIMITS.answerBytes + 1) });
  t.is(results.kept, 1);
  for (let at = 0; at < 40; at++) {
    await done(`big${at}`, { codec: "VALUE", bytes: new Uint8Array(RESULTS_LIMITS.answerBytes) });
  }
  t.is(results.kept, 15);
  for (let at = 0; at < RESULTS_LIMITS.keptMax + 50; at++) await done(`k${at}`, value(at));
  t.is(results.kept, RESULTS_LIMITS.keptMax);
});

test("a key that is too long is refused, and streams begin anew", async (t) => {
  const { ask, results } = kit();
  t.throws(() => ask(attempt("k".repeat(65)).call), { code: "INVALID_ARGUMENT" });
  const signals: AbortSignal[] = [];
  const stream = (signal: AbortSignal) => {
    signals.push(signal);
    return (async function* () {
      yield value(1);
    })();
  };
  const one = attempt("k");
  results.answer("calc", one.call, stream);
  results.answer("calc", attempt("k").call, stream);
  one.cancel();
  t.deepEqual(
    signals.map((signal) => signal.aborted),
    [true, false],
  );
  t.deepEqual([results.running, results.kept], [0, 0]);
});

class Counter {
  ran = 0;
  gate = Promise.withResolvers<void>();
  async count(): Promise<number> {
    const turn = ++this.ran;
    await this.gate.promise;
    return turn;
  }
}

/** A server that lives through what happens to its links, and a pool that reaches it. */
async function serving(actor: object) {
  const clock = new ManualClock();
  const network = new FaultyNetwork({ clock });
  const ports = { clock, random: new SeededRandom(1) };
  const server = new ActorServer(
    { token: "t", host: "server", port: 9000 },
    { transport: network.transport("server"), environment: {}, ...ports },
  );
  await server.register("counter", actor);
  const resolver = new FixedResolver(
    { counter: server.address },
    { token: "t", transport: network.transport("client"), ...ports },
  );
  return { clock, network, server, pool: resolver.lookup<Counter>("counter"), resolver };
}

test("a call that is idempotent outlives a broken link and runs once, whether it ran on or had finished", async (t) => {
  for (const finishes of ["before", "after"]) {
    const actor = new Counter();
    const { pool, network, clock, server, resolver } = await serving(actor);
    const answer = Promise.resolve(pool.call({ idempotent: true }).count());
    await settle();
    t.is(actor.ran, 1);
    network.drop("server");
    if (finishes === "before") actor.gate.resolve();
    await clock.advance(1_000);
    actor.gate.resolve();
    t.is(await answer, 1, finishes);
    t.is(actor.ran, 1, finishes);
    await resolver[Symbol.asyncDispose]();
    await Promise.all([server.stop({ graceMs: 0 }), clock.advance(1)]);
    t.is(clock.pending, 0);
  }
});

test("a call that is not idempotent fails with LOST when its link breaks, and is not sent again", async (t) => {
  const actor = new Counter();
  const { pool, network, clock, server, resolver } = await serving(actor);
  const answer = t.throwsAsync(Promise.resolve(pool.call().count()), { code: "LOST" });
  await settle();
  network.drop("server");
  await clock.advance(10_000);
  t.true(((await answer) as IrisError).maybeExecuted);
  t.is(actor.ran, 1);
  actor.gate.resolve();
  await resolver[Symbol.asyncDispose]();
  await Promise.all([server.stop({ graceMs: 0 }), clock.advance(1)]);
});
