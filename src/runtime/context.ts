/**
 * The call in hand, found from anywhere below the method that handles it (AsyncLocalStorage), so that its deadline
 * travels into every call made on the way and no signature has to carry it.
 */
import { AsyncLocalStorage } from "node:async_hooks";

export interface CallContext {
  /** When the caller stops waiting, in the system clock's ms; absent when it never does. */
  readonly deadlineAt?: number | undefined;
  /** Aborts when the caller cancels, the deadline passes or the actor is killed. */
  readonly signal: AbortSignal;
  /** W3C traceparent that came with the call. */
  readonly trace?: string | undefined;
}

/** A message in hand, or a lifecycle hook that runs. */
export interface Handling extends CallContext {
  /** Whose it is. */
  readonly receiver: { readonly path: string };
  readonly isHook: boolean;
  /** It has ended, though something that it began may still run. */
  readonly isSettled: boolean;
  /** What waits for it. */
  readonly caller: Handling | undefined;
}

/** Only the actor that handles enters it; `outsideCalls` leaves it. */
export const inHand = new AsyncLocalStorage<Handling | undefined>();

/** The call that is being handled; `undefined` outside of one, hooks included. */
export function currentCall(): CallContext | undefined {
  const handling = inHand.getStore();
  return handling === undefined || handling.isHook ? undefined : handling;
}

/**
 * Runs `fn` as if no call were in hand. For what is made while handling one call and outlives it: a socket or timer keeps
 * the context that it was made in, and with it that call, its arguments and its deadline, for life.
 */
export function outsideCalls<R>(fn: () => R): R {
  return inHand.run(undefined, fn);
}
