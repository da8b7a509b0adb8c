/**
 * The caller's view of one call: an `Outcome` that is awaited or iterated, fed by the session. It holds what has come
 * and was not read, and says when there is room for more. The one invariant: it ends once; what comes later is ignored.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Outcome, Payload } from "./channel.ts";

/** What an answer wants of its session. */
export interface AnswerHooks {
  /** The reader has taken so many items: as many more may come. */
  granted(items: number): void;
  /** The reader has gone away before the end. */
  left(): void;
}

type End = { as: "value"; payload: Payload } | { as: "stream" } | { as: "error"; error: unknown };

interface Reader {
  resolve(result: IteratorResult<Payload, undefined>): void;
  reject(error: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export class Answer implements Outcome {
  readonly [Symbol.toStringTag] = "Outcome";
  /** What was called, for messages. */
  readonly #what: string;
  readonly #hooks: AnswerHooks;
  readonly #grantEvery: number;
  #end: End | undefined;
  #one: { promise: Promise<Payload>; resolve(payload: Payload): void; reject(error: unknown): void } | undefined;
  #iterated = false;
  #items: Payload[] = [];
  #readers: Reader[] = [];
  #readSinceGrant = 0;

  constructor(what: string, hooks: AnswerHooks, creditItems: number) {
    this.#what = what;
    this.#hooks = hooks;
    this.#grantEvery = Math.max(1, creditItems >> 1);
  }

  /** The single answer has come. */
  settle(payload: Payload): void {
    this.#finish({ as: "value", payload });
  }

  /** An item of a stream has come. */
  push(payload: Payload): void {
    if (this.#end !== undefined) return;
    if (this.#one !== undefined) {
      this.#finish({ as: "stream" });
      this.#hooks.left();
      return;
    }
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#items.push(payload);
      return;
    }
    this.#taken();
    reader.resolve({ done: false, value: payload });
  }

  /** The stream is complete. */
  complete(): void {
    this.#finish({ as: "stream" });
  }

  fail(error: unknown): void {
    this.#finish({ as: "error", error });
  }

  then<A = Payload, B = never>(
    onFulfilled?: ((payload: Payload) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise().then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Payload | B> {
    return this.#promise().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<Payload> {
    return this.#promise().finally(onFinally);
  }

  [Symbol.asyncIterator](): AsyncIterator<Payload, undefined> {
    if (this.#iterated) throw new IrisError("FAILED_PRECONDITION", `the answer of ${this.#what} is read already`);
    this.#iterated = true;
    return {
      next: () => this.#next(),
      return: async () => {
        this.#leave();
        return DONE;
      },
    };
  }

  /** Made only when it is wanted: a promise that nobody asked for cannot be an unhandled rejection. */
  #promise(): Promise<Payload> {
    if (this.#one === undefined) {
      this.#one = Promise.withResolvers<Payload>();
      if (this.#end !== undefined) this.#settleOne(this.#end);
      else if (this.#items.length > 0) {
        this.#finish({ as: "stream" });
        this.#hooks.left();
      }
    }
    return this.#one.promise;
  }

  #next(): Promise<IteratorResult<Payload, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#taken();
      return Promise.resolve({ done: false, value: item });
    }
    const end = this.#end;
    if (end === undefined) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
    if (end.as === "stream") return Promise.resolve(DONE);
    // An error is thrown once; after it the stream is over.
    this.#end = { as: "stream" };
    return Promise.reject(end.as === "error" ? end.error : this.#notAStream());
  }

  #taken(): void {
    if (this.#end !== undefined || ++this.#readSinceGrant < this.#grantEvery) return;
    this.#hooks.granted(this.#readSinceGrant);
    this.#readSinceGrant = 0;
  }

  #leave(): void {
    this.#items = [];
    if (this.#end === undefined) {
      this.#finish({ as: "stream" });
      this.#hooks.left();
    }
  }

  #finish(end: End): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    if (this.#one !== undefined) this.#settleOne(end);
    const [first, ...others] = this.#readers;
    this.#readers = [];
    if (first === undefined) return;
    if (end.as === "stream") first.resolve(DONE);
    else {
      this.#end = { as: "stream" };
      first.reject(end.as === "error" ? end.error : this.#notAStream());
    }
    for (const reader of others) reader.resolve(DONE);
  }

  #settleOne(end: End): void {
    if (end.as === "value") this.#one?.resolve(end.payload);
    else if (end.as === "error") this.#one?.reject(end.error);
    else
      this.#one?.reject(new IrisError("FAILED_PRECONDITION", `${this.#what} answers with a stream: iterate over it`));
  }

  #notAStream(): IrisError {
    return new IrisError("FAILED_PRECONDITION", `${this.#what} answers once: await it instead of iterating`);
  }
}
