/** Which objects a message has already, by the order in which they began. */

/** So many objects are found faster in a list than in a map, whose hash must be made for each, and most messages hold fewer. */
const LISTED_MAX = 40;

export class Identities {
  readonly #listed: (object | undefined)[] = new Array(LISTED_MAX).fill(undefined);
  /** All of them, once they are too many for the list. */
  #set: Set<object> | undefined;
  /** Their numbers, once one of them was met again: most messages are trees, and a set is filled in half the time. */
  #numbers: Map<object, number> | undefined;
  #count = 0;

  /** The number of an object that is there already; otherwise it gets the next one, and the answer is -1. */
  known(object: object): number {
    const count = this.#count;
    if (count > LISTED_MAX) return this.#knownOfMany(object);
    const listed = this.#listed;
    for (let i = 0; i < count; i++) if (listed[i] === object) return i;
    if (count === LISTED_MAX) return this.#knownOfMany(object);
    listed[count] = object;
    this.#count = count + 1;
    return -1;
  }

  /** Forgets all. Emptying the list would cost its storage each time: its places are overwritten instead. */
  clear(): void {
    for (let i = 0; i < LISTED_MAX && i < this.#count; i++) this.#listed[i] = undefined;
    this.#set = undefined;
    this.#numbers = undefined;
    this.#count = 0;
  }

  #knownOfMany(object: object): number {
    const number = this.#numbers === undefined ? this.#added(object) : this.#numbers.get(object);
    if (number !== undefined) return number;
    this.#numbers?.set(object, this.#count);
    this.#count += 1;
    return -1;
  }

  #added(object: object): number | undefined {
    this.#set ??= new Set(this.#listed as object[]);
    if (this.#set.add(object).size > this.#count) return undefined;
    this.#numbers = new Map();
    for (const known of this.#set) this.#numbers.set(known, this.#numbers.size);
    this.#set = undefined;
    return this.#numbers.get(object);
  }
}
