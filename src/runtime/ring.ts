/** A growing ring buffer: push and shift without moving what lies between. Not bounded: that is for whoever fills it. */

/** Slots that a ring starts with; doubled when they run out. Most mailboxes never hold more than a few. */
const SLOTS_MIN = 8;
/** Slots that an empty ring keeps for its next burst: 8 KiB. */
const SLOTS_KEPT_MAX = 1_024;

export class Ring<T> {
  #slots: (T | undefined)[] = new Array(SLOTS_MIN).fill(undefined);
  #head = 0;
  size = 0;

  push(item: T): void {
    if (this.size === this.#slots.length) this.#resize(this.size * 2);
    this.#slots[(this.#head + this.size) & (this.#slots.length - 1)] = item;
    this.size += 1;
  }

  /** The oldest, left where it is. */
  get first(): T | undefined {
    return this.#slots[this.#head];
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.size -= 1;
    return item;
  }

  /** Gives back what a burst made it grow to, once it is empty. */
  trim(): void {
    if (this.#slots.length <= SLOTS_KEPT_MAX || this.size > 0) return;
    this.#slots = new Array(SLOTS_MIN).fill(undefined);
    this.#head = 0;
  }

  /** Drops what does not pass, keeping the order of the rest. */
  keep(passes: (item: T) => boolean): void {
    for (let left = this.size; left > 0; left--) {
      const item = this.shift() as T;
      if (passes(item)) this.push(item);
    }
  }

  #resize(slots: number): void {
    const grown: (T | undefined)[] = new Array(slots).fill(undefined);
    for (let index = 0; index < this.size; index++) {
      grown[index] = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
    }
    this.#slots = grown;
    this.#head = 0;
  }
}
