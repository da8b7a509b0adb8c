/** A place for a part that comes and goes: whoever needs it asks each time, and hears when it is away. */
import { IrisError } from "../../runtime/errors.ts";

export class Part<T> {
  readonly #what: string;
  #value: T | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  get current(): T | undefined {
    return this.#value;
  }

  /** Throws `UNAVAILABLE` while it is away. */
  get(): T {
    if (this.#value === undefined)
      throw new IrisError("UNAVAILABLE", `${this.#what} is starting or stopping: try again`);
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
  }

  clear(): void {
    this.#value = undefined;
  }
}
