/**
 * The calls that the other end of a session has made here: finds their targets, runs them, answers, streams with
 * credit, aborts them. The one invariant: each call is answered at most once, and counts as running until its handler
 * has really ended, cancelled or not, so that a hostile caller cannot pile up work.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import { CallTable } from "./call-table.ts";
import type { InboundCall, Payload, Peer, Target, Targets } from "./channel.ts";
import type { Deadlines } from "./deadlines.ts";
import { errorToInfo } from "./fault.ts";
import { encodeFrame } from "./frame.ts";
import type { CallFields } from "./frame-reader.ts";
import { answerBodyBytes, frameBytes, putReply, putStreamEnd, putStreamItem } from "./frame-writer.ts";
import type { SessionLimits } from "./limits.ts";
import { tooLarge } from "./outbound-calls.ts";
import type { Outbox } from "./outbox.ts";
import { InboundRoutes, type Named } from "./routes.ts";

/** Credit adds up to this at most: whatever a peer grants, counting it stays exact. */
const CREDIT_ITEMS_MAX = 1_000_000;

export interface InboundCallsOptions {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
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
  /** Calls whose caller still waits. */
  readonly #waiting = new CallTable<Running>();
  /** Tells, for which nobody waits. Calls that nobody waits for any more are aborted, and only counted. */
  readonly #tells = new Set<Running>();
  readonly #routes = new InboundRoutes();
  /** All whose handler has not ended. */
  #running = 0;
  #streams = 0;
  #refusing: string | undefined;

  constructor(options: InboundCallsOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#running;
  }

  /** From now on new calls fail with `UNAVAILABLE`; running ones go on. */
  refuse(why: string): void {
    this.#refusing = why;
  }

  /** Throws `PROTOCOL_ERROR` for an id that is in use, and a route that was never named. */
  onCall(call: Readonly<CallFields>): void {
    if (call.id === 0 || this.#waiting.get(call.id) !== undefined) {
      throw new IrisError("PROTOCOL_ERROR", `call id ${call.id} is ${call.id === 0 ? "none" : "in use"}`);
    }
    this.#run(call);
  }

  /** Throws `PROTOCOL_ERROR` for a route that was never named. */
  onTell(tell: Readonly<CallFields>): void {
    this.#run(tell);
  }

  onCancel(id: number): void {
    const running = this.#waiting.get(id);
    if (running === undefined) return;
    this.#forget(running);
    running.abort(new IrisError("CANCELLED", `${running.what} was cancelled by its caller`));
  }

  onCredit(id: number, items: number): void {
    this.#waiting.get(id)?.grant(items);
  }

  abortAll(reason: IrisError): void {
    const all = [...this.#waiting.values(), ...this.#tells];
    for (const running of all) {
      this.#forget(running);
      running.abort(reason);
    }
  }

  /** As `DeadlineOwner`. */
  deadlineOf(id: number): number | undefined {
    return this.#waiting.get(id)?.deadlineAt;
  }

  /** As `DeadlineOwner`. */
  expire(id: number): void {
    const running = this.#waiting.get(id);
    if (running === undefined) return;
    this.#forget(running);
    const late = new IrisError("DEADLINE_EXCEEDED", `${running.what} was not done within ${running.remainingMs} ms`, {
      maybeExecuted: true,
    });
    this.#fault(id, late);
    running.abort(late);
  }

  #run(said: Readonly<CallFields>): void {
    const { outbox, logger, deadlines, clock } = this.#o;
    const { id } = said;
    const named = this.#routes.of(said.route, said.target, said.method);
    let running: Running | undefined;
    try {
      const { target, payload } = this.#admit(said, named);
      const deadlineAt = said.remainingMs === 0 ? Number.POSITIVE_INFINITY : clock.now() + said.remainingMs;
      running = new Running(said, named, payload, this.#o.peer(), deadlineAt);
      this.#running++;
      if (id === 0) {
        this.#tells.add(running);
      } else {
        this.#waiting.add(running);
        if (deadlineAt !== Number.POSITIVE_INFINITY) deadlines.add(-id, deadlineAt);
      }
      this.#follow(running, target.handle(running), outbox);
    } catch (error) {
      if (running !== undefined) this.#failed(running, error);
      else if (id !== 0) this.#fault(id, error);
      else logger.warn({ call: named.what, error }, "a tell was refused");
    }
  }

  /** Where a call goes, with what. Throws why it goes nowhere: nothing of it has run then. */
  #admit(said: Readonly<CallFields>, { target: name, what }: Named): { target: Target; payload: Payload } {
    const { limits, targets } = this.#o;
    if (this.#refusing !== undefined) {
      throw new IrisError("UNAVAILABLE", `${what} was not taken: ${this.#refusing}`);
    }
    const most = limits.callsInFlight;
    if (this.#running >= most) {
      const message = `${what} was not taken: ${most} calls of this session are running, which is the most`;
      throw new IrisError("RESOURCE_EXHAUSTED", message);
    }
    const { codec } = said;
    if (codec === undefined) {
      throw new IrisError("INVALID_ARGUMENT", `${what}: the arguments are in a format that is not spoken here`);
    }
    const target = targets(name);
    if (target === undefined) {
      throw new IrisError("NO_SUCH_ACTOR", `nothing is registered as "${name}" here`);
    }
    return { target, payload: { codec, bytes: said.payload } };
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

  #answered(running: Running, payload: Payload): void {
    const { id } = running;
    if (!this.#settle(running)) return;
    const { outbox, limits } = this.#o;
    const bodyBytes = answerBodyBytes(id, payload);
    if (frameBytes(bodyBytes) > limits.messageBytes) {
      this.#fault(id, tooLarge(`the results of ${running.what}`, frameBytes(bodyBytes), limits.messageBytes, true));
    } else {
      putReply(outbox, id, payload, bodyBytes);
    }
    this.#o.onEnded();
  }

  #failed(running: Running, error: unknown): void {
    if (this.#settle(running)) this.#fault(running.id, error);
    else if (!running.wantsAnswer) this.#o.logger.warn({ call: running.what, error }, "a tell failed");
    this.#o.onEnded();
  }

  /** The handler has ended. Whether anybody waits for the answer. */
  #settle(running: Running): boolean {
    this.#running--;
    return this.#forget(running) && running.wantsAnswer;
  }

  /** Nobody waits for it any more. False if nobody did. */
  #forget(running: Running): boolean {
    if (running.isOver) return false;
    running.isOver = true;
    if (running.wantsAnswer) this.#waiting.delete(running.id);
    else this.#tells.delete(running);
    if (running.deadlineAt !== Number.POSITIVE_INFINITY) this.#o.deadlines.ended();
    return true;
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
          if (this.#settle(running)) putStreamEnd(outbox, id);
          this.#o.onEnded();
          return;
        }
        const bodyBytes = answerBodyBytes(id, next.value);
        if (frameBytes(bodyBytes) > limits.messageBytes) {
          throw tooLarge(`items of ${running.what}`, frameBytes(bodyBytes), limits.messageBytes, true);
        }
        putStreamItem(outbox, id, next.value, bodyBytes);
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
    if (running.takesNoStream) {
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
  /** 0 for a tell. */
  readonly id: number;
  readonly payload: Payload;
  readonly remainingMs: number | undefined;
  /** On the session's clock; infinite when there is none, and for a tell. */
  readonly deadlineAt: number;
  readonly trace: string;
  readonly key: string | undefined;
  readonly peer: Peer;
  readonly takesNoStream: boolean;
  /** Nobody waits for it any more. */
  isOver = false;
  readonly #named: Named;
  #credit: number;
  #onCredit: (() => void) | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;
  #aborter: AbortController | undefined = undefined;
  #abortReason: IrisError | undefined = undefined;

  constructor(said: Readonly<CallFields>, named: Named, payload: Payload, peer: Peer, deadlineAt: number) {
    this.#named = named;
    this.id = said.id;
    this.payload = payload;
    this.remainingMs = said.remainingMs === 0 ? undefined : said.remainingMs;
    this.deadlineAt = deadlineAt;
    this.trace = said.trace;
    this.key = said.idempotent && said.key !== "" ? said.key : undefined;
    this.peer = peer;
    this.takesNoStream = said.credit === 0;
    this.#credit = Math.min(said.credit, CREDIT_ITEMS_MAX);
  }

  get method(): string {
    return this.#named.method;
  }

  get what(): string {
    return this.#named.what;
  }

  get wantsAnswer(): boolean {
    return this.id !== 0;
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
