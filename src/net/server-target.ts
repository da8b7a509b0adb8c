/**
 * An actor as sessions see it: arguments arrive as a value, go into its mailbox by method name, and the result leaves as
 * a value, or one value after another. It holds no calls; the mailbox does. The one invariant: what the caller is told
 * separates the user's errors from ours, so that nobody runs a call twice because of what its code has thrown.
 */
import { dispatch, tellTo } from "../runtime/dispatch.ts";
import { IrisError } from "../runtime/errors.ts";
import type { ExitReason } from "../runtime/exit.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import type { AnyRef } from "../runtime/ref.ts";
import { wasThrown } from "../runtime/thrown.ts";
import type { InboundCall, Payload, Target } from "./channel.ts";
import { asUsersError, isUsersError } from "./fault.ts";
import type { RecentResults } from "./server-results.ts";
import { decodeValue, encodeValue } from "./value/index.ts";

export class ActorTarget implements Target {
  readonly ended: Promise<ExitReason>;
  readonly #name: string;
  readonly #ref: AnyRef;
  readonly #clock: Clock;
  readonly #results: RecentResults;

  /** Serves `ref` as `name`. `clock` is the one that the actor's deadlines are measured on. */
  constructor(name: string, ref: AnyRef, clock: Clock, results: RecentResults) {
    this.ended = ref.ended;
    this.#name = name;
    this.#ref = ref;
    this.#clock = clock;
    this.#results = results;
  }

  /** Throws `PROTOCOL_ERROR` for arguments that are none; everything else comes with the answer. */
  handle(call: InboundCall): Promise<Payload> | AsyncIterable<Payload> {
    const args = this.#argumentsOf(call);
    if (!call.wantsAnswer) {
      const isTaken = tellTo(this.#ref, call.method, args);
      if (isTaken) return Promise.resolve(NOTHING);
      return Promise.reject(new IrisError("UNDELIVERABLE", `${this.#name} refused ${call.method}()`));
    }
    if (call.key === undefined) return this.#run(call, args, call.signal);
    return this.#results.answer(this.#name, call, (signal) => this.#run(call, args, signal));
  }

  #run(call: InboundCall, args: unknown[], signal: AbortSignal): Promise<Payload> | AsyncIterable<Payload> {
    const answer = dispatch(this.#ref, call.method, args, {
      deadlineAt: call.remainingMs === undefined ? undefined : this.#clock.now() + call.remainingMs,
      signal,
      trace: call.trace === "" ? undefined : call.trace,
    });
    if (Symbol.asyncIterator in answer) return this.#encodeEach(call.method, answer);
    return answer.then(
      (result) => this.#encode(call.method, result),
      (error) => Promise.reject(this.#asSeenOutside(error)),
    );
  }

  #argumentsOf(call: InboundCall): unknown[] {
    const { codec, bytes } = call.payload;
    if (codec !== "VALUE") {
      throw new IrisError("PROTOCOL_ERROR", `${this.#name}.${call.method}() takes values, not ${codec}`);
    }
    const args = decodeValue(bytes);
    if (Array.isArray(args)) return args;
    throw new IrisError("PROTOCOL_ERROR", `the arguments of ${this.#name}.${call.method}() came as no array`);
  }

  async *#encodeEach(method: string, items: AsyncIterable<unknown>): AsyncGenerator<Payload> {
    try {
      for await (const item of items) yield this.#encode(method, item);
    } catch (error) {
      throw this.#asSeenOutside(error);
    }
  }

  #encode(method: string, result: unknown): Payload {
    try {
      return { codec: "VALUE", bytes: encodeValue(result) };
    } catch (error) {
      if (!IrisError.is(error)) throw error;
      const message = `the result of ${this.#name}.${method}() cannot be sent: ${error.message}`;
      throw new IrisError(error.code, message, {
        cause: error,
        where: this.#name,
        retryable: false,
        maybeExecuted: true,
      });
    }
  }

  /**
   * The runtime's own refusals bear the actor's path and pass. Another `IrisError` came out of the method, which has run:
   * it keeps its code and text, and says so, or a caller would take "the database is UNAVAILABLE" for "not delivered".
   */
  #asSeenOutside(error: unknown): unknown {
    if (isUsersError(error) || !IrisError.is(error)) return error;
    if (error.where === this.#name && error.maybeExecuted === true) return error;
    const isOurs = error.where === this.#ref.path && !wasThrown(error);
    const seen = new IrisError(error.code, error.message, {
      cause: error.cause,
      where: isOurs ? this.#name : error.where,
      retryable: isOurs ? error.retryable : false,
      maybeExecuted: isOurs ? error.maybeExecuted : true,
    });
    seen.stack = error.stack ?? "";
    return isOurs ? seen : asUsersError(seen);
  }
}

/** A tell has no answer, so nobody reads this. */
const NOTHING: Payload = { codec: "VALUE", bytes: new Uint8Array(0) };
