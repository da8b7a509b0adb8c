/**
 * What a function of a pool can ask of the call that runs it: whether anybody still wants it. Found from anywhere below
 * the function, after any wait. It is kept on the process, not in this module: a program and what it calls may each have
 * a copy of this package.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { IrisError } from "../runtime/errors.ts";
import type { Shared, SharedValues } from "./shared.ts";

export interface PoolContext {
  /**
   * Aborts when the call is cancelled, takes longer than its `timeoutMs`, or its pool gives it up. Whoever does not end
   * within the pool's `cancelGraceMs` from then on loses the thread or process under it.
   */
  readonly signal: AbortSignal;
  /**
   * The value that `pool.share()` gave this handle for: the same one for every call of this worker, so change nothing of
   * it. Throws `INVALID_ARGUMENT` for what is no handle of this pool's.
   */
  shared<T>(handle: Shared<T>): T;
}

const KEY = Symbol.for("iris-runtime.pool.context");
const holder = globalThis as { [KEY]?: AsyncLocalStorage<PoolContext> };
holder[KEY] ??= new AsyncLocalStorage<PoolContext>();
const contexts = holder[KEY];

/** The call of a pool that this runs in. Throws `FAILED_PRECONDITION` outside of one. */
export function poolContext(): PoolContext {
  const context = contexts.getStore();
  if (context !== undefined) return context;
  throw new IrisError("FAILED_PRECONDITION", "poolContext() is for functions that a pool runs; none runs here");
}

/** One call that runs. Its signal is made when it is first asked for: few functions do. */
export class RunningCall implements PoolContext {
  #controller: AbortController | undefined;
  #reason: IrisError | undefined;
  readonly #values: SharedValues;

  constructor(values: SharedValues) {
    this.#values = values;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  shared<T>(handle: Shared<T>): T {
    return this.#values.get(handle);
  }

  get isAborted(): boolean {
    return this.#reason !== undefined;
  }

  /** Nobody waits for it any more. */
  abort(): void {
    this.#reason ??= new IrisError("CANCELLED", "the pool's call is not wanted any more");
    this.#controller?.abort(this.#reason);
  }

  /** Runs `fn`, and all that it begins, as part of this call. */
  run<R>(fn: () => R): R {
    return contexts.run(this, fn);
  }
}
