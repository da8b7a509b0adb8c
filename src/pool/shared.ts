/**
 * Values that a pool sends to each of its workers once, however many calls use them. A call carries the handle, which is
 * plain data; the value is read where the call runs, when it is first asked for, and is then the same one for every call
 * of that worker.
 */
import { decodeValue, encodeValue } from "../net/value/index.ts";
import { IrisError } from "../runtime/errors.ts";

declare const VALUE: unique symbol;

/** Stands for a value of a pool's; goes wherever data goes. `poolContext().shared(handle)` is the value. */
export interface Shared<T> {
  /** Number of the value among its pool's. */
  readonly shared: number;
  /** Only for the type: it is never there. */
  readonly [VALUE]?: T;
}

/** A pool's side: every value that it shares, in the value format, by number. Only ever grows. */
export class SharedList {
  readonly #list: Uint8Array[] = [];

  get size(): number {
    return this.#list.length;
  }

  /** Throws `NOT_SHIPPABLE` for what cannot travel. */
  add<T>(value: T): Shared<T> {
    this.#list.push(encodeValue(value));
    return Object.freeze({ shared: this.#list.length - 1 });
  }

  at(index: number): Uint8Array {
    const bytes = this.#list[index];
    if (bytes === undefined) throw new RangeError(`no value ${index} of ${this.#list.length} is shared`);
    return bytes;
  }
}

/** A worker's side. */
export class SharedValues {
  readonly #bytes = new Map<number, Uint8Array>();
  readonly #values = new Map<number, unknown>();

  give(index: number, bytes: Uint8Array): void {
    if (!this.#values.has(index)) this.#bytes.set(index, bytes);
  }

  /** Throws `INVALID_ARGUMENT` for what is no handle of this worker's pool. */
  get<T>(handle: Shared<T>): T {
    const index = (handle as Partial<Shared<T>> | null | undefined)?.shared ?? -1;
    const bytes = this.#bytes.get(index);
    if (bytes !== undefined) {
      this.#values.set(index, decodeValue(bytes));
      this.#bytes.delete(index);
    }
    if (this.#values.has(index)) return this.#values.get(index) as T;
    throw new IrisError("INVALID_ARGUMENT", "shared() wants what share() of the pool that runs this call returned");
  }
}
