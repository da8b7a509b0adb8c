/** Which objects a message has already, by the order in which they began. */

/** A few objects are found faster in a list than in a map, and most messages hold few. */
const LISTED_MAX = 12;

export class Identities {
  readonly #listed: (object | undefined)[] = new Array(LISTED_MAX).fill(undefined);
  #numbers: Map<object, number> | undefined;
  #count = 0;

  /** The number of an object that is there already; otherwise it gets the next one, and the answer is undefined. */
  known(object: object): number | undefined {
    const known = this.#numbers === undefined ? this.#listedNumber(object) : this.#numbers.get(object);
    if (known !== undefined) return known;
    if (this.#count < LISTED_MAX) {
      this.#listed[this.#count] = object;
    } else {
      this.#numbers ??= new Map(this.#listed.map((listed, number) => [listed as object, number]));
      this.#numbers.set(object, this.#count);
    }
    this.#count += 1;
    return undefined;
  }

  /** Forgets all. Emptying the list would cost its storage each time: its places are overwritten instead. */
  clear(): void {
    for (let i = 0; i < LISTED_MAX && i < this.#count; i++) this.#listed[i] = undefined;
    this.#numbers = undefined;
    this.#count = 0;
  }

  #listedNumber(object: object): number | undefined {
    for (let i = 0; i < this.#count; i++) if (this.#listed[i] === object) return i;
    return undefined;
  }
}
