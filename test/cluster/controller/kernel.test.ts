/** The rules of states and retries as short journeys: what is submitted, what workers say, what follows. */
import test from "ava";
import { BROKEN, exitOf, FAILED, Journey, USER } from "./journey.ts";

test("a job whose task exits with 0 goes PENDING, RUNNING, SUCCEEDED", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  t.is(j.jobState(id), "PENDING");
  j.place();
  t.is(j.taskState(`${id}/0`), "ASSIGNED");
  j.say(j.attempt(`${id}/0`), "BUILDING");
  t.is(j.taskState(`${id}/0`), "BUILDING");
  t.is(j.jobState(id), "PENDING");
  j.say(j.attempt(`${id}/0`), "RUNNING", { startedAtMs: 5, ports: { http: 30_001 } });
  t.is(j.jobState(id), "RUNNING");
  t.is(j.status(id).startedAtMs, 5);
  j.exit(j.attempt(`${id}/0`));
  t.is(j.taskState(`${id}/0`), "SUCCEEDED");
  t.is(j.jobState(id), "SUCCEEDED");
  t.is(j.status(id).cause?.kind, "exited");
  t.deepEqual(j.attempt(`${id}/0`).ports, { http: 30_001 });
  t.deepEqual(j.held("w"), []);
});

test("two retries mean three tries, and then FAILED with the cause of the last", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ maxRetriesFailure: 2 });
  for (let tries = 1; tries <= 3; tries++) {
    j.exit(j.start(`${id}/0`), FAILED);
    if (tries < 3) t.is(j.taskState(`${id}/0`), "PENDING");
    j.pass(60_000);
  }
  t.is(j.jobState(id), "FAILED");
  const { firstFailed, cause } = j.status(id);
  t.is(firstFailed?.failures, 3);
  t.is(firstFailed?.id, `${id}/0`);
  t.is(cause?.exitCode, 1);
});

test("an attempt that its machine lost costs the other budget", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ maxRetriesPreemption: 1 });
  j.exit(j.start(`${id}/0`), BROKEN);
  t.is(j.taskState(`${id}/0`), "PENDING");
  j.pass(60_000);
  j.exit(j.start(`${id}/0`), BROKEN);
  t.is(j.taskState(`${id}/0`), "WORKER_FAILED");
  t.is(j.jobState(id), "WORKER_FAILED");
  t.is(j.status(id).firstFailed?.preemptions, 2);
});

test("what its worker does not know any more is lost, and what it does not mention is not", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  const attempt = j.start(`${id}/0`);
  j.run({ kind: "observed", workerId: "w", incarnation: "a", observed: [], complete: true, strays: 0 });
  t.is(j.taskState(`${id}/0`), "RUNNING");
  j.say(attempt, "MISSING");
  t.is(j.attempt(`${id}/0`).cause?.kind, "missing");
  t.is(j.taskState(`${id}/0`), "PENDING");
});

test("a worker that stops an attempt unasked has lost it", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  const cause = { kind: "killed-by-user", message: "stopping", causeEventId: 0 };
  j.exit(j.start(`${id}/0`), exitOf({ ok: false, cause }));
  t.is(j.attempt(`${id}/0`).state, "WORKER_FAILED");
  t.is(j.attempt(`${id}/0`).cause?.kind, "infrastructure");
});

test("running out of memory is the task's own fault and says so", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  const cause = { kind: "oom", message: "limit 512 MiB, peak 512 MiB", causeEventId: 0 };
  j.exit(j.start(`${id}/0`), exitOf({ ok: false, cause }));
  t.is(j.jobState(id), "FAILED");
  t.is(j.status(id).cause?.kind, "oom");
});

test("an end about which nothing is said is its machine's", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  j.say(j.start(`${id}/0`), "EXITED");
  t.is(j.attempt(`${id}/0`).state, "WORKER_FAILED");
});

test("a retry waits 1 s, doubling to 60 s, less at most half by chance", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ maxRetriesFailure: 20 });
  const full = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
  for (const fullMs of full) {
    j.exit(j.start(`${id}/0`), FAILED);
    const waitMs = (j.state.tasks.get(`${id}/0`)?.readyAtMs ?? 0) - j.now;
    t.true(waitMs >= fullMs / 2 && waitMs <= fullMs, `${waitMs} of ${fullMs}`);
    j.pass(waitMs - 1);
    j.place();
    t.is(j.taskState(`${id}/0`), "PENDING");
    t.is(j.status(id).pendingReason, "retry: waits before its next try");
    j.pass(1);
  }
});

test("a worker on which a task failed for infrastructure reasons twice is avoided by it", (t) => {
  const j = new Journey();
  j.worker("bad", 64);
  const id = j.submit();
  for (let failures = 0; failures < 2; failures++) {
    j.exit(j.start(`${id}/0`), BROKEN);
    j.pass(60_000);
  }
  j.worker("good", 1);
  t.is(j.start(`${id}/0`).workerId, "good");
});

test("an avoided worker is used where no other is big enough", (t) => {
  const j = new Journey();
  j.worker("only", 2);
  j.worker("small", 1);
  const id = j.submit({ resources: { cpuMillis: 2_000, memoryBytes: 0, diskBytes: 0, gpus: 0 } });
  for (let failures = 0; failures < 3; failures++) {
    t.is(j.start(`${id}/0`).workerId, "only");
    j.exit(j.attempt(`${id}/0`), BROKEN);
    j.pass(60_000);
  }
});

test("a job tolerates so many failed tasks and succeeds, and fails with one more", (t) => {
  for (const [maxTaskFailures, state] of [
    [1, "SUCCEEDED"],
    [0, "FAILED"],
  ] as const) {
    const j = new Journey();
    j.worker("w");
    const id = j.submit({ replicas: 2, maxTaskFailures });
    j.exit(j.start(`${id}/0`), FAILED);
    if (maxTaskFailures === 1) j.exit(j.start(`${id}/1`));
    t.is(j.jobState(id), state);
    t.is(j.status(id).taskCounts.FAILED, 1);
  }
});

test("when a job fails its unfinished tasks are killed, since their job failed", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ replicas: 3 });
  j.place();
  j.exit(j.start(`${id}/1`), FAILED);
  t.is(j.jobState(id), "FAILED");
  t.deepEqual(
    ["0", "1", "2"].map((index) => j.taskState(`${id}/${index}`)),
    ["KILLED", "FAILED", "KILLED"],
  );
  t.is(j.state.tasks.get(`${id}/0`)?.cause?.kind, "job-failed");
  t.deepEqual(
    j.held("w").map(({ state }) => state),
    ["STOPPING", "STOPPING"],
  );
});

test("a user's end kills a job, and its capacity is free only when its worker confirms", (t) => {
  const j = new Journey();
  j.worker("w", 1);
  const id = j.submit();
  const attempt = j.start(`${id}/0`);
  j.run({ kind: "terminate", jobId: id, by: USER });
  t.is(j.jobState(id), "KILLED");
  t.is(j.status(id).cause?.kind, "killed-by-user");
  const next = j.submit();
  j.place();
  t.is(j.taskState(`${next}/0`), "PENDING");
  t.is(j.status(next).pendingReason, "cpu: 1 worker short");
  j.exit(attempt, exitOf());
  j.place();
  t.is(j.taskState(`${next}/0`), "ASSIGNED");
  t.is(j.jobState(id), "KILLED");
});

test("a final state never changes, and a report about an end that was heard is ignored", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  const attempt = j.start(`${id}/0`);
  j.exit(attempt, FAILED);
  j.exit(attempt, exitOf());
  t.deepEqual(j.effects, [{ kind: "ignored", uid: attempt.id }]);
  j.run({ kind: "terminate", jobId: id, by: USER });
  t.is(j.jobState(id), "FAILED");
});

test("a task that finds no place in its time is UNSCHEDULABLE, and the reason says what was short", (t) => {
  const j = new Journey();
  j.worker("w", 1);
  const id = j.submit({
    schedulingTimeoutMs: 5_000,
    resources: { cpuMillis: 9_000, memoryBytes: 0, diskBytes: 0, gpus: 0 },
  });
  j.place();
  j.pass(4_999);
  t.is(j.taskState(`${id}/0`), "PENDING");
  j.pass(1);
  t.is(j.taskState(`${id}/0`), "UNSCHEDULABLE");
  t.is(j.jobState(id), "UNSCHEDULABLE");
  t.regex(j.status(id).cause?.message ?? "", /5000 ms: cpu: 1 worker short/);
});

test("without workers a task waits and says so", (t) => {
  const j = new Journey();
  const id = j.submit();
  j.place();
  t.is(j.status(id).pendingReason, "no workers have joined");
  j.worker("w");
  j.place();
  t.is(j.status(id).pendingReason, "");
});

test("an attempt that runs too long is stopped, and fails as timed out once its worker confirms", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ timeoutMs: 1_000, maxRetriesFailure: 1 });
  const attempt = j.start(`${id}/0`);
  j.pass(999);
  t.is(j.attempt(`${id}/0`).state, "RUNNING");
  j.pass(1);
  t.is(j.attempt(`${id}/0`).state, "TIMING_OUT");
  t.deepEqual(
    j.effects.filter(({ kind }) => kind === "push"),
    [{ kind: "push", workerId: "w" }],
  );
  t.is(j.taskState(`${id}/0`), "RUNNING");
  j.exit(attempt, exitOf());
  t.is(j.attempt(`${id}/0`).state, "FAILED");
  t.is(j.attempt(`${id}/0`).cause?.kind, "timeout");
  t.is(j.taskState(`${id}/0`), "PENDING");
});

test("a value that was returned is handed on to be kept; one that is too large fails the task and names its size", (t) => {
  const j = new Journey({ limits: { resultBytes: 3 } });
  j.worker("w");
  const small = j.submit();
  const attempt = j.start(`${small}/0`);
  const exit = (bytes: number) => ({ exit: exitOf({ hasResult: true, result: new Uint8Array(bytes), endedAtMs: 1 }) });
  const observed = [{ uid: attempt.id, phase: "EXITED" as const, ports: {}, ...exit(3) }];
  const outcome = j.outcome({
    kind: "observed",
    workerId: "w",
    incarnation: "a",
    observed,
    complete: false,
    strays: 0,
  });
  t.deepEqual(outcome.results, [{ uid: attempt.id, value: new Uint8Array(3) }]);
  t.true(j.attempt(`${small}/0`).hasResult);
  const large = j.submit();
  j.say(j.start(`${large}/0`), "EXITED", exit(4));
  t.is(j.jobState(large), "FAILED");
  t.regex(j.status(large).cause?.message ?? "", /4 bytes: at most 3/);
});

test("each transition names the event that caused it, back to what came from outside", (t) => {
  const j = new Journey();
  j.worker("w");
  const id = j.submit();
  j.start(`${id}/0`);
  j.run({ kind: "terminate", jobId: id, by: USER });
  const byId = new Map(j.events.map((event) => [event.id, event]));
  let event = j.events.find(({ subject, what }) => subject === `${id}/0` && what === "RUNNING → KILLED");
  const chain: string[] = [];
  for (; event !== undefined; event = byId.get(event.causeEventId)) chain.push(`${event.subject} ${event.what}`);
  t.deepEqual(chain, [`${id}/0 RUNNING → KILLED`, `${id} RUNNING → KILLED`, `${id} was asked to end`]);
  t.is(byId.get(j.status(id).cause?.causeEventId ?? 0)?.what, "RUNNING → KILLED");
});

test("a command that throws has changed nothing", (t) => {
  const j = new Journey({ limits: { liveTasksPerUser: 3 } });
  j.submit({ replicas: 2 });
  const before = [...j.state.jobs.values(), ...j.state.tasks.values()];
  t.throws(() => j.submit({ replicas: 2 }), {
    code: "RESOURCE_EXHAUSTED",
    message: /2 unfinished tasks .* 2 more: at most 3/,
  });
  t.deepEqual([...j.state.jobs.values(), ...j.state.tasks.values()], before);
});
