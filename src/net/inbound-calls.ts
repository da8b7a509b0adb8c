/**
 * The calls that the other end of a session has made here: finds their targets, runs them, answers, streams with
 * credit, aborts them. The one invariant: each call is answered at most once, and counts as running until its handler
 * has really ended, cancelled or not, so that a hostile caller cannot pile up work.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { InboundCall, Payload, Peer, Target, Targets } from "./channel.ts";
import { errorToInfo } from "./fault.ts";
import { encodeFrame } from "./frame.ts";
import type { SessionLimits } from "./limits.ts";
import { payloadOf, tooLarge } from "./outbound-calls.ts";
import type { Outbox } from "./outbox.ts";
import type { Call, Tell } from "./wire/iris.ts";

/** Credit adds up to this at most: whatever a peer grants, counting it stays exact. */
const CREDIT_ITEMS_MAX = 1_000_000;
/** Longest time that one timer of Node can wait, about 25 days: no call is aborted later. Unit: ms. */
const TIMER_MS_MAX = 2_147_483_647;

export interface InboundCallsOptions {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly logger: Logger;
  readonly targets: Targets;
  readonly peer: () => Peer;
  /** Whether stacks of errors are sent. */
  readonly stacks: boolean;
  /** A handler has ended. */
  readonly onEnded: () => void;
}

export class InboundCalls {
  readonly #o: InboundCallsOptions;
  /** Those whose caller still waits. */
  readonly #waiting = new Map<number, Running>();
  /** All whose handler has not ended. */
  readonly #running = new Set<Running>();
  #streams = 0;
  #refusing: string | undefined;

  constructor(options: InboundCallsOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#running.size;
  }

  /** From now on new calls fail with `UNAVAILABLE`; running ones go on. */
  refuse(why: string): void {
    this.#refusing = why;
  }

  /** Throws `PROTOCOL_ERROR` for an id that is in use. */
  onCall(call: Call): void {
    if (call.id === 0 || this.#waiting.has(call.id)) {
      throw new IrisError("PROTOCOL_ERROR", `call id ${call.id} is ${call.id === 0 ? "none" : "in use"}`);
    }
    this.#run(call, call);
  }

  onTell(tell: Tell): void {
    this.#run(tell, undefined);
  }

  onCancel(id: number): void {
    const running = this.#waiting.get(id);
    if (running === undefined) return;
    this.#waiting.delete(id);
    running.abort(new IrisError("CANCELLED", `${running.what} was cancelled by its caller`));
  }

  onCredit(id: number, items: number): void {
    this.#waiting.get(id)?.grant(items);
  }

  abortAll(reason: IrisError): void {
    this.#waiting.clear();
    for (const running of [...this.#running]) running.abort(reason);
  }

  #run(said: Tell, call: Call | undefined): void {
    const { outbox, logger } = this.#o;
    let running: Running | undefined;
    try {
      const { target, payload } = this.#admit(said);
      running = new Running(said, call, payload, this.#o.peer());
      this.#running.add(running);
      if (call !== undefined) {
        this.#waiting.set(call.id, running);
        if (call.remainingMs > 0) this.#arm(running, call.id, call.remainingMs);
      }
      this.#follow(running, target.handle(running), outbox);
    } catch (error) {
      if (running !== undefined) this.#failed(running, error);
      else if (call !== undefined) this.#fault(call.id, error);
      else logger.warn({ call: `${said.target}.${said.method}`, error }, "a tell was refused");
    }
  }

  /** Where a call goes, with what. Throws why it goes nowhere: nothing of it has run then. */
  #admit(said: Tell): { target: Target; payload: Payload } {
    const { limits, targets } = this.#o;
    const what = `${said.target}.${said.method}`;
    if (this.#refusing !== undefined) {
      throw new IrisError("UNAVAILABLE", `${what} was not taken: ${this.#refusing}`);
    }
    const most = limits.callsInFlight;
    if (this.#running.size >= most) {
      const message = `${what} was not taken: ${most} calls of this session are running, which is the most`;
      throw new IrisError("RESOURCE_EXHAUSTED", message);
    }
    const payload = payloadOf(said.codec, said.payload);
    if (payload === undefined) {
      throw new IrisError("INVALID_ARGUMENT", `${what}: the arguments are in a format that is not spoken here`);
    }
    const target = targets(said.target);
    if (target === undefined) {
      throw new IrisError("NO_SUCH_ACTOR", `nothing is registered as "${said.target}" here`);
    }
    return { target, payload };
  }

  #follow(running: Running, answer: Promise<Payload> | AsyncIterable<Payload>, outbox: Outbox): void {
    if (isPromise(answer)) {
      answer.then(
        (result) => this.#answered(running, result),
        (error) => this.#failed(running, error),
      );
    } else {
      void this.#stream(running, answer, outbox);
    }
  }

  #arm(running: Running, id: number, remainingMs: number): void {
    running.timer = this.#o.clock.setTimeout(
      () => {
        if (!this.#waiting.delete(id)) return;
        const late = new IrisError("DEADLINE_EXCEEDED", `${running.what} was not done within ${remainingMs} ms`, {
          maybeExecuted: true,
        });
        this.#fault(id, late);
        running.abort(late);
      },
      Math.min(remainingMs, TIMER_MS_MAX),
    );
  }

  #answered(running: Running, payload: Payload): void {
    const id = this.#settle(running);
    if (id === undefined) return;
    const { outbox, limits } = this.#o;
    const bytes = encodeFrame("reply", { id, codec: payload.codec, payload: payload.bytes });
    if (bytes.length > limits.messageBytes) {
      this.#fault(id, tooLarge(`the results of ${running.what}`, bytes.length, limits.messageBytes, true));
    } else {
      outbox.put(bytes);
    }
    this.#o.onEnded();
  }

  #failed(running: Running, error: unknown): void {
    const id = this.#settle(running);
    if (id !== undefined) this.#fault(id, error);
    else if (!running.wantsAnswer) this.#o.logger.warn({ call: running.what, error }, "a tell failed");
    this.#o.onEnded();
  }

  /** The handler has ended. The id to answer to, unless nobody waits. */
  #settle(running: Running): number | undefined {
    if (running.timer !== undefined) this.#o.clock.clearTimeout(running.timer);
    this.#running.delete(running);
    const id = running.id;
    return id !== undefined && this.#waiting.get(id) === running && this.#waiting.delete(id) ? id : undefined;
  }

  /** Never rejects: whatever goes wrong ends as the call's failure. */
  async #stream(running: Running, items: AsyncIterable<Payload>, outbox: Outbox): Promise<void> {
    const { limits } = this.#o;
    let iterator: AsyncIterator<Payload> | undefined;
    this.#streams++;
    try {
      iterator = items[Symbol.asyncIterator]();
      const id = this.#mayStream(running);
      running.onAbort(() => void closeIterator(iterator));
      for (;;) {
        await running.credit();
        await outbox.room();
        if (running.aborted) break;
        const next = await iterator.next();
        if (running.aborted) break;
        if (next.done === true) {
          if (this.#settle(running) !== undefined) outbox.put(encodeFrame("streamEnd", { id }));
          this.#o.onEnded();
          return;
        }
        const bytes = encodeFrame("streamItem", { id, codec: next.value.codec, payload: next.value.bytes });
        if (bytes.length > limits.messageBytes) {
          throw tooLarge(`items of ${running.what}`, bytes.length, limits.messageBytes, true);
        }
        outbox.put(bytes);
        running.spend();
      }
      await closeIterator(iterator);
      this.#failed(running, undefined);
    } catch (error) {
      void closeIterator(iterator);
      this.#failed(running, error);
    } finally {
      this.#streams--;
    }
  }

  /** The id to stream to. Throws when its caller takes no stream, or there are too many. */
  #mayStream(running: Running): number {
    if (running.id === undefined || running.takesNoStream) {
      throw new IrisError("FAILED_PRECONDITION", `${running.what} answers with a stream, and its caller takes none`);
    }
    const most = this.#o.limits.streamsInFlight;
    if (this.#streams > most) {
      const message = `${running.what}: ${most} streams of this session are running, which is the most`;
      throw new IrisError("RESOURCE_EXHAUSTED", message);
    }
    return running.id;
  }

  #fault(id: number, error: unknown): void {
    this.#o.outbox.put(encodeFrame("fault", { id, error: errorToInfo(error, { stacks: this.#o.stacks }) }));
  }
}

/** One call while its handler runs. */
class Running implements InboundCall {
  readonly id: number | undefined;
  readonly method: string;
  readonly payload: Payload;
  readonly remainingMs: number | undefined;
  readonly trace: string;
  readonly key: string | undefined;
  readonly peer: Peer;
  readonly what: string;
  readonly takesNoStream: boolean;
  timer: TimerHandle;
  #credit: number;
  #onCredit: (() => void) | undefined;
  #onAbort: (() => void) | undefined;
  #aborter: AbortController | undefined;
  #abortReason: IrisError | undefined;

  constructor(said: Tell, call: Call | undefined, payload: Payload, peer: Peer) {
    this.id = call?.id;
    this.method = said.method;
    this.payload = payload;
    this.remainingMs = call === undefined || call.remainingMs === 0 ? undefined : call.remainingMs;
    this.trace = said.trace;
    this.key = call?.idempotent === true && call.key !== "" ? call.key : undefined;
    this.peer = peer;
    this.what = `${said.target}.${said.method}`;
    this.takesNoStream = call === undefined || call.credit === 0;
    this.#credit = Math.min(call?.credit ?? 0, CREDIT_ITEMS_MAX);
  }

  get wantsAnswer(): boolean {
    return this.id !== undefined;
  }

  /** Made only for handlers that look at it: most do not. */
  get signal(): AbortSignal {
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController();
      if (this.#abortReason !== undefined) this.#aborter.abort(this.#abortReason);
    }
    return this.#aborter.signal;
  }

  get aborted(): boolean {
    return this.#abortReason !== undefined;
  }

  abort(reason: IrisError): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#aborter?.abort(reason);
    this.#onAbort?.();
    this.#onCredit?.();
  }

  onAbort(fn: () => void): void {
    this.#onAbort = fn;
    if (this.aborted) fn();
  }

  grant(items: number): void {
    this.#credit = Math.min(this.#credit + items, CREDIT_ITEMS_MAX);
    if (this.#credit > 0) this.#onCredit?.();
  }

  spend(): void {
    this.#credit--;
  }

  /** Resolves when there is room at the other end, or the call is aborted. */
  credit(): Promise<void> | undefined {
    if (this.#credit > 0 || this.aborted) return undefined;
    return new Promise((resolve) => {
      this.#onCredit = () => {
        this.#onCredit = undefined;
        resolve();
      };
    });
  }
}

/** A target may hand through the outcome of another call, which is both: as a promise it is taken. */
function isPromise(answer: Promise<Payload> | AsyncIterable<Payload>): answer is Promise<Payload> {
  return typeof (answer as { then?: unknown }).then === "function";
}

/** Asks a generator to end; one that is in the middle of something ends when it comes to its next `yield`. */
async function closeIterator(iterator: AsyncIterator<Payload> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // What a generator throws while it is being ended concerns nobody any more.
  }
}
