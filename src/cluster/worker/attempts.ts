/**
 * The attempts of this worker: makes what is there into what is desired, and says what is there. Desired state is the
 * controller's alone, observed state this worker's alone. The one invariant: an attempt is started at most once in a
 * worker's life, however often, late or doubled it is asked for.
 */
import type { Cause, DesiredAttempt, ObservedAttempt } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { cause } from "../job/cause.ts";
import { Attempt, type AttemptContext } from "./attempt.ts";

/** Names that can be directories: what controllers mint, and nothing that leads elsewhere. */
const UID = /^[A-Za-z0-9_-]{1,64}$/;
/** Forgotten attempts whose names are remembered: a request that was under way when they were forgotten is not older. */
const FORGOTTEN_MAX = 10_000;

export class Attempts {
  readonly #context: AttemptContext;
  readonly #attempts = new Map<string, Attempt>();
  readonly #forgotten = new Set<string>();
  readonly #forgetting = new Set<Promise<void>>();
  /** Why nothing is started any more. */
  #closed: Cause | undefined;

  constructor(context: AttemptContext) {
    this.#context = context;
  }

  /** Attempts that are here, over or not. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Starts unknown desired attempts, stops those desired stopped or not desired, forgets those that are over and not
   * asked about. Returns everything that is here or asked about. Idempotent. Throws `INVALID_ARGUMENT`, having done
   * nothing, for a name that no controller mints.
   */
  apply(desired: readonly DesiredAttempt[]): ObservedAttempt[] {
    const odd = desired.find(({ uid }) => !UID.test(uid));
    if (odd !== undefined) throw new IrisError("INVALID_ARGUMENT", `${JSON.stringify(odd.uid)} is no attempt's uid`);
    const asked = new Set(desired.map(({ uid }) => uid));
    for (const [uid, attempt] of this.#attempts) {
      if (asked.has(uid)) continue;
      if (attempt.isOver) this.#forget(uid, attempt);
      else attempt.stop(cause("killed-by-user", "its controller does not want it any more"));
    }
    for (const one of desired) {
      const attempt = this.#attempts.get(one.uid);
      if (attempt === undefined) this.#startIfWanted(one);
      else if (!one.run) attempt.stop(cause("killed-by-user", "stopped as its controller asked"));
    }
    const missing = [...asked].filter((uid) => !this.#attempts.has(uid));
    return [...this.observed(), ...missing.map((uid): ObservedAttempt => ({ uid, phase: "MISSING", ports: {} }))];
  }

  /** What is here now: all of it, or of these attempts. */
  observed(uids: Iterable<string> = this.#attempts.keys()): ObservedAttempt[] {
    return [...uids].flatMap((uid) => this.#attempts.get(uid)?.observed ?? []);
  }

  /** Stops everything for one reason, at most with this grace; more can be started later. */
  stopAll(why: Cause, graceMs?: number): void {
    for (const attempt of this.#attempts.values()) attempt.stop(why, graceMs);
  }

  /**
   * Starts nothing any more, stops everything; resolves when nothing of any process is left and the lines and ends that
   * can be told to the controller have been handed over.
   */
  async close(why: Cause): Promise<void> {
    this.#closed ??= why;
    this.stopAll(why);
    const attempts = [...this.#attempts.values()];
    await Promise.all(attempts.map(({ gone }) => gone));
    // With the controller away nobody waits for lines to be stored.
    if (this.#context.store.isUp) await Promise.all(attempts.map(({ over }) => over));
  }

  /** Forgets everything, with what it left on disk. To be called after `close`. */
  async forgetAll(): Promise<void> {
    for (const [uid, attempt] of this.#attempts) this.#forget(uid, attempt);
    await Promise.all(this.#forgetting);
  }

  /** Ends everything by force, for an owner that has no time left. */
  kill(why: Cause): void {
    this.#closed ??= why;
    this.stopAll(why, 0);
  }

  #startIfWanted({ uid, taskId, attempt, run, spec }: DesiredAttempt): void {
    if (!run || spec === undefined || this.#closed !== undefined || this.#forgotten.has(uid)) return;
    this.#attempts.set(uid, new Attempt({ uid, taskId, attempt }, spec, this.#context));
  }

  #forget(uid: string, attempt: Attempt): void {
    this.#attempts.delete(uid);
    this.#forgotten.add(uid);
    if (this.#forgotten.size > FORGOTTEN_MAX) {
      for (const oldest of this.#forgotten) {
        this.#forgotten.delete(oldest);
        break;
      }
    }
    const done = attempt.forget().finally(() => this.#forgetting.delete(done));
    this.#forgetting.add(done);
  }
}
