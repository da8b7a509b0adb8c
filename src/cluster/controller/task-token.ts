/**
 * The token that each attempt of a task gets: a JWT (HS256) that says which attempt it is and which namespace it may see.
 * Nobody but the controller can make one, and it can do nothing outside its hierarchy. Whether the attempt still counts
 * is not in the token: that is asked of the state.
 */
import { type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Identity } from "../../net/channel.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { Clock } from "../../runtime/ports/clock.ts";

const KEY_BYTES = 32;
/** The longest that a task may run with one token. Unit: ms. */
const LIFE_MS = 30 * 24 * 3_600_000;
const AUDIENCE = "iris-task";

/** The attempt that a token is for. */
export interface TaskClaims {
  readonly jobId: string;
  readonly taskId: string;
  readonly attemptUid: string;
  readonly namespace: string;
}

/** A token that is good for 30 days from now. `key`: 32 random bytes; rejects with `INVALID_ARGUMENT` for others. */
export async function mintTaskToken(key: Uint8Array, claims: TaskClaims, clock: Clock): Promise<string> {
  checkKey(key);
  const { jobId, taskId, attemptUid, namespace } = claims;
  const nowMs = clock.now();
  return await new SignJWT({ jobId, taskId, attemptUid, namespace })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setAudience(AUDIENCE)
    .setIssuedAt(Math.floor(nowMs / 1_000))
    .setExpirationTime(Math.floor((nowMs + LIFE_MS) / 1_000))
    .sign(key);
}

/** Whom the token was made for. Rejects with `UNAUTHENTICATED`, never telling more than that it is not good. */
export async function verifyTaskToken(key: Uint8Array, token: string, clock: Clock): Promise<Identity> {
  checkKey(key);
  const { jobId, taskId, attemptUid, namespace } = await claimsOf(key, token, clock);
  if (!isName(jobId) || !isName(taskId) || !isName(attemptUid) || !isName(namespace)) throw refusal();
  return { kind: "task", jobId, taskId, attemptUid, namespace };
}

async function claimsOf(key: Uint8Array, token: string, clock: Clock): Promise<JWTPayload> {
  try {
    const currentDate = new Date(clock.now());
    const options = { algorithms: ["HS256"], audience: AUDIENCE, currentDate, requiredClaims: ["exp"] };
    return (await jwtVerify(token, key, options)).payload;
  } catch (cause) {
    throw refusal(cause);
  }
}

function isName(claim: unknown): claim is string {
  return typeof claim === "string" && claim !== "";
}

function checkKey(key: Uint8Array): void {
  if (key.byteLength === KEY_BYTES) return;
  const message = `the key of task tokens has ${key.byteLength} bytes: use ${KEY_BYTES} random ones`;
  throw new IrisError("INVALID_ARGUMENT", message);
}

function refusal(cause?: unknown): IrisError {
  const message = "the token is not one of this cluster's tasks, or has expired";
  return new IrisError("UNAUTHENTICATED", message, cause === undefined ? {} : { cause });
}
