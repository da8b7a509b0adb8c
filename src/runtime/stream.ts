/**
 * The caller's side of a method that is an async generator. Pull by pull: the generator runs only while somebody waits
 * for a value, nothing is read ahead, and the message stays in hand from the first pull until the generator is through.
 * Nothing is sent before the first pull, so a stream that nobody reads keeps no actor busy.
 */

/** The message that the stream is about. */
export interface StreamMessage {
  /** Takes it back while it is queued. */
  cancel(cause: unknown): void;
  /** Tells its method, while it runs, that nobody waits any more. */
  abort(reason: unknown): void;
}

/** What the stream needs of the actor's side. */
export interface StreamSource<M extends StreamMessage> {
  /** Runs `step` as part of the message in hand. */
  within<R>(message: M, step: () => Promise<R>): Promise<R>;
  /** The generator is through, or threw `thrown`. */
  over(message: M, outcome: { threw: boolean; error: unknown }): void;
}

type Pull = PromiseWithResolvers<IteratorResult<unknown, undefined>>;

const DONE: IteratorResult<unknown, undefined> = Object.freeze({ done: true, value: undefined });

export class MessageStream<M extends StreamMessage> implements AsyncIterableIterator<unknown, undefined, undefined> {
  readonly #source: StreamSource<M>;
  readonly #send: (stream: MessageStream<M>) => M;
  #state: "unsent" | "queued" | "open" | "leaving" | "done" = "unsent";
  #message: M | undefined;
  #generator: AsyncIterator<unknown> | undefined;
  #pulls: Pull[] = [];
  #isPulling = false;
  /** Somebody waits in `return()` for the generator's end. */
  #left: PromiseWithResolvers<void> | undefined;
  /** A failure that came while nobody pulled: told to the next pull. */
  #failure: { error: unknown } | undefined;

  /** `send` makes the message and puts it in the mailbox; a refusal comes back through `fail`. */
  constructor(source: StreamSource<M>, send: (stream: MessageStream<M>) => M) {
    this.#source = source;
    this.#send = send;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#state === "done" || this.#state === "leaving") return Promise.resolve(DONE);
    const pull: Pull = Promise.withResolvers();
    this.#pulls.push(pull);
    if (this.#state === "unsent") {
      this.#state = "queued";
      this.#message = this.#send(this);
    } else if (this.#state === "open") {
      this.#pull();
    }
    return pull.promise;
  }

  /** Leaves the stream; resolves when the generator's `finally` blocks are through, rejects with what they throw. */
  async return(): Promise<IteratorResult<unknown, undefined>> {
    const state = this.#state;
    if (state === "open") {
      this.#state = "leaving";
      // Nobody waits for that value any more: let the generator know, since its return() queues up behind it.
      if (this.#isPulling) this.#message?.abort(new Error("the caller left the stream"));
      this.#finishPulls();
      const left = Promise.withResolvers<void>();
      this.#left = left;
      void this.#close().then(left.resolve);
      await left.promise;
    }
    this.#state = "done";
    if (state === "queued") this.#message?.cancel("the caller left the stream");
    this.#finishPulls();
    return DONE;
  }

  /** The message is in hand and this is its generator. */
  open(generator: AsyncIterator<unknown>): void {
    this.#state = "open";
    this.#generator = generator;
    this.#pull();
  }

  /** The message ended some other way than by its generator coming to its end. */
  fail(error: unknown): void {
    const state = this.#state;
    if (state === "done") return;
    this.#state = "done";
    this.#left?.reject(error);
    this.#break(error);
    if (state === "open") void this.#close();
  }

  #pull(): void {
    if (this.#isPulling || this.#pulls.length === 0) return;
    const { generator, message } = this.#inHand();
    this.#isPulling = true;
    this.#source
      .within(message, () => generator.next())
      .then(
        (result) => {
          this.#isPulling = false;
          if (this.#state !== "open") return;
          if (result.done) {
            this.#state = "done";
            this.#source.over(message, { threw: false, error: undefined });
            this.#finishPulls();
          } else {
            this.#pulls.shift()?.resolve(result);
            this.#pull();
          }
        },
        (error) => {
          this.#isPulling = false;
          if (this.#state !== "open") return;
          this.#state = "done";
          this.#break(error);
          this.#source.over(message, { threw: true, error });
        },
      );
  }

  #break(error: unknown): void {
    const first = this.#pulls.shift();
    if (first !== undefined) first.reject(error);
    else if (this.#left === undefined) this.#failure = { error };
    this.#finishPulls();
  }

  /** Ends the generator; the message stays in hand until it has. */
  async #close(): Promise<void> {
    const { generator, message } = this.#inHand();
    try {
      await this.#source.within(message, async () => generator.return?.());
      this.#source.over(message, { threw: false, error: undefined });
    } catch (error) {
      this.#source.over(message, { threw: true, error });
    }
  }

  #finishPulls(): void {
    for (const pull of this.#pulls.splice(0)) pull.resolve(DONE);
  }

  #inHand(): { generator: AsyncIterator<unknown>; message: M } {
    const [generator, message] = [this.#generator, this.#message];
    if (generator === undefined || message === undefined) throw new Error("a stream is pulled before it is open");
    return { generator, message };
  }
}
