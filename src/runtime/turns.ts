/**
 * Who runs next. Actors with something to do stand in one queue and get a turn each; a turn is a bounded batch of
 * messages. Turns run on microtasks, so an idle actor answers at once, and after `messagesPerYield` messages the queue
 * yields to the event loop, so that actors which keep each other busy starve neither timers nor sockets.
 *
 * All turns run in one frame of AsyncLocalStorage, entered once: the loop sleeps inside it, and is in it when it wakes.
 */
import { runIn, SharedFrame } from "./context.ts";
import { Ring } from "./ring.ts";

export interface Runnable {
  /** Handles at most `messagesMax` messages, fewer if the shared frame is taken; gives how many. Never throws. */
  turn(messagesMax: number): number;
  /** Whether another turn would do something. */
  readonly isReady: boolean;
  /** True while it stands in the queue; kept by the queue alone. */
  isQueued: boolean;
}

export interface TurnLimits {
  readonly messagesPerTurn: number;
  readonly messagesPerYield: number;
}

export class Turns {
  /** The frame that turns run in now. */
  frame = new SharedFrame();
  readonly #limits: TurnLimits;
  #waiting = new Ring<Runnable>();
  /** How many of those who wait are of the round being run; it outlives a yield. */
  #leftInRound = 0;
  #sinceYield = 0;
  /** Set while the loop sleeps. */
  #wake: (() => void) | undefined;
  readonly #sleep = (wake: () => void) => {
    this.#wake = wake;
  };

  constructor(limits: TurnLimits) {
    this.#limits = limits;
    void runIn(this.frame, () => this.#run());
  }

  /** Gives `runnable` a turn soon, never within this call. */
  enqueue(runnable: Runnable): void {
    if (runnable.isQueued) return;
    runnable.isQueued = true;
    this.#waiting.push(runnable);
    if (this.#wake === undefined) return;
    this.#wake();
    this.#wake = undefined;
  }

  async #run(): Promise<void> {
    while (!this.frame.isTaken) {
      // Between two rounds, too, whoever waits for an answer gets to run.
      await (this.#waiting.size === 0 ? new Promise<void>(this.#sleep) : undefined);
      if (this.#sinceYield >= this.#limits.messagesPerYield) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        this.#sinceYield = 0;
      }
      this.#runRound();
    }
    this.frame = new SharedFrame();
    void runIn(this.frame, () => this.#run());
  }

  #runRound(): void {
    const { messagesPerTurn, messagesPerYield } = this.#limits;
    if (this.#leftInRound === 0) this.#leftInRound = this.#waiting.size;
    while (this.#leftInRound > 0 && this.#sinceYield < messagesPerYield && !this.frame.isTaken) {
      this.#leftInRound -= 1;
      const runnable = this.#waiting.shift() as Runnable;
      runnable.isQueued = false;
      // A turn without messages (a start, a stop) counts too: actors that come and go must not starve the loop either.
      this.#sinceYield += Math.max(1, runnable.turn(messagesPerTurn));
      if (runnable.isReady) this.enqueue(runnable);
    }
    if (this.#waiting.size === 0) this.#waiting.trim();
  }
}
