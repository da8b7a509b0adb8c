/**
 * The attempts of this worker: makes what is there into what is desired, and says what is there. Desired state is the
 * controller's alone, observed state this worker's alone; a controller that goes on from another state, or that is still
 * finding out who is there, desires nothing of attempts that it does not name. The one invariant: an attempt is started
 * at most once in a worker's life, however often, late or doubled it is asked for.
 */
import type { Cause, DesiredAttempt, ObservedAttempt } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { cause } from "../job/cause.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { Attempt, type AttemptContext } from "./attempt.ts";

/** Names that can be directories: what controllers mint, and nothing that leads elsewhere. */
const UID = /^[A-Za-z0-9_-]{1,64}$/;
/** Forgotten attempts whose names are remembered: a request that was under way when they were forgotten is not older. */
const FORGOTTEN_MAX = 10_000;

/** Who says what is desired, as far as that matters for attempts that are not named. */
export interface Speaker {
  /** The state that the set was made from; `undefined`: it speaks for every attempt. */
  readonly stateId?: string | undefined;
  /** It still finds out who is there: nothing is stopped or forgotten for not being named. */
  readonly observeOnly?: boolean | undefined;
}

interface Kept {
  readonly attempt: Attempt;
  readonly taskId: string;
  /** The state whose set named it last. */
  stateId: string | undefined;
}

export class Attempts {
  readonly #context: AttemptContext;
  readonly #orphanAfterMs: number;
  readonly #attempts = new Map<string, Kept>();
  /** When a controller of each state was last heard: its attempts wait for it no longer than for a lost connection. */
  readonly #heardAtMs = new Map<string, number>();
  readonly #forgotten = new Set<string>();
  readonly #forgetting = new Set<Promise<void>>();
  /** Why nothing is started any more. */
  #closed: Cause | undefined;

  constructor(context: AttemptContext, orphanAfterMs: number = CLUSTER_LIMITS.orphanAfterMs) {
    this.#context = context;
    this.#orphanAfterMs = orphanAfterMs;
  }

  /** Attempts that are here, over or not. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Starts unknown desired attempts, stops those desired stopped or not desired, forgets those that are over and not
   * asked about. Attempts of another state than the speaker's go on until that state was not heard of for `orphanAfterMs`;
   * for a speaker that only observes all go on. Returns everything that is here or asked about. Idempotent. Throws
   * `INVALID_ARGUMENT`, having done nothing, for a name that no controller mints.
   */
  apply(desired: readonly DesiredAttempt[], speaker: Speaker = {}): ObservedAttempt[] {
    const odd = desired.find(({ uid }) => !UID.test(uid));
    if (odd !== undefined) throw new IrisError("INVALID_ARGUMENT", `${JSON.stringify(odd.uid)} is no attempt's uid`);
    const asked = new Set(desired.map(({ uid }) => uid));
    const { stateId } = speaker;
    if (stateId !== undefined) this.#heardAtMs.set(stateId, this.#context.clock.now());
    for (const [uid, kept] of this.#attempts) {
      const why = asked.has(uid) ? undefined : this.#unwanted(kept, speaker);
      if (why === undefined) continue;
      if (kept.attempt.isOver) this.#forget(uid, kept.attempt);
      else kept.attempt.stop(why);
    }
    for (const one of desired) {
      const kept = this.#attempts.get(one.uid);
      if (kept === undefined) {
        this.#startIfWanted(one, stateId);
        continue;
      }
      if (stateId !== undefined) kept.stateId = stateId;
      if (!one.run) kept.attempt.stop(cause("killed-by-user", "stopped as its controller asked"));
    }
    this.#forgetStates(stateId);
    const missing = [...asked].filter((uid) => !this.#attempts.has(uid));
    return [...this.observed(), ...missing.map((uid): ObservedAttempt => ({ uid, phase: "MISSING", ports: {} }))];
  }

  /** What is here now: all of it, or of these attempts. */
  observed(uids: Iterable<string> = this.#attempts.keys()): ObservedAttempt[] {
    return [...uids].flatMap((uid) => {
      const kept = this.#attempts.get(uid);
      if (kept === undefined) return [];
      const { attempt, taskId, stateId } = kept;
      return stateId === undefined ? attempt.observed : { ...attempt.observed, taskId, stateId };
    });
  }

  /** Stops everything for one reason, at most with this grace; more can be started later. */
  stopAll(why: Cause, graceMs?: number): void {
    for (const { attempt } of this.#attempts.values()) attempt.stop(why, graceMs);
  }

  /**
   * Starts nothing any more, stops everything; resolves when nothing of any process is left and the lines and ends that
   * can be told to the controller have been handed over.
   */
  async close(why: Cause): Promise<void> {
    this.#closed ??= why;
    this.stopAll(why);
    const attempts = [...this.#attempts.values()].map(({ attempt }) => attempt);
    await Promise.all(attempts.map(({ gone }) => gone));
    // With the controller away nobody waits for lines to be stored.
    if (this.#context.store.isUp) await Promise.all(attempts.map(({ over }) => over));
  }

  /** Forgets everything, with what it left on disk. To be called after `close`. */
  async forgetAll(): Promise<void> {
    for (const [uid, { attempt }] of this.#attempts) this.#forget(uid, attempt);
    await Promise.all(this.#forgetting);
  }

  /** Ends everything by force, for an owner that has no time left. */
  kill(why: Cause): void {
    this.#closed ??= why;
    this.stopAll(why, 0);
  }

  /** Why an attempt that a speaker does not name may not go on, or `undefined` when it may. */
  #unwanted({ stateId }: Kept, speaker: Speaker): Cause | undefined {
    const isForeign = stateId !== undefined && speaker.stateId !== undefined && stateId !== speaker.stateId;
    if (isForeign) {
      const now = this.#context.clock.now();
      if (now - (this.#heardAtMs.get(stateId) ?? now) < this.#orphanAfterMs) return undefined;
      const message = `the controller that knows it was not heard of for ${this.#orphanAfterMs} ms, while another one was`;
      return cause("infrastructure", message);
    }
    if (speaker.observeOnly === true) return undefined;
    return cause("killed-by-user", "its controller does not want it any more");
  }

  /** Only states that have something here are remembered. */
  #forgetStates(speaking: string | undefined): void {
    const present = new Set([...this.#attempts.values()].map(({ stateId }) => stateId));
    for (const stateId of this.#heardAtMs.keys()) {
      if (stateId !== speaking && !present.has(stateId)) this.#heardAtMs.delete(stateId);
    }
  }

  #startIfWanted({ uid, taskId, attempt, run, spec }: DesiredAttempt, stateId: string | undefined): void {
    if (!run || spec === undefined || this.#closed !== undefined || this.#forgotten.has(uid)) return;
    this.#attempts.set(uid, { attempt: new Attempt({ uid, taskId, attempt }, spec, this.#context), taskId, stateId });
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
