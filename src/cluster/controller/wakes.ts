/**
 * What is to be looked at, and when: a heap of times over one timer. It promises no more than to come back not before
 * the time; whoever is woken checks by itself whether there is anything to do.
 */
import type { Clock, TimerHandle } from "../../runtime/ports/clock.ts";
import type { Subject } from "./kernel/command.ts";

interface Wake {
  readonly atMs: number;
  /** Those of the same time come in the order in which they were added. */
  readonly number: number;
  readonly subject: Subject;
}

export class Wakes {
  readonly #clock: Clock;
  readonly #onDue: (subjects: Subject[]) => void;
  /** A binary heap by time. */
  readonly #heap: Wake[] = [];
  #timer: { handle: TimerHandle; atMs: number } | undefined;
  #stopped = false;
  #added = 0;

  constructor(clock: Clock, onDue: (subjects: Subject[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(atMs: number, subject: Subject): void {
    if (this.#stopped) return;
    this.#heap.push({ atMs, number: this.#added++, subject });
    this.#rise(this.#heap.length - 1);
    this.#arm();
  }

  /** Forgets everything; nothing comes any more. */
  stop(): void {
    this.#stopped = true;
    this.#heap.length = 0;
    this.#disarm();
  }

  #arm(): void {
    const [first] = this.#heap;
    if (first === undefined || (this.#timer !== undefined && this.#timer.atMs <= first.atMs)) return;
    this.#disarm();
    const handle = this.#clock.setTimeout(() => this.#fire(), Math.max(0, first.atMs - this.#clock.now()));
    this.#timer = { handle, atMs: first.atMs };
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
  }

  #fire(): void {
    this.#timer = undefined;
    const due = new Map<string, Subject>();
    for (let [first] = this.#heap; first !== undefined && first.atMs <= this.#clock.now(); [first] = this.#heap) {
      this.#pop();
      due.set(`${first.subject.kind} ${first.subject.id}`, first.subject);
    }
    this.#arm();
    if (due.size > 0) this.#onDue([...due.values()]);
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    for (let child = from; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfEarlier(child, parent)) return;
      child = parent;
    }
  }

  #sink(from: number): void {
    for (let parent = from; ; ) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2];
      const earlier = isEarlier(this.#heap[right], this.#heap[left]) ? right : left;
      if (!this.#swapIfEarlier(earlier, parent)) return;
      parent = earlier;
    }
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const [a, b] = [this.#heap[child], this.#heap[parent]];
    if (a === undefined || b === undefined || !isEarlier(a, b)) return false;
    this.#heap[child] = b;
    this.#heap[parent] = a;
    return true;
  }
}

function isEarlier(a: Wake | undefined, b: Wake | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
}
