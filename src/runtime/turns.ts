/**
 * Who runs next. Actors with something to do stand in one queue and get a turn each; a turn is a bounded batch of
 * messages. Turns run on microtasks, so an idle actor answers at once, and after `messagesPerYield` messages the queue
 * yields to the event loop, so that actors which keep each other busy starve neither timers nor sockets.
 */

export interface Runnable {
  /** Handles at most `messagesMax` messages; gives how many it handled. Never throws. */
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
  readonly #limits: TurnLimits;
  #waiting: Runnable[] = [];
  /** The round being run, and who is next in it; it outlives a yield. */
  #round: Runnable[] = [];
  #next = 0;
  #isArmed = false;
  #sinceYield = 0;
  readonly #run = () => this.#runRound();
  readonly #runAfterYield = () => {
    this.#sinceYield = 0;
    this.#runRound();
  };

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Gives `runnable` a turn soon, never within this call. */
  enqueue(runnable: Runnable): void {
    if (runnable.isQueued) return;
    runnable.isQueued = true;
    this.#waiting.push(runnable);
    if (!this.#isArmed) this.#arm();
  }

  #arm(): void {
    this.#isArmed = true;
    if (this.#sinceYield < this.#limits.messagesPerYield) queueMicrotask(this.#run);
    else setImmediate(this.#runAfterYield);
  }

  #runRound(): void {
    if (this.#next === this.#round.length) {
      this.#round = this.#waiting;
      this.#waiting = [];
      this.#next = 0;
    }
    while (this.#next < this.#round.length && this.#sinceYield < this.#limits.messagesPerYield) {
      const runnable = this.#round[this.#next++] as Runnable;
      runnable.isQueued = false;
      // A turn without messages (a start, a stop) counts too: actors that come and go must not starve the loop either.
      this.#sinceYield += Math.max(1, runnable.turn(this.#limits.messagesPerTurn));
      if (runnable.isReady) this.enqueue(runnable);
    }
    if (this.#next < this.#round.length || this.#waiting.length > 0) {
      this.#arm();
      return;
    }
    this.#isArmed = false;
    this.#round = [];
    this.#next = 0;
  }
}
