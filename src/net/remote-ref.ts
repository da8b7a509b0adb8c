/**
 * An actor at the other end of a channel, as if it were here: method calls become calls of the channel, with arguments
 * and results as values. It is a way to talk, not a life: it neither starts nor ends the actor, and holds nothing open.
 * The one invariant: a call made while handling another never outlives that one's deadline or cancellation.
 */
import { currentCall } from "../runtime/context.ts";
import { IrisError } from "../runtime/errors.ts";
import { type Clock, systemClock } from "../runtime/ports/clock.ts";
import type { CallOptions, Remote, Tell, TellOptions } from "../runtime/ref.ts";
import type { Channel, ChannelCallOptions, Payload } from "./channel.ts";
import { decodeValue, encodeValue } from "./value/index.ts";

export interface RemoteRefOptions {
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Where the actor is, for messages; default the target's name. */
  readonly path?: string | undefined;
}

/** How to call an actor that lives elsewhere. */
export interface RemoteRef<T> {
  /** Where it is: for people and logs. */
  readonly path: string;
  /** `await ref.call().add(2)`, `for await (const x of ref.call().list())`. `timeoutMs` counts from here. */
  call(options?: CallOptions): Remote<T>;
  /** `ref.tell().add(2)` is false if the message could not even be queued, or its arguments cannot travel. */
  tell(options?: TellOptions): Tell<T>;
}

/** Refers to the actor registered as `target` at the other end of `channel`. */
export function remoteRef<T>(channel: Channel, target: string, options: RemoteRefOptions = {}): RemoteRef<T> {
  const { clock = systemClock, path = target } = options;
  return {
    path,
    call: (callOptions = {}) => {
      const terms = callTerms(callOptions, clock);
      return methodProxy((method, args) => {
        try {
          const what = `${path}.${method}()`;
          const outcome = channel.call(target, method, encodeArguments(args), channelOptions(terms, clock, what));
          return new RemoteOutcome(
            () => outcome.then(valueIn),
            () => valuesIn(outcome[Symbol.asyncIterator]()),
          );
        } catch (error) {
          return failedOutcome(error);
        }
      }) as Remote<T>;
    },
    tell: () =>
      methodProxy((method, args) => {
        try {
          return channel.tell(target, method, encodeArguments(args));
        } catch {
          return false; // what cannot be sent is refused like what cannot be queued: a tell never throws
        }
      }) as Tell<T>,
  };
}

/** What holds for one call, worked out once: the caller's wishes within the bounds of the call in hand. */
export interface CallTerms {
  /** On the clock that the terms were made with; absent when nobody set one. */
  readonly deadlineAt: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly idempotent: boolean;
  readonly trace: string | undefined;
}

/**
 * The terms of a call made now. Its deadline is the earlier of its own and that of the call being handled; it is
 * cancelled by its own signal and by that call's. Throws `INVALID_ARGUMENT` for a `timeoutMs` that is no duration.
 */
export function callTerms(options: CallOptions, clock: Clock): CallTerms {
  const { timeoutMs, signal, idempotent = false } = options;
  if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
    throw new IrisError("INVALID_ARGUMENT", `timeoutMs is ${timeoutMs}, not a number of milliseconds from 0`);
  }
  const outer = currentCall();
  const own = timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY ? undefined : clock.now() + timeoutMs;
  return {
    deadlineAt: earlier(own, outer?.deadlineAt),
    signal: eitherSignal(signal, outer?.signal),
    idempotent,
    trace: outer?.trace,
  };
}

/**
 * The terms as a channel takes them, `what` naming the call. Throws `DEADLINE_EXCEEDED` or `CANCELLED` when there is
 * nothing left to wait for: such a call is not sent.
 */
export function channelOptions(terms: CallTerms, clock: Clock, what: string): ChannelCallOptions {
  const { deadlineAt, signal, idempotent, trace } = terms;
  if (signal?.aborted) {
    throw new IrisError("CANCELLED", `${what} was cancelled before it was sent`, { cause: signal.reason });
  }
  const timeoutMs = deadlineAt === undefined ? undefined : deadlineAt - clock.now();
  if (timeoutMs !== undefined && timeoutMs <= 0) {
    throw new IrisError("DEADLINE_EXCEEDED", `${what} was not sent: its deadline has passed`, { maybeExecuted: false });
  }
  return { timeoutMs, signal, idempotent, trace };
}

export function encodeArguments(args: readonly unknown[]): Payload {
  return { codec: "VALUE", bytes: encodeValue(args) };
}

/** The value that an answer carries. Throws `PROTOCOL_ERROR` for an answer that is none. */
export function valueIn(payload: Payload): unknown {
  if (payload.codec !== "VALUE") {
    throw new IrisError("PROTOCOL_ERROR", `an actor answered in ${payload.codec}; its answers are values`);
  }
  return decodeValue(payload.bytes);
}

/** The values that a streamed answer carries. A malformed one ends the stream at both ends. */
export function valuesIn(payloads: AsyncIterator<Payload>): AsyncIterator<unknown> {
  const end = async (): Promise<IteratorResult<unknown>> => {
    await payloads.return?.();
    return { done: true, value: undefined };
  };
  return {
    async next() {
      const item = await payloads.next();
      if (item.done) return { done: true, value: undefined };
      try {
        return { done: false, value: valueIn(item.value) };
      } catch (error) {
        await end();
        throw error;
      }
    },
    return: end,
  };
}

/** What a remote method gives before it is known whether it is one value or many: await it or iterate over it. */
export class RemoteOutcome implements Promise<unknown>, AsyncIterable<unknown> {
  readonly [Symbol.toStringTag] = "RemoteOutcome";
  readonly #one: () => Promise<unknown>;
  readonly #many: () => AsyncIterator<unknown>;
  #promise: Promise<unknown> | undefined;

  /** Exactly one of the two is asked for, depending on how the outcome is used. */
  constructor(one: () => Promise<unknown>, many: () => AsyncIterator<unknown>) {
    this.#one = one;
    this.#many = many;
  }

  then<A = unknown, B = never>(
    onValue?: ((value: unknown) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#promise ??= this.#one();
    return this.#promise.then(onValue, onError);
  }

  catch<B = never>(onError?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<unknown> {
    return this.then(undefined, onError);
  }

  finally(onEnd?: (() => void) | null): Promise<unknown> {
    return this.then().finally(onEnd);
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#many();
  }
}

/** An outcome that fails, however it is used. */
export function failedOutcome(error: unknown): RemoteOutcome {
  return new RemoteOutcome(
    () => Promise.reject(error),
    () => ({ next: () => Promise.reject(error) }),
  );
}

/**
 * An object on which every name is a method that calls `invoke`. `then` is not one of them: what can be awaited must not
 * be mistaken for a promise, or `await ref.call()` would call a method of that name and hang.
 */
export function methodProxy(invoke: (method: string, args: unknown[]) => unknown): unknown {
  return new Proxy(Object.freeze(Object.create(null)), {
    get: (_target, name) =>
      typeof name === "symbol" || name === "then" ? undefined : (...args: unknown[]) => invoke(name, args),
  });
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

function eitherSignal(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : AbortSignal.any([a, b]);
}
