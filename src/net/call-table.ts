/**
 * Calls by their ids, for ids that mostly count up: an id names its slot by its low bits. A `Map` would do, but one whose
 * entries come and go this quickly leaves chains of old tables that drag all their calls through the collector. The one
 * invariant: what was added is found by its id, whatever ids the other end chooses.
 */

/** Slots at first: most sessions have few calls in flight. */
const FIRST_SLOTS = 16;

export class CallTable<T extends { readonly id: number }> {
  #slots: (T | undefined)[] = new Array<T | undefined>(FIRST_SLOTS).fill(undefined);
  /** Those whose slot was taken: old ones that newer ones have caught up with, or ids of somebody's choice. */
  readonly #crowded = new Map<number, T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    const found = this.#slots[id & (this.#slots.length - 1)];
    if (found !== undefined && found.id === id) return found;
    return this.#crowded.size === 0 ? undefined : this.#crowded.get(id);
  }

  /** Adds one whose id is not in use. */
  add(entry: T): void {
    if (++this.#size > this.#slots.length >> 1) this.#grow();
    this.#place(entry);
  }

  /** False if it was not there. */
  delete(id: number): boolean {
    const slot = id & (this.#slots.length - 1);
    const found = this.#slots[slot];
    if (found !== undefined && found.id === id) this.#slots[slot] = undefined;
    else if (this.#crowded.size === 0 || !this.#crowded.delete(id)) return false;
    this.#size--;
    return true;
  }

  /** All, in no order that means anything. */
  values(): T[] {
    return [...this.#slots.filter((entry) => entry !== undefined), ...this.#crowded.values()];
  }

  #place(entry: T): void {
    const slot = entry.id & (this.#slots.length - 1);
    if (this.#slots[slot] === undefined) this.#slots[slot] = entry;
    else this.#crowded.set(entry.id, entry);
  }

  #grow(): void {
    const all = this.values();
    this.#slots = new Array<T | undefined>(this.#slots.length * 2).fill(undefined);
    this.#crowded.clear();
    for (const entry of all) this.#place(entry);
  }
}
