/**
 * Memory that a pool and one of its threads share: which call the thread runs, so that the pool ends a thread only under
 * the very call that it gave up, and a count of what was posted, so that a thread that has just finished can wait for the
 * next call without going to sleep in its event loop, from which waking takes ten times as long. The one invariant: once
 * the pool has closed the gate under a call, the thread begins no other.
 */

const RUNNING = 0;
const POSTED = 1;
const NONE = -1;
const CLOSED = -2;

/** Ids of calls go round before they reach the values that are no id. */
export const CALL_ID_MAX = 0x7fff_ffff;

export class ThreadGate {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    this.#cells = new Int32Array(this.buffer);
    if (buffer === undefined) Atomics.store(this.#cells, RUNNING, NONE);
  }

  /** Thread: begins a call. False once the gate was closed. */
  begin(id: number): boolean {
    return Atomics.compareExchange(this.#cells, RUNNING, NONE, id) === NONE;
  }

  /** Thread: has ended it. False when the gate was closed meanwhile: the thread is about to be ended. */
  end(id: number): boolean {
    return Atomics.compareExchange(this.#cells, RUNNING, id, NONE) === id;
  }

  /** Pool: lets the thread begin nothing more, if it runs this call now. */
  close(id: number): boolean {
    return Atomics.compareExchange(this.#cells, RUNNING, id, CLOSED) === id;
  }

  /** Pool: something was posted. */
  knock(): void {
    Atomics.add(this.#cells, POSTED, 1);
    Atomics.notify(this.#cells, POSTED);
  }

  /** Thread: how often the pool has knocked. */
  knocks(): number {
    return Atomics.load(this.#cells, POSTED);
  }

  /** Thread: sleeps until the pool has knocked more often than that, `waitMs` at most. */
  waitForKnock(knocks: number, waitMs: number): void {
    Atomics.wait(this.#cells, POSTED, knocks, waitMs);
  }
}
