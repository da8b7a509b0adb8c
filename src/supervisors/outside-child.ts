/**
 * A child that runs outside this event loop (a process, a container, a thread), as far as all of them are alike: waited
 * for until it is ready, looked at while it runs, asked to end and ended by force. What each is and how it is signalled
 * is its kind's business.
 *
 * The one invariant: the first reason to end it counts, except that force overtakes asking.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import type { ExitReason } from "../runtime/exit.ts";
import { type Pace, probeUntilDead } from "./probe.ts";
import type { ChildEnv, RunningChild } from "./spec.ts";

/** What runs. */
export interface Outside {
  /** For messages, such as `process root/web`. */
  readonly name: string;
  readonly pid?: number;
  /** How it is asked to end, for messages: `SIGTERM`. */
  readonly request: string;
  /** Its last words as the end of a sentence, or nothing. */
  readonly quoted: string;
  /** Whether it can crash even while it ends because it was asked to; one that is asked by a signal cannot. Default false. */
  readonly crashesWhenAsked?: boolean;
  /** Settles when nothing of it is left, with how it ended by itself. Never rejects. */
  readonly gone: Promise<ExitReason>;
  /** Asks it to end; called at most once. */
  ask(why: string): void;
  /** Ends it at once; called at most once, perhaps after `ask`. */
  force(): void;
}

/** How it is looked at. */
export interface Watch {
  /** Resolves when it is ready; its signal aborts when nobody waits any longer. Absent: it is as soon as it runs. */
  readonly isReady?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Whether a normal end before it is ready is an end like any other, and no failed start. Default false. */
  readonly mayEndFirst?: boolean | undefined;
  /** Unit: ms; `Infinity`: as long as it takes. */
  readonly readyTimeoutMs: number;
  readonly live?: { readonly what: string; readonly answers: () => Promise<boolean>; readonly pace: Pace } | undefined;
}

/** Resolves when it is ready. Rejects when it is not in time, has ended, or is no longer wanted: it is then gone. */
export async function startOutside(outside: Outside, watch: Watch, env: ChildEnv): Promise<RunningChild> {
  const child = new OutsideChild(outside, env);
  const { clock } = env.system;
  const { isReady, readyTimeoutMs } = watch;
  const over = new AbortController();
  const late = () => {
    const message = `${outside.name} was not ready within ${readyTimeoutMs} ms${outside.quoted}`;
    over.abort(new IrisError("DEADLINE_EXCEEDED", message, { where: env.path }));
  };
  const timer = Number.isFinite(readyTimeoutMs) ? clock.setTimeout(late, readyTimeoutMs) : undefined;
  const signal = AbortSignal.any([env.signal, over.signal]);
  try {
    signal.throwIfAborted();
    if (isReady !== undefined) {
      await Promise.race([isReady(signal), aborted(signal), child.endedTooSoon(watch.mayEndFirst ?? false)]);
    }
    child.keepLookedAt(watch.live);
    return child;
  } catch (thrown) {
    const error = toIrisError(thrown, "CANCELLED", env.path);
    await child.kill(error.message);
    throw error;
  } finally {
    clock.clearTimeout(timer);
    // Ends the looks that may still be going on.
    over.abort();
  }
}

class OutsideChild implements RunningChild {
  readonly pid?: number;
  readonly ended: Promise<ExitReason>;
  readonly #outside: Outside;
  readonly #env: ChildEnv;
  /** Aborts when it is of no interest any more whether it still answers. */
  readonly #left = new AbortController();
  /** Why it was asked or made to end; what it is then said to have ended with. */
  #told: ExitReason | undefined;
  #isForced = false;

  constructor(outside: Outside, env: ChildEnv) {
    if (outside.pid !== undefined) this.pid = outside.pid;
    this.#outside = outside;
    this.#env = env;
    this.ended = outside.gone.then((byItself) => {
      this.#left.abort();
      const told = this.#told;
      const isCrash = outside.crashesWhenAsked && told?.kind === "shutdown" && byItself.kind === "crashed";
      return told === undefined || isCrash ? byItself : told;
    });
  }

  stop(why: string, graceMs: number): Promise<ExitReason> {
    if (this.#told === undefined) {
      this.#told = { kind: "shutdown", why };
      this.#left.abort();
      this.#outside.ask(why);
    }
    if (!Number.isFinite(graceMs)) return this.ended;
    const { clock } = this.#env.system;
    const late = `did not end within ${graceMs} ms after ${this.#outside.request}: ${why}`;
    const timer = clock.setTimeout(() => void this.kill(late), graceMs);
    return this.ended.finally(() => clock.clearTimeout(timer));
  }

  kill(why: string): Promise<ExitReason> {
    return this.#force({ kind: "killed", why });
  }

  /** From now on it must answer. */
  keepLookedAt(live: Watch["live"]): void {
    if (live === undefined) return;
    const { clock } = this.#env.system;
    void probeUntilDead(live.what, live.answers, live.pace, clock, this.#left.signal).then((sentence) => {
      if (sentence === undefined) return;
      const { name, quoted } = this.#outside;
      const error = new IrisError("UNAVAILABLE", `${name} ${sentence}: it was killed${quoted}`, {
        where: this.#env.path,
      });
      void this.#force({ kind: "crashed", error });
    });
  }

  /** Rejects when it ends, unless that is as good as being ready. */
  async endedTooSoon(mayEndFirst: boolean): Promise<void> {
    const reason = await this.ended;
    if (mayEndFirst && reason.kind === "normal") return;
    const { path: where } = this.#env;
    if (reason.kind !== "crashed") {
      throw new IrisError("INTERNAL", `${this.#outside.name} ended before it was ready${this.#outside.quoted}`, {
        where,
      });
    }
    const { error } = reason;
    throw new IrisError(error.code, `${error.message}, before it was ready`, { where, cause: error });
  }

  #force(reason: ExitReason): Promise<ExitReason> {
    if (this.#isForced) return this.ended;
    this.#isForced = true;
    this.#told = reason;
    this.#left.abort();
    this.#outside.force();
    return this.ended;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
