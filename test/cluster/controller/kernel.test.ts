/** The kernel's rules as short journeys: what is submitted, what workers say, what follows. */
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
  j.say(j.attempt(`${id}/0`), "RUNNING");
  t.is(j.jobState(id), "RUNNING");
  j.exit(j.attempt(`${id}/0`));
  t.is(j.taskState(`${id}/0`), "SUCCEEDED");
  t.is(j.jobState(id), "SUCCEEDED");
  t.is(j.status(id).cause?.kind, "exited");
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
