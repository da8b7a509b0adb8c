/**
 * The one door into an actor by a method's name, for whoever has names instead of types: servers of remote callers, the
 * command line. It decides nothing; admission, deadlines and counting are the actor's side (`Cell`).
 */
import { IrisError } from "./errors.ts";
import { LocalRef } from "./local-ref.ts";
import { Method } from "./methods.ts";
import type { AnyRef } from "./ref.ts";

export interface DispatchOptions {
  /** Absolute, in the ms of the system's clock. The sooner of this and the deadline of the call in hand counts. */
  deadlineAt?: number | undefined;
  /** Aborting fails the call with `CANCELLED`; the method sees it at `this.context.signal`. */
  signal?: AbortSignal | undefined;
  /** W3C traceparent to hand on. */
  trace?: string | undefined;
  /** False: resolves with `undefined` once the message is accepted; what the method throws is logged. Default true. */
  wantsAnswer?: boolean | undefined;
}

/**
 * Sends one message and gives its answer: a promise, or for an async generator method a stream, which is sent when first
 * pulled and holds the actor until it ends or is left. Never throws; failures are rejections: `MAILBOX_FULL`,
 * `NO_SUCH_METHOD`, `UNDELIVERABLE`, `DEADLINE_EXCEEDED`, `CANCELLED`, `LOST`, or what the method threw.
 * `ref` must be of an actor of this process; else `INVALID_ARGUMENT`.
 */
export function dispatch(
  ref: AnyRef,
  method: string,
  args: readonly unknown[],
  options: DispatchOptions = {},
): Promise<unknown> | AsyncIterable<unknown> {
  const door = LocalRef.doorOf(ref);
  if (door === undefined) {
    return Promise.reject(new IrisError("INVALID_ARGUMENT", `${ref.path} is no actor of this process`));
  }
  const named = Method.of(door.methods, method);
  if (options.wantsAnswer === false) {
    const refusal = door.tell(named, args, options);
    return refusal === undefined ? Promise.resolve(undefined) : Promise.reject(refusal);
  }
  return named.kind === "stream" ? door.stream(named, args, options) : door.ask(named, args, options);
}

/** Sends one message that wants no answer. False when it was refused. Never throws. */
export function tellTo(ref: AnyRef, method: string, args: readonly unknown[]): boolean {
  const door = LocalRef.doorOf(ref);
  return door !== undefined && door.tell(Method.of(door.methods, method), args, undefined) === undefined;
}
