/** An hour of a client and two servers whose links break, freeze and lag, by a seed; then the books are opened. */
import test from "ava";
import { FixedResolver } from "../../src/net/resolver.ts";
import { ActorServer } from "../../src/net/server.ts";
import { currentCall } from "../../src/runtime/context.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { FaultyNetwork } from "../kit/faulty-network.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

const HOUR_MS = 3_600_000;
const HOSTS = ["one", "two"];

/** What one call was and what became of it. */
interface Entry {
  readonly id: number;
  readonly kind: "quick" | "slow" | "fail" | "stream" | "tell";
  readonly isIdempotent: boolean;
  /** How often it settled. */
  settled: number;
  outcome: { as: "answer"; value: unknown } | { as: "error"; error: unknown } | undefined;
}

/** Runs of each call at one server: begun, and come to their end. */
class Ledger {
  readonly begun = new Map<number, number>();
  readonly ended = new Map<number, number>();
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  quick(id: number): number {
    count(this.begun, id);
    count(this.ended, id);
    return id;
  }
  async slow(id: number, ms: number): Promise<number> {
    count(this.begun, id);
    const signal = currentCall()?.signal;
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.setTimeout(resolve, ms);
      const onAbort = () => {
        this.#clock.clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    });
    count(this.ended, id);
    return id;
  }
  fail(id: number): never {
    this.quick(id);
    throw new IrisError("UNAVAILABLE", `${id}`);
  }
  async *stream(id: number, items: number): AsyncGenerator<number> {
    count(this.begun, id);
    for (let at = 0; at < items; at++) yield at;
    count(this.ended, id);
  }
}

function count(counts: Map<number, number>, id: number): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}

function world(seed: number) {
  const clock = new ManualClock();
  const random = new SeededRandom(seed);
  const network = new FaultyNetwork({ clock, seed });
  const system = new ActorSystem({ name: "hour", clock, random });
  const ledgers = HOSTS.map(() => new Ledger(clock));
  const refs = ledgers.map((ledger, at) => system.host(ledger, { name: `desk${at}`, concurrency: 64 }));
  const servers = HOSTS.map((host) => {
    const ports = { transport: network.transport(host), clock, random, environment: {} };
    return new ActorServer({ token: "t", host, port: 9000 }, ports);
  });
  return { clock, random, network, system, ledgers, refs, servers };
}

/** Plays the hour, heals all, and waits until every call must have ended by its own or its link's end. */
async function play(seed: number) {
  const { clock, random, network, system, ledgers, refs, servers } = world(seed);
  for (const [at, server] of servers.entries())
    await server.register("desk", refs[at] as NonNullable<(typeof refs)[0]>);
  const resolver = new FixedResolver(
    { desk: servers.map((server) => server.address) },
    { token: "t", transport: network.transport("client"), clock, random },
  );
  const pool = resolver.lookup<Ledger>("desk");
  const entries: Entry[] = [];
  const below = (most: number) => Math.floor(random.next() * most);
  const kinds = ["quick", "quick", "slow", "slow", "fail", "stream", "tell"] as const;

  const begin = () => {
    const kind = kinds[below(kinds.length)] ?? "quick";
    const isIdempotent = kind !== "tell" && below(2) === 0;
    const entry: Entry = { id: entries.length + 1, kind, isIdempotent, settled: 0, outcome: undefined };
    entries.push(entry);
    const cancel = new AbortController();
    if (below(6) === 0) clock.setTimeout(() => cancel.abort(), below(3_000));
    const timeoutMs = below(3) === 0 ? 1 + below(20_000) : 60_000;
    const { id } = entry;
    const call = pool.call({ idempotent: isIdempotent, timeoutMs, signal: cancel.signal });
    const ended = (outcome: Entry["outcome"]) => {
      entry.settled++;
      entry.outcome = outcome;
    };
    const answers = {
      quick: async () => call.quick(id),
      slow: async () => call.slow(id, below(8_000)),
      fail: async () => call.fail(id),
      tell: async () => pool.members()[below(2)]?.tell().quick(id),
      stream: async () => {
        const items: number[] = [];
        for await (const item of call.stream(id, 50)) {
          if (item !== items.length) throw new Error(`item ${item} of stream ${id} is out of order`);
          items.push(item);
        }
        return items.length;
      },
    };
    void answers[kind]().then(
      (value) => ended({ as: "answer", value }),
      (error: unknown) => ended({ as: "error", error }),
    );
  };

  const disturb = () => {
    const host = HOSTS[below(HOSTS.length)] ?? "one";
    switch (below(6)) {
      case 0:
        return network.drop(host);
      case 1:
        network.cut("client", host);
        return clock.setTimeout(() => network.heal(), below(20_000));
      case 2:
      case 3:
        network.freeze("client", host);
        return clock.setTimeout(() => network.heal(), below(30_000));
      case 4:
        return network.delay(0, below(200));
      default:
        return network.delay(0);
    }
  };

  const endsAt = clock.now() + HOUR_MS;
  while (clock.now() < endsAt) {
    for (let calls = below(4); calls > 0; calls--) begin();
    if (below(12) === 0) disturb();
    await clock.advance(1 + below(6_000));
  }
  network.heal();
  network.delay(0);
  await clock.advance(120_000);
  const counts = refs.map((ref) => system.inspect().roots.find(({ path }) => path === ref.path)?.counts);
  await resolver[Symbol.asyncDispose]();
  for (const server of servers) await Promise.all([server.stop({ graceMs: 0 }), clock.advance(1)]);
  await Promise.all([system.stop({ timeoutMs: 0 }), clock.advance(1)]);
  await settle();
  return { entries, ledgers, counts, clock, network };
}

for (const seed of [1, 2]) {
  test(`in an hour of broken links nothing is answered twice or lost without an error (seed ${seed})`, async (t) => {
    const { entries, ledgers, counts, clock, network } = await play(seed);
    const begunOf = (id: number) => ledgers.reduce((sum, { begun }) => sum + (begun.get(id) ?? 0), 0);
    t.true(entries.length > 1_000, `${entries.length} calls`);
    const seen = new Map<string, number>();
    for (const { id, kind, isIdempotent, settled, outcome } of entries) {
      const what = `call ${id}: ${kind}${isIdempotent ? ", idempotent" : ""}`;
      if (settled !== 1) t.fail(`${what} settled ${settled} times`);
      const begun = begunOf(id);
      if (!isIdempotent && begun > 1) t.fail(`${what} was run ${begun} times`);
      for (const { ended } of ledgers) {
        if (kind !== "stream" && (ended.get(id) ?? 0) > 1) t.fail(`${what} came to its end twice at one server`);
      }
      if (outcome?.as === "answer") {
        seen.set("answer", (seen.get("answer") ?? 0) + 1);
        const expected = kind === "stream" ? 50 : kind === "tell" ? outcome.value : id;
        if (outcome.value !== expected) t.fail(`${what} got the answer ${outcome.value}`);
        if (kind !== "tell" && begun === 0) t.fail(`${what} was answered, but did not run`);
        if (kind === "tell" && outcome.value === false && begun > 0) t.fail(`${what} was refused, but ran`);
      } else {
        const error = outcome?.error;
        if (!IrisError.is(error)) {
          t.fail(`${what} failed with ${String(error)}`);
          continue;
        }
        seen.set(error.code, (seen.get(error.code) ?? 0) + 1);
        if (begun > 0 && error.maybeExecuted !== true) t.fail(`${what} ran, and its error says it did not: ${error}`);
      }
    }
    for (const code of ["answer", "LOST", "UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED"]) {
      t.true((seen.get(code) ?? 0) > 0, `nothing ended with ${code}: the hour was too quiet`);
    }
    t.is(
      [...seen.values()].reduce((sum, times) => sum + times, 0),
      entries.length,
    );
    for (const [at, ledger] of ledgers.entries()) {
      const tally = counts[at];
      const begun = [...ledger.begun.values()].reduce((sum, times) => sum + times, 0);
      t.is(tally?.open, 0);
      const {
        accepted = 0,
        handled = 0,
        failed = 0,
        expired = 0,
        cancelled = 0,
        rejected = 0,
        undeliverable = 0,
      } = tally ?? {};
      t.is(handled + failed + expired + cancelled + rejected + undeliverable, accepted);
      t.true(begun >= handled + failed && begun <= accepted, `${begun} began, ${JSON.stringify(tally)}`);
    }
    t.is(network.links, 0);
    t.is(clock.pending, 0);
  });
}
