/** Whatever ends a job ends what is below it: the rules of hierarchies, step by step. */
import test from "ava";
import { BROKEN, exitOf, FAILED, Journey, USER } from "./journey.ts";

/** A root that runs, with a child that runs, with a child of its own that runs. */
function family(o: { replicas?: number } = {}) {
  const j = new Journey();
  j.worker("w", 64);
  const root = j.submit({ name: "root", replicas: o.replicas ?? 1, maxRetriesFailure: 1 });
  j.start(`${root}/0`);
  const child = j.submit({ name: "child" }, { by: j.taskIdentity(`${root}/0`) });
  j.start(`${child}/0`);
  const grandchild = j.submit({ name: "grandchild" }, { by: j.taskIdentity(`${child}/0`) });
  j.start(`${grandchild}/0`);
  return { j, root, child, grandchild };
}

test("a child is below its parent by name, in its order", (t) => {
  const { root, child, grandchild } = family();
  t.is(child, `${root}/child`);
  t.is(grandchild, `${root}/child/grandchild`);
});

test("the end of a job, a success included, ends all below it in one step, deepest first, latest first", (t) => {
  const { j, root, child, grandchild } = family();
  const later = j.submit({ name: "later" }, { by: j.taskIdentity(`${root}/0`) });
  j.events.length = 0;
  j.exit(j.attempt(`${root}/0`));
  t.is(j.jobState(root), "SUCCEEDED");
  t.deepEqual(
    [child, grandchild, later].map((id) => j.jobState(id)),
    ["KILLED", "KILLED", "KILLED"],
  );
  t.is(j.status(grandchild).cause?.kind, "parent-ended");
  const killed = j.events.filter(({ what, subject }) => what.endsWith("→ KILLED") && !subject.endsWith("/0"));
  t.deepEqual(
    killed.map(({ subject }) => subject).filter((subject) => subject.includes("/")),
    [grandchild, later, child],
  );
});

for (const [how, end] of [
  ["a user", (j: Journey, root: string) => j.run({ kind: "terminate", jobId: root, by: USER })],
  [
    "a failure",
    (j: Journey, root: string) => {
      j.exit(j.attempt(`${root}/0`), FAILED);
      j.pass(60_000);
      j.exit(j.start(`${root}/0`), FAILED);
    },
  ],
  [
    "a lost worker",
    (j: Journey, root: string) => {
      for (let tries = 0; tries <= 100; tries++) {
        j.exit(j.start(`${root}/0`), BROKEN);
        j.pass(60_000);
      }
    },
  ],
] as const) {
  test(`the end of a job by ${how} ends all below it, detached ones too`, (t) => {
    const { j, root, child, grandchild } = family();
    const detached = j.submit(
      { name: "detached", detached: true, onRetry: "KEEP" },
      { by: j.taskIdentity(`${root}/0`) },
    );
    end(j, root);
    t.not(j.jobState(root), "SUCCEEDED");
    t.deepEqual(
      [child, grandchild, detached].map((id) => j.jobState(id)),
      ["KILLED", "KILLED", "KILLED"],
    );
  });
}

test("a detached child is spared by a parent that succeeds, and ends with a root that does not", (t) => {
  const { j, root, child } = family();
  const detached = j.submit({ name: "free", detached: true }, { by: j.taskIdentity(`${child}/0`) });
  j.exit(j.attempt(`${child}/0`));
  t.is(j.jobState(child), "SUCCEEDED");
  t.is(j.jobState(detached), "PENDING");
  j.run({ kind: "terminate", jobId: root, by: USER });
  t.is(j.jobState(detached), "KILLED");
});

test("nothing is submitted below a job that has ended", (t) => {
  const { j, root } = family();
  const by = j.taskIdentity(`${root}/0`);
  j.run({ kind: "terminate", jobId: root, by: USER });
  t.throws(() => j.submit({ name: "late" }, { by }), { code: "FAILED_PRECONDITION" });
});

test("an attempt that ended submits nothing, though its task goes on in another", (t) => {
  const { j, root } = family();
  const by = j.taskIdentity(`${root}/0`);
  j.exit(j.attempt(`${root}/0`), FAILED);
  j.pass(60_000);
  t.throws(() => j.submit({ name: "ghost" }, { by }), { code: "FAILED_PRECONDITION" });
});

test("the children of an earlier attempt end, and are confirmed ended, before a single task is tried again", (t) => {
  const { j, root, child, grandchild } = family();
  j.exit(j.attempt(`${root}/0`), FAILED);
  t.deepEqual(
    [child, grandchild].map((id) => j.jobState(id)),
    ["KILLED", "KILLED"],
  );
  j.pass(60_000);
  j.place();
  t.is(j.taskState(`${root}/0`), "PENDING");
  t.is(j.status(root).pendingReason, "children: those of its last attempt are still ending");
  j.exit(j.attempt(`${child}/0`));
  j.exit(j.attempt(`${grandchild}/0`));
  j.place();
  t.is(j.taskState(`${root}/0`), "ASSIGNED");
});

test("several tasks keep their children over a retry unless told otherwise", (t) => {
  const { j, root, child } = family({ replicas: 2 });
  j.exit(j.attempt(`${root}/0`), FAILED);
  t.is(j.taskState(`${root}/0`), "PENDING");
  t.is(j.jobState(child), "RUNNING");
  j.pass(60_000);
  j.place();
  t.is(j.taskState(`${root}/0`), "ASSIGNED");
});

test("children have their parent's environment and workspace unless they say otherwise", (t) => {
  const j = new Journey();
  j.worker("w");
  const root = j.submit({ env: { A: "1", B: "1" }, workspace: "/w" });
  j.start(`${root}/0`);
  const by = j.taskIdentity(`${root}/0`);
  const same = j.submit({ name: "same", env: { B: "2" } }, { by });
  t.deepEqual(j.state.jobs.get(same)?.spec.env, { A: "1", B: "2" });
  t.is(j.state.jobs.get(same)?.spec.workspace, "/w");
  const none = j.submit({ name: "none", workspace: "" }, { by });
  t.is(j.state.jobs.get(none)?.spec.workspace, "");
});

test("a live child of the same name is refused, a finished one is replaced", (t) => {
  const { j, root, child } = family();
  const by = j.taskIdentity(`${root}/0`);
  t.throws(() => j.submit({ name: "child" }, { by }), { code: "ALREADY_EXISTS" });
  j.exit(j.attempt(`${child}/0`));
  const version = j.status(child).version;
  t.is(j.submit({ name: "child" }, { by }), child);
  t.is(j.jobState(child), "PENDING");
  t.true(j.status(child).version > version);
  t.is(j.status(child).taskCounts.PENDING, 1);
});

test("ifExists keep gives the one that is there, error refuses even a finished one", (t) => {
  const { j, root, child } = family();
  const by = j.taskIdentity(`${root}/0`);
  t.is(j.submit({ name: "child" }, { by, ifExists: "KEEP_EXISTING" }), child);
  t.is(j.jobState(child), "RUNNING");
  j.exit(j.attempt(`${child}/0`));
  t.throws(() => j.submit({ name: "child" }, { by, ifExists: "ERROR" }), { code: "ALREADY_EXISTS" });
});

test("a replaced job's attempts hold their capacity until confirmed, and count for nothing in the new one", (t) => {
  const { j, root, child, grandchild } = family();
  const by = j.taskIdentity(`${root}/0`);
  const old = j.attempt(`${child}/0`);
  t.is(j.submit({ name: "child" }, { by, ifExists: "REPLACE" }), child);
  t.is(j.jobState(child), "PENDING");
  t.is(j.jobState(grandchild), undefined);
  t.is(j.held("w").length, 3);
  j.place();
  const fresh = j.attempt(`${child}/0`);
  t.is(fresh.attempt, 0);
  t.not(fresh.id, old.id);
  j.exit(old, exitOf());
  t.is(j.taskState(`${child}/0`), "ASSIGNED");
  t.is(j.state.attempts.get(old.id), undefined);
});

test("root jobs may share a name; who asks may keep or replace the one that is there", (t) => {
  const j = new Journey();
  const first = j.submit({ name: "nightly" });
  const second = j.submit({ name: "nightly" });
  t.not(first, second);
  t.is(j.submit({ name: "nightly" }, { ifExists: "KEEP_EXISTING" }), second);
  const third = j.submit({ name: "nightly" }, { ifExists: "REPLACE" });
  t.deepEqual(
    [first, second, third].map((id) => j.jobState(id)),
    ["KILLED", "KILLED", "PENDING"],
  );
});

test("the same key within 24 h is the same job", (t) => {
  const j = new Journey();
  const first = j.submit({}, { idempotencyKey: "k" });
  j.now += 24 * 3_600_000 - 1;
  t.is(j.submit({}, { idempotencyKey: "k" }), first);
  j.now += 1;
  t.not(j.submit({}, { idempotencyKey: "k" }), first);
});

test("jobs that ended long ago are forgotten with all below them, gone workers and old keys too", (t) => {
  const { j, root, child } = family();
  const live = j.submit({}, { idempotencyKey: "k" });
  j.run({ kind: "terminate", jobId: root, by: USER });
  for (const id of [root, child, `${child}/grandchild`]) j.exit(j.attempt(`${id}/0`));
  j.now += 7 * 24 * 3_600_000;
  const link = j.worker("late");
  j.run({ kind: "linkLost", workerId: "late", link, goodbye: true });
  j.run({ kind: "due", subjects: [{ kind: "prune", id: "" }] });
  t.deepEqual(
    [...j.state.jobs.values()].map(({ id }) => id),
    [live],
  );
  t.is(j.state.attempts.size, 0);
  t.is(j.state.keys.size, 0);
  t.is(j.state.workers.size, 2);
  j.now += 24 * 3_600_000;
  j.run({ kind: "due", subjects: [{ kind: "prune", id: "" }] });
  t.deepEqual(
    [...j.state.workers.values()].map(({ id }) => id),
    ["w"],
  );
});
