/**
 * One worker as the dispatcher sees it: the calls it has in hand, in the order in which they run, and a watch over the
 * first of them, which is the one that runs. It decides when a call is told to stop and when its worker is given up;
 * what becomes of the calls is the dispatcher's. The one invariant: at most one timer, and none while nothing is in hand.
 */
import type { IrisError } from "../runtime/errors.ts";
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";
import type { Call } from "./call.ts";
import type { Future } from "./future.ts";

/** How a call went. */
export type Ran =
  | { readonly as: "value"; readonly value: unknown; readonly tookMs: number }
  /** The function's own error, or that it could not be loaded there. */
  | { readonly as: "threw"; readonly error: unknown; readonly tookMs: number }
  /** The worker is no more, or cannot be reached. `reached` is false when it certainly never got the call. */
  | { readonly as: "lost"; readonly error: IrisError; readonly reached: boolean };

/** Somebody who runs calls: one at a time, in the order in which they come. */
export interface Runner {
  readonly id: string;
  /** Never rejects. After a call was lost, no other is sent until it is added again. */
  run(call: Call): Promise<Ran>;
  /**
   * Nobody wants a call any more that it has in hand: one that has not begun never shall, one that runs is told by its
   * signal. How it ends is still said by `run`.
   */
  cancel(call: Call): void;
  /**
   * A call that was cancelled has not ended: ends the thread or process under it, if it is still this call that runs
   * there. What it has in hand is then lost.
   */
  replace(call: Call): void;
}

export interface Entry {
  readonly call: Call;
  readonly future: Future<unknown>;
  /** From when nothing is before it at its worker. Infinite: as long as it likes. */
  readonly timeoutMs: number;
  readonly maxRetries: number;
  retries: number;
  /** Who has it in hand; undefined while it is in the queue. */
  lane: Lane | undefined;
  isSettled: boolean;
}

export interface LaneOptions {
  readonly runner: Runner;
  readonly clock: Clock;
  /** From when a call is told to stop until its worker is given up. */
  readonly cancelGraceMs: number;
  /** A call has run for longer than it may: settles it. */
  readonly onOverdue: (entry: Entry) => void;
}

export class Lane {
  readonly runner: Runner;
  /** In the order in which they were sent, which is the order in which they run; with what each is expected to take. */
  readonly inHand = new Map<Entry, number>();
  inHandMs = 0;
  done = 0;
  /** Once a call was lost: the one that was being run then. The others had not begun. */
  lost: { readonly running: Entry | undefined } | undefined;
  readonly #options: LaneOptions;
  #front: Entry | undefined;
  #timer: TimerHandle;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.runner = options.runner;
  }

  take(entry: Entry, expectedMs: number): void {
    entry.lane = this;
    this.inHand.set(entry, expectedMs);
    this.inHandMs += expectedMs;
    this.#watch();
  }

  /** It has ended, or is lost. */
  release(entry: Entry): void {
    this.inHand.delete(entry);
    this.#sum();
    this.#watch();
  }

  /** An entry in hand has been settled without its worker. None is sent behind it: its worker may have to go. */
  giveUp(entry: Entry): void {
    this.inHand.set(entry, Number.POSITIVE_INFINITY);
    this.#sum();
    this.runner.cancel(entry.call);
    if (entry === this.#front) this.#giveGrace(entry);
  }

  /** Watches nothing any more. */
  close(): void {
    this.#stopTimer();
    this.#front = undefined;
  }

  /** Anew: infinities do not subtract, and rounding must not build up. */
  #sum(): void {
    this.inHandMs = 0;
    for (const expectedMs of this.inHand.values()) this.inHandMs += expectedMs;
  }

  #watch(): void {
    const [front] = this.inHand.keys();
    if (front === this.#front) return;
    this.#stopTimer();
    this.#front = front;
    if (front === undefined) return;
    if (front.isSettled) this.#giveGrace(front);
    else if (front.timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#startTimer(() => this.#options.onOverdue(front), front.timeoutMs);
    }
  }

  #giveGrace(front: Entry): void {
    this.#stopTimer();
    this.#startTimer(() => {
      // Again, until it has ended: it may have begun only now, before its worker read that it was cancelled.
      this.#giveGrace(front);
      this.runner.replace(front.call);
    }, this.#options.cancelGraceMs);
  }

  #startTimer(fn: () => void, ms: number): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      fn();
    }, ms);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
