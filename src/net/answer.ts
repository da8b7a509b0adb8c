/**
 * The caller's view of one call: an `Outcome` that is awaited or iterated, fed by the session, and the session's record
 * of the call in one, since there are so many. It holds what has come and was not read, and says when there is room for
 * more. The one invariant: it ends once; what comes later is ignored.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Outcome, Payload } from "./channel.ts";

/** Who made the call, and what an answer wants of it. */
export interface AnswerOwner {
  /** The reader has taken so many items: as many more may come. */
  granted(answer: Answer, items: number): void;
  /** The reader has gone away before the end. */
  left(answer: Answer): void;
}

interface Reader {
  resolve(result: IteratorResult<Payload, undefined>): void;
  reject(error: unknown): void;
}

/** What only answers with many items have. */
interface Reading {
  iterated: boolean;
  items: Payload[];
  readers: Reader[];
  sinceGrant: number;
}

/** `open`, or how it ended. */
type End = "open" | "value" | "stream" | "error";

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

let lastResolve: (payload: Payload) => void;
let lastReject: (error: unknown) => void;
/** One function for all promises: making one for each costs as much as the promise. */
const keepSettlers = (resolve: (payload: Payload) => void, reject: (error: unknown) => void): void => {
  lastResolve = resolve;
  lastReject = reject;
};

export class Answer implements Outcome {
  readonly id: number;
  /** What was called, for messages. */
  readonly what: string;
  /** On the session's clock; infinite when there is none. */
  readonly deadlineAt: number;
  /** Unit: ms. As the caller said it, for messages. */
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  /** Of the call's frame. */
  ticket = 0;
  /** Items that may still come. */
  creditLeft: number;
  /** Known to be a stream once an item has come. */
  streams = false;
  /** Takes the listener off the caller's signal. */
  unlisten: (() => void) | undefined = undefined;
  readonly #owner: AnswerOwner | undefined;
  #end: End = "open";
  #result: unknown = undefined;
  #promise: Promise<Payload> | undefined = undefined;
  #resolve: ((payload: Payload) => void) | undefined = undefined;
  #reject: ((error: unknown) => void) | undefined = undefined;
  #reading: Reading | undefined = undefined;
  readonly #grantEvery: number;

  constructor(
    what: string,
    owner: AnswerOwner | undefined,
    creditItems: number,
    id = 0,
    deadlineAt = Number.POSITIVE_INFINITY,
    timeoutMs = Number.POSITIVE_INFINITY,
    idempotent = false,
  ) {
    this.#owner = owner;
    this.id = id;
    this.what = what;
    this.creditLeft = creditItems;
    this.#grantEvery = Math.max(1, creditItems >> 1);
    this.deadlineAt = deadlineAt;
    this.timeoutMs = timeoutMs;
    this.idempotent = idempotent;
  }

  get [Symbol.toStringTag](): string {
    return "Outcome";
  }

  /** The single answer has come. */
  settle(payload: Payload): void {
    this.#finish("value", payload);
  }

  /** An item of a stream has come. */
  push(payload: Payload): void {
    if (this.#end !== "open") return;
    if (this.#promise !== undefined) {
      this.#finish("stream", undefined);
      this.#owner?.left(this);
      return;
    }
    const reading = this.#read();
    const reader = reading.readers.shift();
    if (reader === undefined) {
      reading.items.push(payload);
      return;
    }
    this.#taken(reading);
    reader.resolve({ done: false, value: payload });
  }

  /** The stream is complete. */
  complete(): void {
    this.#finish("stream", undefined);
  }

  fail(error: unknown): void {
    this.#finish("error", error);
  }

  then<A = Payload, B = never>(
    onFulfilled?: ((payload: Payload) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#one().then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Payload | B> {
    return this.#one().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<Payload> {
    return this.#one().finally(onFinally);
  }

  [Symbol.asyncIterator](): AsyncIterator<Payload, undefined> {
    const reading = this.#read();
    if (reading.iterated) throw new IrisError("FAILED_PRECONDITION", `the answer of ${this.what} is read already`);
    reading.iterated = true;
    return {
      next: () => this.#next(reading),
      return: async () => {
        this.#leave(reading);
        return DONE;
      },
    };
  }

  /** Made only when it is wanted: a promise that nobody asked for cannot be an unhandled rejection. */
  #one(): Promise<Payload> {
    if (this.#promise === undefined) {
      this.#promise = new Promise<Payload>(keepSettlers);
      this.#resolve = lastResolve;
      this.#reject = lastReject;
      if (this.#end !== "open") this.#settleOne();
      else if (this.#reading !== undefined && this.#reading.items.length > 0) {
        this.#finish("stream", undefined);
        this.#owner?.left(this);
      }
    }
    return this.#promise;
  }

  #read(): Reading {
    this.#reading ??= { iterated: false, items: [], readers: [], sinceGrant: 0 };
    return this.#reading;
  }

  #next(reading: Reading): Promise<IteratorResult<Payload, undefined>> {
    const item = reading.items.shift();
    if (item !== undefined) {
      this.#taken(reading);
      return Promise.resolve({ done: false, value: item });
    }
    if (this.#end === "open") return new Promise((resolve, reject) => reading.readers.push({ resolve, reject }));
    if (this.#end === "stream") return Promise.resolve(DONE);
    return Promise.reject(this.#thrown());
  }

  /** An error is thrown once; after it the stream is over. */
  #thrown(): unknown {
    const error = this.#end === "error" ? this.#result : this.#notAStream();
    this.#end = "stream";
    return error;
  }

  #taken(reading: Reading): void {
    if (this.#end !== "open" || ++reading.sinceGrant < this.#grantEvery) return;
    this.#owner?.granted(this, reading.sinceGrant);
    reading.sinceGrant = 0;
  }

  #leave(reading: Reading): void {
    reading.items = [];
    if (this.#end === "open") {
      this.#finish("stream", undefined);
      this.#owner?.left(this);
    }
  }

  #finish(end: End, result: unknown): void {
    if (this.#end !== "open") return;
    this.#end = end;
    this.#result = result;
    if (this.#promise !== undefined) this.#settleOne();
    const reading = this.#reading;
    if (reading === undefined || reading.readers.length === 0) return;
    const [first, ...others] = reading.readers;
    reading.readers = [];
    if (end === "stream") first?.resolve(DONE);
    else first?.reject(this.#thrown());
    for (const reader of others) reader.resolve(DONE);
  }

  #settleOne(): void {
    if (this.#end === "value") this.#resolve?.(this.#result as Payload);
    else if (this.#end === "error") this.#reject?.(this.#result);
    else this.#reject?.(new IrisError("FAILED_PRECONDITION", `${this.what} answers with a stream: iterate over it`));
  }

  #notAStream(): IrisError {
    return new IrisError("FAILED_PRECONDITION", `${this.what} answers once: await it instead of iterating`);
  }
}
