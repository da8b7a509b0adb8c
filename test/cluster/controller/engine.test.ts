/** Commands in, commits, effects out: what the engine promises about their order. */
import test from "ava";
import { Engine, type Outside } from "../../../src/cluster/controller/engine.ts";
import type { Commit } from "../../../src/cluster/controller/journal.ts";
import { MemoryJournal } from "../../../src/cluster/controller/journal-memory.ts";
import { CLUSTER_LIMITS } from "../../../src/cluster/job/limits.ts";
import { silentLogger } from "../../../src/runtime/ports/logger.ts";
import { ManualClock, settle } from "../../kit/manual-clock.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";
import { resources, specOf, USER } from "./journey.ts";

const SUBMISSION = {
  kind: "submit",
  spec: specOf(),
  ifExists: "IF_EXISTS_DEFAULT",
  idempotencyKey: "",
  by: USER,
} as const;

/** A journal whose commits wait for a gate, or fail. */
class GatedJournal extends MemoryJournal {
  readonly commits: Commit[] = [];
  gate: PromiseWithResolvers<void> | undefined;

  override async commit(commit: Commit): Promise<void> {
    this.commits.push(commit);
    await this.gate?.promise;
    await super.commit(commit);
  }
}

async function start(journal = new GatedJournal(), clock = new ManualClock()) {
  const effects: string[] = [];
  const outside: Outside = {
    push: (workerId) => effects.push(`push ${workerId}`),
    jobChanged: (jobId) => effects.push(`changed ${jobId}`),
    endpointsChanged: (key) => effects.push(`endpoints ${key}`),
    probe: (workerId) => effects.push(`probe ${workerId}`),
    forgetLogs: () => {},
  };
  const random = new SeededRandom(clock.now());
  const engine = await Engine.start({ journal, clock, random, logger: silentLogger, limits: CLUSTER_LIMITS, outside });
  return { engine, journal, clock, effects };
}

test("nobody hears of anything before it is on disk", async (t) => {
  const { engine, journal, effects } = await start();
  journal.gate = Promise.withResolvers();
  let answer: string | undefined;
  const submitting = engine.run(SUBMISSION).then(({ jobId }) => {
    answer = jobId;
  });
  await settle();
  t.is(engine.state.jobs.size, 1);
  t.is(answer, undefined);
  t.deepEqual(effects, []);
  let isSettled = false;
  const reading = engine.settled().then(() => {
    isSettled = true;
  });
  await settle();
  t.false(isSettled);
  journal.gate.resolve();
  await Promise.all([submitting, reading]);
  t.deepEqual(effects, [`changed ${answer}`]);
  await engine.stop();
});

test("what comes while the disk is busy shares the next commit", async (t) => {
  const { engine, journal } = await start();
  journal.gate = Promise.withResolvers();
  const all = [engine.run(SUBMISSION)];
  await settle();
  for (let count = 0; count < 50; count++) {
    all.push(engine.run(SUBMISSION));
    await settle(1);
  }
  const before = journal.commits.length;
  journal.gate.resolve();
  await Promise.all(all);
  t.is(journal.commits.length - before, 1);
  await engine.stop();
});

test("a commit that fails rejects who waits for it, and ends the engine", async (t) => {
  const { engine, journal, clock, effects } = await start();
  journal.gate = Promise.withResolvers();
  const first = engine.run(SUBMISSION);
  await settle();
  const second = engine.run(SUBMISSION);
  journal.gate.reject(new Error("disk full"));
  await t.throwsAsync(first, { code: "UNAVAILABLE", message: /disk full/ });
  await t.throwsAsync(second, { code: "UNAVAILABLE" });
  await t.throwsAsync(engine.failed, { message: "disk full" });
  await t.throwsAsync(engine.run(SUBMISSION), { code: "UNAVAILABLE" });
  t.deepEqual(effects, []);
  t.is(clock.pending, 0);
});

test("a stop keeps what is on the way and refuses the rest", async (t) => {
  const { engine, journal, clock } = await start();
  const accepted = engine.run(SUBMISSION);
  const stopping = engine.stop();
  await t.throwsAsync(engine.run(SUBMISSION), { code: "UNAVAILABLE", message: /is stopping/ });
  await accepted;
  await stopping;
  await engine.stop();
  t.is(engine.phase, "stopped");
  t.is((await journal.load()).jobs.size, 1);
  t.is(clock.pending, 0);
});

test("what changes nothing that is kept costs no commit", async (t) => {
  const { engine, journal } = await start();
  const registration = { workerId: "w", incarnation: "a", host: "h", probeAddress: "", attributes: {} };
  await engine.run({ kind: "registerWorker", ...registration, capacity: resources(1), link: 1 });
  const before = journal.commits.length;
  await engine.run({ kind: "observed", workerId: "w", incarnation: "a", observed: [], complete: true, strays: 0 });
  t.is(journal.commits.length, before);
  await engine.stop();
});

test("while known workers are awaited nothing is placed and no wait ends; both come after", async (t) => {
  const journal = new GatedJournal();
  const clock = new ManualClock();
  const first = await start(journal, clock);
  const registration = { workerId: "w", incarnation: "a", host: "h", probeAddress: "", attributes: {} };
  await first.engine.run({ kind: "registerWorker", ...registration, capacity: resources(1), link: 1 });
  const spec = specOf({ schedulingTimeoutMs: 5_000, resources: resources(9) });
  const { jobId } = await first.engine.run({ ...SUBMISSION, spec });
  await first.engine.stop();
  const { engine } = await start(journal, clock);
  t.is(engine.phase, "observing");
  await clock.advance(9_000);
  t.is(engine.state.jobs.get(jobId)?.state, "PENDING");
  await clock.advance(1_000);
  t.is(engine.phase, "serving");
  t.is(engine.state.jobs.get(jobId)?.state, "UNSCHEDULABLE");
  t.is(engine.state.presences.get("w")?.state, "gone");
  await engine.stop();
});

test("events of long ago are forgotten with the jobs that ended then", async (t) => {
  const { engine, journal, clock } = await start();
  const { jobId } = await engine.run(SUBMISSION);
  await engine.run({ kind: "terminate", jobId, by: USER });
  await clock.advance(6 * 24 * 3_600_000);
  const later = (await engine.run(SUBMISSION)).jobId;
  t.not((await journal.events(jobId, 10)).length, 0);
  await clock.advance(2 * 24 * 3_600_000);
  t.deepEqual(await journal.events(jobId, 10), []);
  t.not((await journal.events(later, 10)).length, 0);
  t.deepEqual(
    [...engine.state.jobs.values()].map(({ id }) => id),
    [later],
  );
  await engine.stop();
});
