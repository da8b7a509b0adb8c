import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { constantTimeEqual, userToken } from "../../src/net/token.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

function home(t: { teardown(fn: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), "iris-token-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test("IRIS_TOKEN comes first", (t) => {
  t.is(userToken({ IRIS_TOKEN: " given " }), "given");
});

test("the file is made when it is missing, for its user alone, and found again", (t) => {
  const IRIS_HOME = join(home(t), "new", ".iris");
  const token = userToken({ IRIS_HOME }, new SeededRandom(1));
  t.regex(token, /^[\w-]{32}$/);
  t.is(statSync(join(IRIS_HOME, "token")).mode & 0o777, 0o600);
  t.is(userToken({ IRIS_HOME }, new SeededRandom(2)), token);
  t.deepEqual(readdirSync(IRIS_HOME), ["token"]);
});

test("without IRIS_HOME it is in ~/.iris", (t) => {
  const HOME = home(t);
  const token = userToken({ HOME });
  t.is(userToken({ IRIS_HOME: join(HOME, ".iris") }), token);
});

test("a file that others can read is refused, saying how to mend it", (t) => {
  const IRIS_HOME = home(t);
  writeFileSync(join(IRIS_HOME, "token"), "secret\n");
  chmodSync(join(IRIS_HOME, "token"), 0o644);
  t.throws(() => userToken({ IRIS_HOME }), { code: "PERMISSION_DENIED", message: /chmod 600/ });
});

test("an empty file, or a place where none can be, is FAILED_PRECONDITION", (t) => {
  const IRIS_HOME = home(t);
  writeFileSync(join(IRIS_HOME, "token"), "", { mode: 0o600 });
  t.throws(() => userToken({ IRIS_HOME }), { code: "FAILED_PRECONDITION" });
  t.throws(() => userToken({ IRIS_HOME: join(IRIS_HOME, "token", "below") }), { code: "FAILED_PRECONDITION" });
});

test("secrets are equal only to themselves, whatever their length", (t) => {
  t.true(constantTimeEqual("abc", "abc"));
  t.true(constantTimeEqual("", ""));
  t.false(constantTimeEqual("abc", "abd"));
  t.false(constantTimeEqual("abc", "abcd"));
});
