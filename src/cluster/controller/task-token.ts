/**
 * The token that each attempt of a task gets: a JWT (HS256) that says which attempt it is and which namespace it may see.
 * Nobody but the controller can make one, and it can do nothing outside its hierarchy. Whether the attempt still counts
 * is not in the token: that is asked of the state.
 */
import { jwtVerify, SignJWT } from "jose";
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

/** Makes and checks tokens with one key; whoever has the key can do both. */
export class TaskTokens {
  readonly #key: Uint8Array;
  readonly #clock: Clock;

  /** `key`: 32 random bytes, the same ones for the life of the cluster. Throws `INVALID_ARGUMENT` for another length. */
  constructor(key: Uint8Array, clock: Clock) {
    if (key.byteLength !== KEY_BYTES) {
      throw new IrisError(
        "INVALID_ARGUMENT",
        `the key of task tokens has ${key.byteLength} bytes: use ${KEY_BYTES} random ones`,
      );
    }
    this.#key = Uint8Array.from(key);
    this.#clock = clock;
  }

  /** A token that is good for 30 days from now. */
  mint({ jobId, taskId, attemptUid, namespace }: TaskClaims): Promise<string> {
    const nowMs = this.#clock.now();
    return new SignJWT({ jobId, taskId, attemptUid, namespace })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setAudience(AUDIENCE)
      .setIssuedAt(Math.floor(nowMs / 1_000))
      .setExpirationTime(Math.floor((nowMs + LIFE_MS) / 1_000))
      .sign(this.#key);
  }

  /** Who the token says its bearer is. Rejects with `UNAUTHENTICATED`, never telling more than that it is not good. */
  async verify(token: string): Promise<Identity> {
    const { jobId, taskId, attemptUid, namespace } = await this.#claimsOf(token);
    if ([jobId, taskId, attemptUid, namespace].every((claim) => typeof claim === "string" && claim !== "")) {
      return { kind: "task", jobId, taskId, attemptUid, namespace } as Identity;
    }
    throw refusal();
  }

  async #claimsOf(token: string): Promise<Record<string, unknown>> {
    try {
      const currentDate = new Date(this.#clock.now());
      const options = { algorithms: ["HS256"], audience: AUDIENCE, currentDate, requiredClaims: ["exp"] };
      return (await jwtVerify(token, this.#key, options)).payload;
    } catch (cause) {
      throw refusal(cause);
    }
  }
}

function refusal(cause?: unknown): IrisError {
  const message = "the token is not one of this cluster's tasks, or has expired";
  return new IrisError("UNAUTHENTICATED", message, cause === undefined ? {} : { cause });
}
