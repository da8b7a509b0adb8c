/**
 * Who may call what at an actor server: which tokens let a caller in, and to which names. It keeps no sessions. The one
 * invariant: every token is compared with what was shown, in a time that tells of none of them.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Identity, Target } from "./channel.ts";
import { constantTimeEqual } from "./token.ts";

/** Tokens that let their holder call some names only. */
export type Grants = Readonly<Record<string, readonly string[]>>;

const ANYBODY: Identity = Object.freeze({ kind: "anonymous", namespace: "default" });
const OWNER: Identity = Object.freeze({ kind: "user", namespace: "default" });

export class Access {
  /** `undefined` lets everybody in. */
  readonly #accepted: readonly string[] | undefined;
  readonly #granted: readonly { readonly token: string; readonly identity: Identity }[];
  /** By identity, the very object: that is what a session hands back. Those that are not here may call everything. */
  readonly #names = new Map<Identity, ReadonlySet<string>>();

  /**
   * `accepted` are tokens that may call everything, `undefined` lets everybody do so. Throws `INVALID_ARGUMENT` for
   * grants that could not be meant.
   */
  constructor(accepted: readonly string[] | undefined, grants: Grants = {}) {
    this.#accepted = accepted;
    this.#granted = Object.entries(grants).map(([token, names], at) => {
      checkGrant(token, names, at, accepted);
      const identity: Identity = Object.freeze({ ...OWNER });
      this.#names.set(identity, new Set(names));
      return { token, identity };
    });
  }

  /** Who the holder of `token` is. Throws `UNAUTHENTICATED`. */
  identify(token: string): Identity {
    if (this.#accepted === undefined) return ANYBODY;
    let identity: Identity | undefined;
    for (const granted of this.#granted) if (constantTimeEqual(granted.token, token)) identity = granted.identity;
    for (const accepted of this.#accepted) if (constantTimeEqual(accepted, token)) identity = OWNER;
    if (identity !== undefined) return identity;
    const what = token === "" ? "no token was shown" : "the token that was shown is not the server's";
    throw new IrisError("UNAUTHENTICATED", `${what}; get it from whoever started the server`);
  }

  /** Whether that caller may call `name`. It does not matter whether there is such a name. */
  mayCall(identity: Identity, name: string): boolean {
    return this.#names.get(identity)?.has(name) ?? true;
  }
}

/** What a caller gets who may not: the same whether the name is registered or not. */
export class DeniedTarget implements Target {
  readonly #error: IrisError;

  constructor(name: string) {
    this.#error = new IrisError("PERMISSION_DENIED", `the token that was shown does not grant "${name}"`);
  }

  get ended(): NonNullable<Target["ended"]> {
    return Promise.resolve({ kind: "crashed", error: this.#error });
  }

  handle(): Promise<never> {
    return Promise.reject(this.#error);
  }
}

/** `at` stands for the token in messages: a token does not belong into one. */
function checkGrant(token: string, names: unknown, at: number, accepted: readonly string[] | undefined): void {
  const refuse = (why: string) => new IrisError("INVALID_ARGUMENT", `grant ${at + 1} of the server ${why}`);
  if (accepted === undefined) throw refuse("means nothing: token is null, which lets everybody call everything");
  if (token === "") throw refuse("is for an empty token");
  if (accepted.includes(token)) throw refuse("is for the server's own token, which may call everything");
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string" && name !== "")) {
    throw refuse("is no list of names of actors");
  }
}
