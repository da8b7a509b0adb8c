/**
 * The call in hand, found from anywhere below the method that handles it (AsyncLocalStorage), so that its deadline
 * travels into every call made on the way and no signature has to carry it.
 *
 * Entering a frame of AsyncLocalStorage costs more than a whole message. So what is handled without waiting shares one
 * frame per system, which says what is in hand only while it is; what waits gets a frame of its own.
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

/** Where one message after the other is handled, each within one stretch of code that waits for nothing. */
export class SharedFrame {
  /** What is in hand now; set and cleared by the actor that handles. */
  handling: Handling | undefined;
  /** One turned out to wait: what it goes on with has this frame, so nobody else may use it any more. */
  isTaken = false;

  take(handling: Handling): void {
    this.handling = handling;
    this.isTaken = true;
  }
}

const frames = new AsyncLocalStorage<Handling | SharedFrame | undefined>();

/** What is being handled, hooks included. */
export function handlingNow(): Handling | undefined {
  const frame = frames.getStore();
  if (!(frame instanceof SharedFrame)) return frame;
  // A taken frame may also be that of work which an earlier message left behind: it is in no call's hand.
  return frame.isTaken && frame.handling?.isSettled ? undefined : frame.handling;
}

/** Runs `fn` in a frame of its own, as part of `handling`. */
export function runAs<A extends unknown[], R>(handling: Handling, fn: (...args: A) => R, ...args: A): R {
  return frames.run(handling, fn, ...args);
}

/** Runs `fn`, and all that it begins, in `frame`. */
export function runIn<R>(frame: SharedFrame, fn: () => R): R {
  return frames.run(frame, fn);
}

/** The call that is being handled; `undefined` outside of one, hooks included. */
export function currentCall(): CallContext | undefined {
  const handling = handlingNow();
  return handling === undefined || handling.isHook ? undefined : handling;
}

/**
 * Runs `fn` as if no call were in hand. For what is made while handling one call and outlives it: a socket or timer keeps
 * the context that it was made in, and with it that call, its arguments and its deadline, for life.
 */
export function outsideCalls<R>(fn: () => R): R {
  return frames.run(undefined, fn);
}
