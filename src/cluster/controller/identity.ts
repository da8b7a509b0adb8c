/**
 * Who the holder of a token is: the cluster's token makes a user, a token that this controller has minted makes the task
 * it was minted for. Everything else is refused, and told nothing about why.
 */
import type { Identity } from "../../net/channel.ts";
import { constantTimeEqual } from "../../net/token.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { Clock } from "../../runtime/ports/clock.ts";
import { verifyTaskToken } from "./task-token.ts";

/** Endpoints of programs outside any job live here unless they say otherwise. */
const USER: Identity = Object.freeze({ kind: "user", namespace: "default" });
/** A signed token has dots; the cluster's is compared whole. */
const LOOKS_SIGNED = /^[^.]+\.[^.]+\.[^.]+$/;

export interface Identities {
  /** The cluster's token. */
  readonly token: string;
  /** Key of the tasks' tokens. */
  key(): Uint8Array;
  readonly clock: Clock;
}

/** Throws `UNAUTHENTICATED`. */
export async function identify(token: string, { token: own, key, clock }: Identities): Promise<Identity> {
  if (constantTimeEqual(token, own)) return USER;
  if (LOOKS_SIGNED.test(token)) return verifyTaskToken(key(), token, clock);
  throw new IrisError(
    "UNAUTHENTICATED",
    `${token === "" ? "no token was sent" : "the token is not this cluster's"}: use the one that the controller was started with (IRIS_TOKEN, or ~/.iris/token)`,
  );
}
