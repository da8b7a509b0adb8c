/** A call's result to come. It settles once; what comes after that is dropped. */
import type { TaskFuture } from "./executor.ts";

export class Future<R> implements TaskFuture<R> {
  readonly #settlers = Promise.withResolvers<R>();
  readonly #cancel: () => boolean;

  /** `cancel` gives the call up and says whether there was anything to give up. */
  constructor(cancel: () => boolean) {
    this.#cancel = cancel;
    // Whoever submits much and awaits later must not be killed by a rejection in between.
    this.#settlers.promise.catch(() => {});
  }

  /** A future of a call that could not even be sent. */
  static rejected<R>(error: unknown): Future<R> {
    const future = new Future<R>(() => false);
    future.reject(error);
    return future;
  }

  resolve(value: R): void {
    this.#settlers.resolve(value);
  }

  reject(error: unknown): void {
    this.#settlers.reject(error);
  }

  result(): Promise<R> {
    return this.#settlers.promise;
  }

  cancel(): boolean {
    return this.#cancel();
  }

  then<A = R, B = never>(
    onFulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#settlers.promise.then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.#settlers.promise.catch(onRejected);
  }

  finally(onSettled?: (() => void) | null): Promise<R> {
    return this.#settlers.promise.finally(onSettled);
  }
}
