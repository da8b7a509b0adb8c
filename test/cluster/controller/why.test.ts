/** Why things stand where they stand, from the rows and the events of a journey. Each title is the rule. */
import test from "ava";
import { explain, type Moment, questionOf } from "../../../src/cluster/controller/why.ts";
import { readLog } from "../../../src/cluster/controller/why-log.ts";
import { parseId } from "../../../src/cluster/job/id.ts";
import type { CausalEvent, Explanation } from "../../../src/net/wire/iris.ts";
import { BROKEN, exitOf, FAILED, Journey, resources, USER } from "./journey.ts";

async function why(
  j: Journey,
  id: string,
  { forgotten = 0, ...more }: Partial<Moment> & { forgotten?: number } = {},
): Promise<Explanation> {
  const kept = j.events.filter((event) => event.id > forgotten);
  const { kind, jobId } = parseId(id);
  const job = j.state.jobs.get(jobId);
  if (job === undefined) throw new Error(`no job ${jobId}`);
  const task = kind === "task" ? j.state.tasks.get(id) : undefined;
  const question = questionOf(j.state, job, task, { now: j.now, observing: false, ...more });
  const log = await readLog(
    {
      events: async (subject, limit) => kept.filter((event) => event.subject === subject).slice(0, limit),
      eventsById: async (ids) => kept.filter((event) => ids.includes(event.id)),
    },
    question,
  );
  return explain(j.state, question, log);
}

function happenings(chain: readonly CausalEvent[]): string[] {
  return chain.map(({ subjectName, what }) => `${subjectName} ${what}`);
}

test("a job that waits says what is in the way, in how many workers', and how many could never hold it", async (t) => {
  const j = new Journey();
  j.worker("small", 1);
  j.worker("busy", 4);
  const before = j.submit({ resources: resources(4) });
  j.place();
  t.is(j.attempt(`${before}/0`).workerId, "busy");
  const id = j.submit({ resources: resources(3), replicas: 2 });
  j.place();
  const told = await why(j, id);
  t.deepEqual(told.obstacles, [{ what: "cpu", workers: 2, workersNever: 1, tasks: 2 }]);
  t.is(told.summary, "PENDING: of 2 tasks 2 PENDING; 2 wait for a place");
  t.regex(told.text, / {2}2 tasks: cpu: 2 workers short, 1 of them even when empty/);
  t.deepEqual([told.chain, told.chainIsCut, told.tasks], [[], false, []]);
  t.is((await why(j, `${id}/1`)).summary, "PENDING: waits for a place");
});

test("no workers, a controller that observes and a place that is there are said as what they are", async (t) => {
  const j = new Journey();
  const id = j.submit();
  const only = async (more: Partial<Moment> = {}) => (await why(j, id, more)).obstacles.map(({ what }) => what);
  t.deepEqual(await only(), ["no workers have joined"]);
  t.deepEqual(await only({ observing: true }), ["the controller has just started and still finds out who is there"]);
  j.worker("w");
  t.deepEqual(await only(), ["nothing: it fits and is about to be placed"]);
});

test("a task that is tried again says what ended each attempt, and when the next may come", async (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ maxRetriesFailure: 1 });
  j.exit(j.start(`${id}/0`), BROKEN);
  j.pass(60_000);
  j.exit(j.start(`${id}/0`), FAILED);
  const told = await why(j, id);
  const [story] = told.tasks;
  t.deepEqual(
    story?.attempts.map(({ status }) => [status?.attempt, status?.state, status?.cause?.kind]),
    [
      [0, "WORKER_FAILED", "infrastructure"],
      [1, "FAILED", "exited"],
    ],
  );
  t.is(story?.nextTryAtMs, j.state.tasks.get(`${id}/0`)?.readyAtMs);
  t.deepEqual(happenings(story?.attempts[1]?.chain ?? []), [
    `attempt 1 of ${id}/0 assigned`,
    `attempt 1 of ${id}/0 ASSIGNED → RUNNING`,
    `attempt 1 of ${id}/0 RUNNING → FAILED`,
  ]);
  t.is(told.obstacles[0]?.what, "retry: waits before its next try");
  t.regex(told.text, /attempt 0 on w WORKER_FAILED: engine down/);
  t.regex(told.text, /next try not before 1970-01-01T/);
  const task = await why(j, `${id}/0`);
  t.is(task.summary, "PENDING: waits for another try, after: exit status 1");
  t.deepEqual(happenings(task.chain), [`attempt 1 of ${id}/0 RUNNING → FAILED`, `task ${id}/0 RUNNING → PENDING`]);
  j.pass(60_000);
  j.start(`${id}/0`);
  t.is((await why(j, `${id}/0`)).summary, "RUNNING: attempt 2 on w, after: exit status 1");
});

test("a job that died of a lost worker is explained back to the worker's silence", async (t) => {
  const j = new Journey();
  const link = j.worker("w");
  const id = j.submit({ maxRetriesPreemption: 0 });
  j.start(`${id}/0`);
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: false });
  j.run({ kind: "probed", workerId: "w", link, answer: "no-answer" });
  j.pass(j.limits.lostAfterMs);
  const told = await why(j, id);
  t.deepEqual(happenings(told.chain), [
    "worker w gone",
    `attempt 0 of ${id}/0 RUNNING → WORKER_FAILED`,
    `task ${id}/0 RUNNING → WORKER_FAILED`,
    `job ${id} RUNNING → WORKER_FAILED`,
  ]);
  t.regex(told.text, /worker w gone: nothing was heard of it for 10000 ms/);
  t.is(told.tasks[0]?.attempts[0]?.chain.at(-2)?.subjectName, "worker w", "the attempt's own story names it as well");
});

test("a job that died with its parent is explained back through every generation, each event after its cause", async (t) => {
  const j = new Journey();
  j.worker("w", 8);
  const root = j.submit();
  j.start(`${root}/0`);
  const child = j.submit({ name: "child" }, { by: j.taskIdentity(`${root}/0`) });
  j.start(`${child}/0`);
  const grandchild = j.submit({ name: "grandchild" }, { by: j.taskIdentity(`${child}/0`) });
  j.start(`${grandchild}/0`);
  j.exit(j.attempt(`${root}/0`), FAILED);
  const told = await why(j, grandchild);
  t.deepEqual(happenings(told.chain), [
    `attempt 0 of ${root}/0 RUNNING → FAILED`,
    `task ${root}/0 RUNNING → FAILED`,
    `job ${root} RUNNING → FAILED`,
    `job ${grandchild} RUNNING → KILLED`,
  ]);
  for (const [at, event] of told.chain.entries()) {
    t.is(event.causeEventId, told.chain[at - 1]?.id ?? 0, "an unbroken chain from what came from outside");
  }
  t.is(told.summary, `KILLED: its ancestor ${root} ended FAILED`);
  const asked = j.submit();
  j.start(`${asked}/0`);
  j.run({ kind: "terminate", jobId: asked, by: USER });
  t.deepEqual(happenings((await why(j, asked)).chain), [
    `job ${asked} was asked to end`,
    `job ${asked} RUNNING → KILLED`,
  ]);
});

test("an attempt that ran too long, one that was lost and one that was stopped say so", async (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ timeoutMs: 100, maxRetriesFailure: 5 });
  j.start(`${id}/0`);
  j.pass(100);
  j.exit(j.attempt(`${id}/0`), exitOf());
  j.pass(60_000);
  j.start(`${id}/0`);
  j.say(j.attempt(`${id}/0`), "MISSING");
  j.pass(60_000);
  j.start(`${id}/0`);
  j.run({ kind: "terminate", jobId: id, by: USER });
  const { tasks, text } = await why(j, `${id}/0`);
  t.deepEqual(
    tasks[0]?.attempts.map(({ status }) => status?.cause?.kind),
    ["timeout", "missing", "killed-by-user"],
  );
  t.regex(text, /RUNNING → TIMING_OUT: ran longer than 100 ms/);
});

test("where the log has forgotten, that is said, and what is left is told", async (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  j.exit(j.start(`${id}/0`), FAILED);
  const whole = await why(j, id);
  const forgotten = whole.chain[0]?.id ?? 0;
  const told = await why(j, id, { forgotten });
  t.true(told.chainIsCut);
  t.deepEqual(told.chain, whole.chain.slice(1));
  t.true(told.tasks[0]?.attempts[0]?.chainIsCut);
  t.regex(told.text, /no longer in the log/);
  const nothing = await why(j, id, { forgotten: Number.MAX_SAFE_INTEGER });
  t.deepEqual([nothing.chain, nothing.chainIsCut], [[], true]);
  t.is(nothing.summary, whole.summary, "rows say why without the log");
});

test("of a job with thousands of tasks the telling ones are told, and the rest is counted", async (t) => {
  const j = new Journey();
  j.worker("w", 100);
  const id = j.submit({ replicas: 3_000, maxRetriesFailure: 1, maxTaskFailures: 3_000 });
  j.place();
  for (let index = 0; index < 30; index++) {
    j.say(j.attempt(`${id}/${index}`), "RUNNING");
    j.exit(j.attempt(`${id}/${index}`), FAILED);
  }
  const told = await why(j, id);
  t.is(told.tasks.length, 10);
  t.is(told.tasksLeftOut, 20);
  t.is(
    told.obstacles.reduce((sum, { tasks }) => sum + tasks, 0),
    2_930,
    "every waiting task is counted under what is in its way",
  );
  t.true(told.text.split("\n").length < 100);
});
