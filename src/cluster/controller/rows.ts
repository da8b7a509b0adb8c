/**
 * Rows in memory with their indexes, and a draft over them. `Rows` is the truth; `DraftRows` is what one step of the
 * kernel would make of it: reads go through to the truth, writes stay in the draft. The one invariant: a draft that is
 * thrown away has changed nothing. Rows are never mutated, only replaced.
 */

/** What an index sorts a row under; `undefined` leaves the row out. */
export type KeyOf<R> = (row: R) => string | undefined;

/** Reading, the same for the truth and for a draft. */
export interface RowsView<R, I extends string = string> {
  get(id: string): R | undefined;
  /** Rows under `key` of an index, in no promised order. */
  by(index: I, key: string): R[];
  /** How many those are; costs nothing. */
  count(index: I, key: string): number;
  values(): Iterable<R>;
  readonly size: number;
}

export class Rows<R extends { readonly id: string }, I extends string = string> implements RowsView<R, I> {
  readonly indexes: Readonly<Record<I, KeyOf<R>>>;
  readonly #rows = new Map<string, R>();
  readonly #groups: Map<I, Map<string, Set<string>>>;

  constructor(indexes: Readonly<Record<I, KeyOf<R>>>) {
    this.indexes = indexes;
    this.#groups = new Map((Object.keys(indexes) as I[]).map((index) => [index, new Map()]));
  }

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): R | undefined {
    return this.#rows.get(id);
  }

  by(index: I, key: string): R[] {
    const found: R[] = [];
    for (const id of this.#group(index, key)) {
      const row = this.#rows.get(id);
      if (row !== undefined) found.push(row);
    }
    return found;
  }

  count(index: I, key: string): number {
    return this.#group(index, key).size;
  }

  values(): Iterable<R> {
    return this.#rows.values();
  }

  put(row: R): void {
    const before = this.#rows.get(row.id);
    this.#rows.set(row.id, row);
    for (const [index, groups] of this.#groups) {
      const from = before === undefined ? undefined : this.indexes[index](before);
      const to = this.indexes[index](row);
      if (from === to) continue;
      if (from !== undefined) leave(groups, from, row.id);
      if (to !== undefined) {
        const group = groups.get(to);
        if (group === undefined) groups.set(to, new Set([row.id]));
        else group.add(row.id);
      }
    }
  }

  delete(id: string): void {
    const before = this.#rows.get(id);
    if (before === undefined) return;
    this.#rows.delete(id);
    for (const [index, groups] of this.#groups) {
      const from = this.indexes[index](before);
      if (from !== undefined) leave(groups, from, id);
    }
  }

  #group(index: I, key: string): ReadonlySet<string> {
    return this.#groups.get(index)?.get(key) ?? NOBODY;
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function leave(groups: Map<string, Set<string>>, key: string, id: string): void {
  const group = groups.get(key);
  group?.delete(id);
  if (group?.size === 0) groups.delete(key);
}

export class DraftRows<R extends { readonly id: string }, I extends string = string> implements RowsView<R, I> {
  readonly #base: Rows<R, I>;
  /** New versions of what was put here. */
  readonly #fresh: Rows<R, I>;
  /** What the base holds of everything that was put or deleted here, so that counting needs no scan. */
  readonly #shadowed: Rows<R, I>;
  readonly #touched = new Set<string>();

  constructor(base: Rows<R, I>) {
    this.#base = base;
    this.#fresh = new Rows(base.indexes);
    this.#shadowed = new Rows(base.indexes);
  }

  get size(): number {
    return this.#base.size - this.#shadowed.size + this.#fresh.size;
  }

  get(id: string): R | undefined {
    return this.#touched.has(id) ? this.#fresh.get(id) : this.#base.get(id);
  }

  by(index: I, key: string): R[] {
    const untouched = this.#base.by(index, key);
    if (this.#touched.size === 0) return untouched;
    return [...untouched.filter((row) => !this.#touched.has(row.id)), ...this.#fresh.by(index, key)];
  }

  count(index: I, key: string): number {
    return this.#base.count(index, key) - this.#shadowed.count(index, key) + this.#fresh.count(index, key);
  }

  *values(): Iterable<R> {
    for (const row of this.#base.values()) if (!this.#touched.has(row.id)) yield row;
    yield* this.#fresh.values();
  }

  put(row: R): void {
    this.#touch(row.id);
    this.#fresh.put(row);
  }

  delete(id: string): void {
    this.#touch(id);
    this.#fresh.delete(id);
  }

  /** Everything that was put (its last version) or deleted (`undefined`), in the order it was first touched. */
  *changes(): Iterable<readonly [id: string, row: R | undefined]> {
    for (const id of this.#touched) yield [id, this.#fresh.get(id)];
  }

  #touch(id: string): void {
    if (this.#touched.has(id)) return;
    this.#touched.add(id);
    const before = this.#base.get(id);
    if (before !== undefined) this.#shadowed.put(before);
  }
}
