/**
 * How an actor is spoken to. A reference is a name with a mailbox behind it, here or on another machine; it is all that
 * anybody outside ever holds of an actor. It stays valid while a supervisor restarts the actor, and once the actor has
 * ended for good every use of it fails at once with the reason.
 */
import type { ExitReason } from "./exit.ts";

/** What every reference has, whatever it refers to. */
export interface AnyRef {
  /** Name within its system, parents first: `shop/cart-1`. */
  readonly path: string;
  /**
   * Stops the actor and resolves with how it ended. New messages are refused from now on; what is queued is still
   * handled, then the actor's children stop, then `onStop` runs. After `graceMs` (default 5 000; `Infinity` waits for
   * ever) it is killed: what is queued then is undeliverable and the message in hand fails with `maybeExecuted`.
   * Safe to call again: a later call may only bring the kill forward. An actor must not await its own stop.
   */
  stop(options?: { graceMs?: number }): Promise<ExitReason>;
  /** Resolves, never rejects, when the actor has ended for good. Restarts by a supervisor are not its end. */
  readonly ended: Promise<ExitReason>;
}

export interface ActorRef<T> extends AnyRef {
  /** The actor's methods, each answering with a promise, or a stream for an async generator. */
  call(options?: CallOptions): Remote<T>;
  /** The actor's methods, fire and forget: false when the message was refused. Never throws. */
  tell(options?: TellOptions): Tell<T>;
}

export interface CallOptions {
  /** The call fails with `DEADLINE_EXCEEDED` so many ms from now. The sooner of this and the deadline of the call that
   *  is being handled counts. */
  timeoutMs?: number | undefined;
  /** Aborting fails the call with `CANCELLED`; the method sees it at `this.context.signal`. */
  signal?: AbortSignal | undefined;
  /** Running it twice does no harm, so a pool may try another member after a failure that leaves that open. */
  idempotent?: boolean | undefined;
}

export interface TellOptions {
  /** The message is dropped, and counted as expired, when its handling has not begun so many ms from now. */
  timeoutMs?: number | undefined;
}

/** Names that belong to the runtime: never callable from outside. */
export type LifecycleHook = "onStart" | "onStop" | "onRestart";

/** The names of `T` that may be called: its public methods, without lifecycle hooks and what starts with `_`. */
export type MethodNames<T> = {
  [K in keyof T]-?: K extends LifecycleHook | `_${string}` | symbol
    ? never
    : T[K] extends (...args: never[]) => unknown
      ? K
      : never;
}[keyof T];

type IsAny<R> = 0 extends 1 & R ? true : false;

/** What a call gives for a method that returns `R`. */
export type RemoteResult<R> =
  IsAny<R> extends true
    ? Promise<R>
    : [R] extends [never]
      ? Promise<never>
      : [R] extends [AsyncIterable<infer V>]
        ? AsyncIterable<V>
        : Promise<Awaited<R>>;

/** `T` as seen through a reference. */
export type Remote<T> = {
  readonly [K in MethodNames<T>]: T[K] extends (...args: infer A) => infer R ? (...args: A) => RemoteResult<R> : never;
};

/** `T` as told: true when the message was accepted. */
export type Tell<T> = {
  readonly [K in MethodNames<T>]: T[K] extends (...args: infer A) => unknown ? (...args: A) => boolean : never;
};

/** The end of an actor, as its watchers hear it. */
export interface Terminated {
  readonly path: string;
  readonly ref: AnyRef;
  readonly reason: ExitReason;
}
