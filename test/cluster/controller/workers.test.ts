/** Workers come, fall silent, come back and go: what that means for their attempts, second by second. */
import test from "ava";
import { Journey } from "./journey.ts";

function running(o: { replicas?: number } = {}) {
  const j = new Journey();
  const link = j.worker("w");
  const id = j.submit(o);
  j.start(`${id}/0`);
  const presence = () => j.state.presences.get("w")?.state;
  return { j, link, id, presence };
}

test("a link that ends without a goodbye makes the controller probe the worker's address", (t) => {
  const { j, link, presence } = running();
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: false });
  t.is(presence(), "silent");
  t.deepEqual(
    j.effects.filter(({ kind }) => kind === "probe"),
    [{ kind: "probe", workerId: "w", link, address: "127.0.0.1:1" }],
  );
});

test("a refused probe gives the worker 2 s to come back and adopt, then its attempts are placed again", (t) => {
  const { j, link, id, presence } = running();
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: false });
  j.run({ kind: "probed", workerId: "w", link, answer: "refused" });
  j.pass(1_999);
  t.is(presence(), "restarting");
  t.is(j.taskState(`${id}/0`), "RUNNING");
  j.pass(1);
  t.is(presence(), "gone");
  t.is(j.taskState(`${id}/0`), "PENDING");
  t.is(j.attempt(`${id}/0`).cause?.kind, "worker-lost");
});

test("a worker that comes back in the same life within its grace keeps its attempts", (t) => {
  const { j, link, id, presence } = running();
  const { id: uid } = j.attempt(`${id}/0`);
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: false });
  j.run({ kind: "probed", workerId: "w", link, answer: "refused" });
  j.pass(1_000);
  j.worker("w");
  t.is(presence(), "alive");
  j.pass(10_000);
  t.is(j.attempt(`${id}/0`).id, uid);
  t.is(j.taskState(`${id}/0`), "RUNNING");
});

test("no answer proves nothing: a worker is gone after 10 s of silence, and is asked again meanwhile", (t) => {
  const { j, link, id, presence } = running();
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: false });
  j.run({ kind: "probed", workerId: "w", link, answer: "no-answer" });
  j.pass(2_000);
  t.is(j.effects.filter(({ kind }) => kind === "probe").length, 1);
  j.run({ kind: "probed", workerId: "w", link, answer: "no-answer" });
  j.pass(7_999);
  t.is(presence(), "silent");
  t.is(j.taskState(`${id}/0`), "RUNNING");
  j.pass(1);
  t.is(presence(), "gone");
  t.is(j.taskState(`${id}/0`), "PENDING");
});

test("an address that accepts keeps a worker from being given up, as long as it would itself keep its tasks", (t) => {
  const { j, link, presence } = running();
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: false });
  for (let second = 0; second < 598; second += 2) {
    j.run({ kind: "probed", workerId: "w", link, answer: "accepted" });
    j.pass(2_000);
    t.is(presence(), "silent");
  }
  j.run({ kind: "probed", workerId: "w", link, answer: "accepted" });
  j.pass(2_000);
  t.is(presence(), "gone");
});

test("a worker that says goodbye is gone at once", (t) => {
  const { j, link, id, presence } = running();
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: true });
  t.is(presence(), "gone");
  t.is(j.taskState(`${id}/0`), "PENDING");
});

test("a new incarnation voids the attempts of the old one, and what the old one says is refused", (t) => {
  const { j, id } = running();
  const old = j.attempt(`${id}/0`);
  j.worker("w", 4, "b");
  t.is(j.state.attempts.get(old.id)?.state, "WORKER_FAILED");
  t.is(j.taskState(`${id}/0`), "PENDING");
  t.throws(() => j.say(old, "RUNNING"), { code: "FAILED_PRECONDITION", message: /lives as b now/ });
});

test("a worker that is gone must register before it is heard again", (t) => {
  const { j, link, id } = running();
  const attempt = j.attempt(`${id}/0`);
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: true });
  t.throws(() => j.say(attempt, "RUNNING"), { code: "FAILED_PRECONDITION", message: /register first/ });
});

test("the end of an older connection says nothing about the worker's present one", (t) => {
  const { j, link, presence } = running();
  j.worker("w");
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: true });
  j.run({ kind: "probed", workerId: "w", link, answer: "refused" });
  t.is(presence(), "alive");
});

test("a stalled worker gets no new tasks and loses none", (t) => {
  const { j, link, id, presence } = running({ replicas: 1 });
  j.run({ kind: "overdue", workerId: "w", link });
  t.is(presence(), "stalled");
  const next = j.submit();
  j.place();
  t.is(j.status(next).pendingReason, "not reporting: 1 worker");
  t.is(j.taskState(`${id}/0`), "RUNNING");
  j.run({ kind: "observed", workerId: "w", incarnation: "a", observed: [], complete: true, strays: 0 });
  j.place();
  t.is(j.taskState(`${next}/0`), "ASSIGNED");
});

test("a worker that came back gets nothing new until what should not run there has ended", (t) => {
  const { j, link, id } = running();
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: false });
  j.pass(10_000);
  j.worker("w");
  j.run({ kind: "observed", workerId: "w", incarnation: "a", observed: [], complete: true, strays: 1 });
  j.pass(60_000);
  j.place();
  t.is(j.taskState(`${id}/0`), "PENDING");
  t.is(j.status(id).pendingReason, "still ending old tasks: 1 worker");
  j.run({ kind: "observed", workerId: "w", incarnation: "a", observed: [], complete: true, strays: 0 });
  j.place();
  t.is(j.taskState(`${id}/0`), "ASSIGNED");
});

test("an attempt that was told to stop is over when its worker is lost", (t) => {
  const { j, link, id } = running();
  j.run({ kind: "terminate", jobId: id, by: { kind: "user", namespace: "default" } });
  j.run({ kind: "linkLost", workerId: "w", link, goodbye: true });
  t.is(j.attempt(`${id}/0`).state, "KILLED");
  t.is(j.attempt(`${id}/0`).cause?.kind, "killed-by-user");
});

test("after a restart every known worker is waited for, and given up after 10 s", (t) => {
  const { j, id, presence } = running();
  j.run({ kind: "recover" });
  t.is(presence(), "expected");
  j.pass(9_999);
  t.is(j.taskState(`${id}/0`), "RUNNING");
  j.pass(1);
  t.is(presence(), "gone");
  t.is(j.taskState(`${id}/0`), "PENDING");
});
