/**
 * One call through a pool: it finds a member, waits for one if it must, sends, and tries another member after a failure
 * that cannot have run. Not a policy of its own: the route picks, the terms bound it. The one invariant: without
 * `idempotent`, a second member is asked only when it is certain that the first did not run the call.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import type { Member } from "./actor-pool-member.ts";
import { pickMember, type Route } from "./actor-pool-route.ts";
import type { Outcome, Payload } from "./channel.ts";
import { isUsersError } from "./fault.ts";
import { type CallTerms, channelOptions, RemoteOutcome, valueIn, valuesIn } from "./remote-ref.ts";

/** What a call sees of its pool. */
export interface PoolView {
  readonly name: string;
  readonly clock: Clock;
  readonly isClosed: boolean;
  /** Why nobody will ever serve here, where that is known. */
  readonly failure: IrisError | undefined;
  /** Who may take it. */
  members(): readonly Member[];
  /** Whose turn it is; counts up. */
  nextTurn(): number;
  /** Names an idempotent call, for all its tries; unlike the name of any other call of anybody. */
  newKey(): string;
  /** Calls `fn` whenever members or their health change, or the pool closes, until the returned function is called. */
  onChange(fn: () => void): () => void;
  /** How long a call waits for dead members to come back before it fails. Unit: ms. */
  readonly patienceMs: number;
}

export interface PoolCallRequest {
  readonly method: string;
  readonly payload: Payload;
  readonly terms: CallTerms;
  readonly route: Route;
}

/** Members asked for one call, at most: more would be a storm, not a remedy. */
const TRIES_MAX = 10;
/** How long a call waits for a member that is being dialled, if others are up: a bad link's round trip. Unit: ms. */
const DIAL_PATIENCE_MS = 250;
/** Dead members that an error names; the first few tell what is wrong. */
const REASONS_MAX = 3;

/** Failures by which a call certainly did not run there, and may run elsewhere. */
const NOT_RUN: ReadonlySet<string> = new Set([
  "UNAVAILABLE",
  "MAILBOX_FULL",
  "RESOURCE_EXHAUSTED",
  "NO_SUCH_ACTOR",
  "UNDELIVERABLE",
]);

/** Sends the call, at once if a member is up. How the outcome is used decides whether it is one value or many. */
export function callThrough(pool: PoolView, request: PoolCallRequest): RemoteOutcome {
  const call = new PoolCall(pool, request);
  return new RemoteOutcome(
    () => call.one(),
    () => call.many(),
  );
}

class PoolCall {
  readonly #pool: PoolView;
  readonly #request: PoolCallRequest;
  /** Members that failed it, each with the epoch of its connection then: one that came back may be asked again. */
  readonly #tried = new Map<Member, number>();
  /** The same in each try, so that a member that has run it already answers from memory. */
  readonly #key: string | undefined;
  #lastError: IrisError | undefined;
  #giveUpAt: number | undefined;
  /** Until when a member that is being dialled is waited for though others are up. */
  #dialledUntil: number | undefined;
  #attempt: Promise<Attempt> | Attempt;
  /** Somebody awaits or iterates. */
  #isUsed = false;
  #hasLeft = false;
  #wake: () => void = () => {};

  constructor(pool: PoolView, request: PoolCallRequest) {
    this.#pool = pool;
    this.#request = request;
    this.#key = request.terms.idempotent ? pool.newKey() : undefined;
    this.#attempt = this.#next();
    if (this.#attempt instanceof Attempt) this.#dropUnused(this.#attempt);
    else this.#attempt.then((attempt) => this.#dropUnused(attempt)).catch(() => {});
  }

  async one(): Promise<unknown> {
    this.#isUsed = true;
    for (;;) {
      const attempt = await this.#attempt;
      attempt.hold();
      let payload: Payload;
      try {
        payload = await attempt.outcome;
      } catch (error) {
        this.#attempt = this.#afterFailure(attempt, error);
        continue;
      } finally {
        attempt.release();
      }
      this.#learn(attempt, undefined);
      return valueIn(payload);
    }
  }

  many(): AsyncIterator<unknown> {
    this.#isUsed = true;
    let reading: { readonly items: AsyncIterator<unknown>; readonly attempt: Attempt } | undefined;
    const read = async (): Promise<IteratorResult<unknown>> => {
      if (reading !== undefined) return reading.items.next();
      for (;;) {
        const attempt = await this.#attempt;
        attempt.hold();
        const items = valuesIn(attempt.outcome[Symbol.asyncIterator]());
        reading = { items, attempt };
        try {
          const first = await items.next();
          this.#learn(attempt, undefined);
          return first;
        } catch (error) {
          attempt.release();
          this.#attempt = this.#afterFailure(attempt, error);
          reading = undefined;
        }
      }
    };
    return {
      next: async () => {
        let isOver = true;
        try {
          const item = await read();
          isOver = item.done === true;
          return item;
        } finally {
          if (isOver) reading?.attempt.release();
        }
      },
      return: async () => {
        this.#hasLeft = true;
        this.#wake();
        // An attempt that was sent but not read yet is left by reading it and leaving.
        const attempt = reading?.attempt ?? (this.#attempt instanceof Attempt ? this.#attempt : undefined);
        await (reading?.items ?? attempt?.outcome[Symbol.asyncIterator]())?.return?.();
        attempt?.release();
        return { done: true, value: undefined };
      },
    };
  }

  /** The next attempt, or the failure thrown again when there must be none. */
  #afterFailure(attempt: Attempt, error: unknown): Promise<Attempt> | Attempt {
    const { terms } = this.#request;
    this.#learn(attempt, error);
    if (!IrisError.is(error) || !mayTryElsewhere(error, terms.idempotent) || terms.signal?.aborted) throw error;
    this.#tried.set(attempt.member, attempt.epoch);
    this.#lastError = error;
    if (this.#tried.size >= TRIES_MAX) throw error;
    return this.#next();
  }

  /** Sent already if a member is up, else as soon as one is. */
  #next(): Promise<Attempt> | Attempt {
    const member = this.#pool.isClosed ? undefined : this.#pick();
    if (member?.health.at === "up") {
      try {
        return this.#send(member);
      } catch (error) {
        return Promise.reject(this.#withHistory(error));
      }
    }
    return this.#whenOneIsUp(member).catch((error: unknown) => Promise.reject(this.#withHistory(error)));
  }

  /** That there is no further try says nothing of the one before: if that may have run, so says the last error. */
  #withHistory(error: unknown): unknown {
    const cause = this.#lastError;
    if (cause?.maybeExecuted !== true || !IrisError.is(error) || error.maybeExecuted === true) return error;
    return new IrisError(error.code, error.message, { cause, where: error.where, maybeExecuted: true });
  }

  async #whenOneIsUp(first: Member | undefined): Promise<Attempt> {
    let member = first;
    for (;;) {
      if (this.#pool.failure !== undefined) throw this.#pool.failure;
      if (this.#pool.isClosed) throw new IrisError("CANCELLED", `${this.#what()} was cancelled: its pool was closed`);
      if (this.#hasLeft) throw new IrisError("CANCELLED", `${this.#what()} was cancelled: nobody reads its answer`);
      channelOptions(this.#request.terms, this.#pool.clock, this.#what()); // throws when there is no time left
      member ??= this.#pick();
      if (member !== undefined) {
        member.open();
        if (member.health.at === "up") return this.#send(member);
        if (member.health.at === "dialling") member = await this.#whileDialled(member);
        if (member?.health.at === "down" || member?.health.at === "refused") member = undefined;
      } else {
        await this.#change(this.#waitUntil());
      }
    }
  }

  /** Waits for news of a member that is being dialled; if others are up, not for long. Gives whom to ask. */
  async #whileDialled(member: Member): Promise<Member | undefined> {
    const { clock } = this.#pool;
    const isOtherUp = () => this.#usable().some(({ health }) => health.at === "up");
    this.#dialledUntil ??= clock.now() + DIAL_PATIENCE_MS;
    await this.#change(isOtherUp() ? this.#dialledUntil : undefined);
    if (member.health.at !== "dialling" || clock.now() < this.#dialledUntil || !isOtherUp()) return member;
    return this.#pick((other) => other.health.at === "up");
  }

  #learn({ member, epoch }: Attempt, error: unknown): void {
    member.learn(error, epoch, this.#pool.clock.now());
  }

  /** Whose turn it is among those that may take it; those that keep failing only when there are no others. */
  #pick(isWanted: (member: Member) => boolean = () => true): Member | undefined {
    const usable = this.#usable().filter(isWanted);
    const now = this.#pool.clock.now();
    const sound = usable.filter((member) => !member.isEjected(now));
    return pickMember(sound.length > 0 ? sound : usable, this.#request.route, this.#pool.nextTurn());
  }

  #usable(): Member[] {
    return this.#pool.members().filter((member) => {
      const { at } = member.health;
      return (at === "up" || at === "dialling") && this.#tried.get(member) !== member.epoch;
    });
  }

  #send(member: Member): Attempt {
    const { method, payload, terms } = this.#request;
    const options = { ...channelOptions(terms, this.#pool.clock, this.#what()), key: this.#key };
    return new Attempt(member, member.open().call(member.endpoint.name, method, payload, options));
  }

  /** Nobody can take it now: until when to wait for somebody, or for ever. Throws when waiting cannot help. */
  #waitUntil(): number | undefined {
    const members = this.#pool.members();
    if (members.length === 0) return undefined;
    if (this.#lastError !== undefined && !isConnectionTrouble(this.#lastError)) throw this.#lastError;
    const refusals = members.map((member) => member.health).filter((health) => health.at === "refused");
    if (refusals.length === members.length && refusals[0] !== undefined) throw refusals[0].error;
    const now = this.#pool.clock.now();
    this.#giveUpAt ??= now + this.#pool.patienceMs;
    if (now >= this.#giveUpAt) throw this.#unreachable(members);
    return this.#giveUpAt;
  }

  #unreachable(members: readonly Member[]): IrisError {
    const reasons = members.slice(0, REASONS_MAX).map(({ endpoint, health }) => {
      const error = health.at === "down" || health.at === "refused" ? health.error : this.#lastError;
      return `${endpoint.address} cannot be reached: ${error?.message ?? "nobody answers"}`;
    });
    if (members.length > REASONS_MAX) reasons.push(`and ${members.length - REASONS_MAX} more`);
    return new IrisError("UNAVAILABLE", `${this.#what()}: ${reasons.join("; ")}`, {
      cause: this.#lastError,
      maybeExecuted: this.#lastError?.maybeExecuted,
    });
  }

  /** Resolves when something changed, at `untilAt`, at the call's deadline or when it is cancelled. */
  #change(untilAt: number | undefined): Promise<void> {
    const { clock } = this.#pool;
    const { deadlineAt, signal } = this.#request.terms;
    const wakeAt = Math.min(untilAt ?? Number.POSITIVE_INFINITY, deadlineAt ?? Number.POSITIVE_INFINITY);
    return new Promise((resolve) => {
      const done = () => {
        forget();
        if (timer !== undefined) clock.clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        this.#wake = () => {};
        resolve();
      };
      const forget = this.#pool.onChange(done);
      const timer = Number.isFinite(wakeAt) ? clock.setTimeout(done, Math.max(0, wakeAt - clock.now())) : undefined;
      signal?.addEventListener("abort", done, { once: true });
      this.#wake = done;
    });
  }

  /** An outcome that nobody has used by the next turn does not count as outstanding: it may never be looked at. */
  #dropUnused(attempt: Attempt): void {
    setImmediate(() => {
      if (!this.#isUsed) attempt.release();
    });
  }

  #what(): string {
    return `${this.#pool.name}.${this.#request.method}()`;
  }
}

/** The call, as sent to one member. */
class Attempt {
  readonly member: Member;
  readonly outcome: Outcome;
  readonly epoch: number;
  #isHeld = false;

  constructor(member: Member, outcome: Outcome) {
    this.member = member;
    this.outcome = outcome;
    this.epoch = member.epoch;
    this.hold();
  }

  /** It counts as outstanding. */
  hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.member.began();
  }

  /** It does not any more. Safe to call twice. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.member.ended();
  }
}

function mayTryElsewhere(error: IrisError, idempotent: boolean): boolean {
  if (isUsersError(error)) return false; // it ran, and this is its answer
  if (error.code === "LOST") return idempotent;
  return NOT_RUN.has(error.code) && error.maybeExecuted !== true;
}

/** The member was not reached, as opposed to having answered with a refusal: waiting may help. */
function isConnectionTrouble(error: IrisError): boolean {
  return error.code === "UNAVAILABLE" || error.code === "LOST";
}
