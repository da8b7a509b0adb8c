/**
 * A function over many items, results as a stream. Items are taken only while fewer than `inFlightMax` of their results
 * are pending or unread, so that neither side runs ahead of the other. The one invariant: when the loop ends, however it
 * does, nothing of it is left running and the source has been closed.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import type { MapOptions, TaskFuture } from "./executor.ts";

export interface MapSource<T, R> {
  readonly submit: (item: T) => TaskFuture<R>;
  readonly items: Iterable<T> | AsyncIterable<T>;
  readonly options: MapOptions;
  /** The pool's own bound. */
  readonly inFlightMax: number;
}

/** Checks the options at once; begins with the loop. */
export function mapItems<T, R>(source: MapSource<T, R>): AsyncIterable<R> {
  const { inFlightMax = source.inFlightMax } = source.options;
  if (!Number.isInteger(inFlightMax) || inFlightMax < 1) {
    throw new IrisError("INVALID_ARGUMENT", `inFlightMax ${String(inFlightMax)} is not a whole number of at least 1`);
  }
  return { [Symbol.asyncIterator]: () => new MapLoop(source, inFlightMax).results() };
}

/** Comes from a future; kept as a value so that nothing rejects where nobody listens yet. */
type Outcome<R> = { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: unknown };

class MapLoop<T, R> {
  readonly #source: MapSource<T, R>;
  readonly #inFlightMax: number;
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  /** Pending or unread, in the order of their items. */
  readonly #futures = new Set<TaskFuture<R>>();
  readonly #outcomes = new Map<TaskFuture<R>, Outcome<R>>();
  #isPulling = false;
  #input: { readonly at: "open" } | { readonly at: "done" } | { readonly at: "failed"; readonly error: unknown } = {
    at: "open",
  };
  #isOver = false;
  #wake: () => void = () => {};

  constructor(source: MapSource<T, R>, inFlightMax: number) {
    this.#source = source;
    this.#inFlightMax = inFlightMax;
    const { items } = source;
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  }

  async *results(): AsyncGenerator<R, void, undefined> {
    const { signal } = this.#source.options;
    const onAbort = () => this.#wake();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        if (signal?.aborted) throw toCancelled(signal.reason);
        void this.#pull();
        const future = this.#nextSettled();
        if (future !== undefined) {
          const outcome = this.#outcomes.get(future) as Outcome<R>;
          this.#futures.delete(future);
          this.#outcomes.delete(future);
          if (!outcome.ok) throw outcome.error;
          yield outcome.value;
          continue;
        }
        if (this.#futures.size === 0 && this.#input.at === "failed") throw this.#input.error;
        if (this.#futures.size === 0 && this.#input.at === "done") return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#leave();
    }
  }

  /** The result to give next, if it is there: the first item's, or any where order does not matter. */
  #nextSettled(): TaskFuture<R> | undefined {
    const { ordered = true } = this.#source.options;
    const [first] = ordered ? this.#futures : this.#outcomes.keys();
    return first !== undefined && this.#outcomes.has(first) ? first : undefined;
  }

  /** Takes items while there is room. One at a time: the next is not asked for before the last has come. */
  async #pull(): Promise<void> {
    if (this.#isPulling) return;
    this.#isPulling = true;
    try {
      while (!this.#isOver && this.#input.at === "open" && this.#futures.size < this.#inFlightMax) {
        const next = this.#iterator.next();
        const { done, value } = next instanceof Promise || "then" in next ? await next : next;
        if (done) this.#input = { at: "done" };
        else if (!this.#isOver) this.#submit(value);
      }
    } catch (error) {
      this.#input = { at: "failed", error };
    } finally {
      this.#isPulling = false;
      if (this.#input.at !== "open") this.#wake();
    }
  }

  #submit(item: T): void {
    const future = this.#source.submit(item);
    this.#futures.add(future);
    const settled = (outcome: Outcome<R>) => {
      if (this.#futures.has(future)) this.#outcomes.set(future, outcome);
      this.#wake();
    };
    future.then(
      (value) => settled({ ok: true, value }),
      (error) => settled({ ok: false, error }),
    );
  }

  #leave(): void {
    this.#isOver = true;
    for (const future of this.#futures) future.cancel();
    this.#futures.clear();
    if (this.#input.at !== "open") return;
    // Not awaited: a source that waits for its next item answers only after that has come, if ever.
    void Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }
}

function toCancelled(reason: unknown): IrisError {
  const { message } = toIrisError(reason);
  return new IrisError("CANCELLED", `the loop over a pool was aborted: ${message}`, { cause: reason });
}
