/**
 * What a server has answered, or is answering, to idempotent calls: a try that comes again after a broken link joins the
 * one that runs, or gets the answer of the one that has run. Not a cache of results: two calls with the same arguments
 * are two calls. The one invariant: of one key, one run is under way at most.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";
import type { Identity, InboundCall, Payload } from "./channel.ts";

/** Bounds of what is remembered. What is forgotten too soon runs again, which by its caller's word does no harm. */
export const RESULTS_LIMITS = Object.freeze({
  /** An answer is kept so long. Unit: ms. Twelve of the longest pauses of a reconnection. */
  keptMs: 60_000,
  /** Answers kept: a minute of a hundred calls a second. */
  keptMax: 10_000,
  /** All that is kept. Unit: bytes. */
  keptBytes: 16 * 1024 * 1024,
  /** A larger answer is not kept: it would push out all others. Unit: bytes. */
  answerBytes: 1024 * 1024,
  /** What an answer costs beside its payload: key, entry, promise. Unit: bytes. */
  entryBytes: 512,
  /** A run whose caller's link broke goes on so long without anybody who waits for it. Unit: ms. */
  orphanMs: 15_000,
  /** Longest key taken. Unit: characters. */
  keyChars: 64,
});

type Answer = Promise<Payload> | AsyncIterable<Payload>;

/** One run of a call; tries come and go. */
interface Run {
  readonly aborter: AbortController;
  readonly answer: Promise<Payload>;
  waiting: number;
  orphanTimer: TimerHandle;
}

interface Kept {
  readonly answer: Promise<Payload>;
  readonly bytes: number;
  readonly untilAt: number;
}

export class RecentResults {
  readonly #clock: Clock;
  readonly #runs = new Map<string, Run>();
  /** In order of their age. */
  readonly #kept = new Map<string, Kept>();
  #keptBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs under way that came with a key. */
  get running(): number {
    return this.#runs.size;
  }

  /** Answers that are remembered. */
  get kept(): number {
    return this.#kept.size;
  }

  /**
   * The answer to `call` of `target`, by `run` unless an earlier try of the same caller with the same key has begun it.
   * `run` is given the signal that ends it: it aborts when nobody waits any more, after a broken link somewhat later.
   * Streams are not remembered: each try is a stream of its own. Throws `INVALID_ARGUMENT` for a key that is too long.
   */
  answer(target: string, call: InboundCall, run: (signal: AbortSignal) => Answer): Answer {
    const { key } = call;
    if (key === undefined) return run(call.signal);
    if (key.length > RESULTS_LIMITS.keyChars) {
      const message = `the key of ${target}.${call.method}() has ${key.length} characters; at most ${RESULTS_LIMITS.keyChars} are taken`;
      throw new IrisError("INVALID_ARGUMENT", message);
    }
    this.#forgetOld();
    const name = JSON.stringify([...whoIs(call.peer.identity), target, call.method, key]);
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept.answer;
    const running = this.#runs.get(name);
    if (running !== undefined) return this.#join(running, call);
    const aborter = new AbortController();
    const answer = run(aborter.signal);
    if (!isPromise(answer)) {
      onAbort(call.signal, () => aborter.abort(call.signal.reason));
      return answer;
    }
    return this.#join(this.#begin(name, aborter, answer), call);
  }

  #begin(name: string, aborter: AbortController, answer: Promise<Payload>): Run {
    const run: Run = { aborter, answer, waiting: 0, orphanTimer: undefined };
    this.#runs.set(name, run);
    const over = (bytes: number | undefined) => {
      this.#runs.delete(name);
      if (run.orphanTimer !== undefined) this.#clock.clearTimeout(run.orphanTimer);
      if (bytes !== undefined && !aborter.signal.aborted) this.#keep(name, answer, bytes);
    };
    answer.then(
      (payload) => over(payload.bytes.length),
      (error) => over(hasRun(error) ? 0 : undefined),
    );
    return run;
  }

  #join(run: Run, call: InboundCall): Promise<Payload> {
    run.waiting++;
    if (run.orphanTimer !== undefined) this.#clock.clearTimeout(run.orphanTimer);
    run.orphanTimer = undefined;
    onAbort(call.signal, () => {
      const { reason } = call.signal;
      // Whether the caller gave up or its link broke is known only when its session has finished ending.
      queueMicrotask(() => this.#leave(run, call.peer.closed.aborted, reason));
    });
    return run.answer;
  }

  #leave(run: Run, isCutOff: boolean, reason: unknown): void {
    if (--run.waiting > 0 || run.aborter.signal.aborted) return;
    if (!isCutOff) run.aborter.abort(reason);
    else run.orphanTimer = this.#clock.setTimeout(() => run.aborter.abort(reason), RESULTS_LIMITS.orphanMs);
  }

  #keep(name: string, answer: Promise<Payload>, payloadBytes: number): void {
    if (payloadBytes > RESULTS_LIMITS.answerBytes) return;
    const bytes = payloadBytes + RESULTS_LIMITS.entryBytes;
    this.#kept.set(name, { answer, bytes, untilAt: this.#clock.now() + RESULTS_LIMITS.keptMs });
    this.#keptBytes += bytes;
    this.#forgetOld();
  }

  #forgetOld(): void {
    const now = this.#clock.now();
    for (const [name, { bytes, untilAt }] of this.#kept) {
      const isFull = this.#kept.size > RESULTS_LIMITS.keptMax || this.#keptBytes > RESULTS_LIMITS.keptBytes;
      if (untilAt > now && !isFull) return;
      this.#kept.delete(name);
      this.#keptBytes -= bytes;
    }
  }

  /** Ends runs that nobody waits for, and forgets all answers. The server has stopped. */
  clear(why: IrisError): void {
    this.#kept.clear();
    this.#keptBytes = 0;
    for (const run of this.#runs.values()) {
      if (run.orphanTimer !== undefined) this.#clock.clearTimeout(run.orphanTimer);
      run.orphanTimer = undefined;
      if (run.waiting === 0) run.aborter.abort(why);
    }
  }
}

/** Keys of one caller are no keys of another: what was answered to one is not for the other to read. */
function whoIs({ kind, namespace, taskId = "", attemptUid = "" }: Identity): readonly string[] {
  return [kind, namespace, taskId, attemptUid];
}

/**
 * Whether a failure is the answer, as opposed to none: the user's code ran to its end and threw. One that says that it
 * did not run, or that nobody knows, is no answer to keep; trying again may do better.
 */
function hasRun(error: unknown): boolean {
  if (!IrisError.is(error)) return true;
  return error.maybeExecuted === true && !UNDECIDED.has(error.code);
}

const UNDECIDED: ReadonlySet<string> = new Set(["LOST", "CANCELLED", "DEADLINE_EXCEEDED"]);

function onAbort(signal: AbortSignal, fn: () => void): void {
  if (signal.aborted) fn();
  else signal.addEventListener("abort", fn, { once: true });
}

function isPromise(answer: Answer): answer is Promise<Payload> {
  return typeof (answer as { then?: unknown }).then === "function";
}
