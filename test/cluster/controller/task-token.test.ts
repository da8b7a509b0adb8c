import test from "ava";
import { SignJWT } from "jose";
import { mintTaskToken, verifyTaskToken } from "../../../src/cluster/controller/task-token.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import { ManualClock } from "../../kit/manual-clock.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";

const KEY = new SeededRandom(1).bytes(32);
const CLAIMS = {
  jobId: "k3f9x0q2m7ab/child",
  taskId: "k3f9x0q2m7ab/child/0",
  attemptUid: "abcdefghijklmnop",
  namespace: "k3f9x0q2m7ab",
};
const DAYS_30_MS = 30 * 24 * 3_600_000;

test("a token says for which attempt it was made", async (t) => {
  const clock = new ManualClock();
  t.deepEqual(await verifyTaskToken(KEY, await mintTaskToken(KEY, CLAIMS, clock), clock), { kind: "task", ...CLAIMS });
});

test("a token is good for 30 days by the controller's clock", async (t) => {
  const clock = new ManualClock();
  const token = await mintTaskToken(KEY, CLAIMS, clock);
  await clock.advance(DAYS_30_MS - 1_000);
  t.is((await verifyTaskToken(KEY, token, clock)).kind, "task");
  await clock.advance(1_000);
  const error = await t.throwsAsync(verifyTaskToken(KEY, token, clock), { instanceOf: IrisError });
  t.is((error as IrisError).code, "UNAUTHENTICATED");
});

test("what was signed with another key, otherwise, or not at all is refused, and says nothing about why", async (t) => {
  const clock = new ManualClock();
  const exp = Math.floor((clock.now() + DAYS_30_MS) / 1_000);
  const token = await mintTaskToken(KEY, CLAIMS, clock);
  const [header, payload, signature = ""] = token.split(".");
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = (claims: object, alg = "HS256", audience = "iris-task") =>
    new SignJWT({ exp, ...claims }).setProtectedHeader({ alg }).setAudience(audience).sign(KEY);
  const bad = {
    "another key": await mintTaskToken(new SeededRandom(2).bytes(32), CLAIMS, clock),
    "no signature": `${encode({ alg: "none" })}.${payload}.`,
    "a changed claim": `${header}.${encode({ ...CLAIMS, namespace: "default", aud: "iris-task", exp })}.${signature}`,
    "a changed signature": `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`,
    "another algorithm": await signed(CLAIMS, "HS512"),
    "another audience": await signed(CLAIMS, "HS256", "somebody"),
    "no end": await signed({ ...CLAIMS, exp: undefined }),
    "a claim missing": await signed({ ...CLAIMS, attemptUid: undefined }),
    "a claim of another type": await signed({ ...CLAIMS, jobId: 7 }),
    nothing: "",
    noise: "a.b.c",
  };
  for (const [what, given] of Object.entries(bad)) {
    const error = await t.throwsAsync(verifyTaskToken(KEY, given, clock), undefined, what);
    t.is((error as IrisError).code, "UNAUTHENTICATED", what);
    t.is(error.message, "the token is not one of this cluster's tasks, or has expired");
  }
});

test("a key that is not 32 bytes long is refused", async (t) => {
  const clock = new ManualClock();
  const error = await t.throwsAsync(mintTaskToken(new Uint8Array(16), CLAIMS, clock), {
    message: /has 16 bytes: use 32/,
  });
  t.is((error as IrisError).code, "INVALID_ARGUMENT");
  await t.throwsAsync(verifyTaskToken(new Uint8Array(16), "a.b.c", clock), { message: /has 16 bytes/ });
});
