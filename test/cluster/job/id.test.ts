import test from "ava";
import fc from "fast-check";
import { checkName, childJobId, depthOf, isAncestor, parseId, rootOf, taskId } from "../../../src/cluster/job/id.ts";

const ROOT = "k3f9x0q2m7ab";
const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,62}$/);

test("an id of a job or task comes apart into what it was made of", (t) => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 5 }), fc.nat(9_999), (names, index) => {
      const jobId = names.reduce(childJobId, ROOT);
      t.deepEqual(parseId(jobId), { kind: "job", jobId, rootId: ROOT });
      t.deepEqual(parseId(taskId(jobId, index)), { kind: "task", jobId, rootId: ROOT, index });
      t.is(rootOf(jobId), ROOT);
      t.is(depthOf(jobId), names.length);
    }),
  );
});

test("a numeric last segment always means a task", (t) => {
  t.is(parseId(`${ROOT}/a/0`).kind, "task");
  t.throws(() => parseId(`${ROOT}/0/a`), { code: "INVALID_ARGUMENT" });
  t.throws(() => parseId(`${ROOT}/00`), { code: "INVALID_ARGUMENT" });
  t.throws(() => checkName("0"), { code: "INVALID_ARGUMENT" });
});

test("what is no id is refused, whatever it is", (t) => {
  for (const id of [
    "",
    "/",
    "abc",
    `${ROOT}/`,
    `/${ROOT}`,
    `${ROOT}//a`,
    `${ROOT}/A`,
    `${ROOT}/../x`,
    "K3F9X0Q2M7AB",
    `${ROOT} `,
  ]) {
    t.throws(() => parseId(id), { code: "INVALID_ARGUMENT" }, id);
  }
  t.throws(() => parseId(undefined as unknown as string), { code: "INVALID_ARGUMENT" });
});

test("ancestry goes by whole segments, and nobody is their own ancestor", (t) => {
  t.true(isAncestor(ROOT, `${ROOT}/a`));
  t.true(isAncestor(`${ROOT}/a`, `${ROOT}/a/b/c`));
  t.false(isAncestor(`${ROOT}/c`, `${ROOT}/cd`));
  t.false(isAncestor(ROOT, ROOT));
  t.false(isAncestor(`${ROOT}/a`, ROOT));
});

test("names are lower case, begin with a letter and have at most 63 characters", (t) => {
  for (const good of ["a", "a.b_c-9", `a${"b".repeat(62)}`]) t.notThrows(() => checkName(good));
  for (const bad of ["", "A", "9a", "a/b", "a b", "a\n", `a${"b".repeat(63)}`]) {
    t.throws(() => checkName(bad), { code: "INVALID_ARGUMENT" }, bad);
  }
  t.throws(() => checkName("X", "endpoint name"), { message: /^endpoint name "X"/ });
});
