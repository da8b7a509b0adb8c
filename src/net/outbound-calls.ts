/**
 * The calls that this end of a session has made and that are not answered: ids, deadlines, cancellation, credit for
 * their streams. The one invariant: each call ends exactly once, and leaves no timer and no listener behind.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import { Answer, type AnswerOwner } from "./answer.ts";
import { CallTable } from "./call-table.ts";
import type { ChannelCallOptions, Outcome, Payload } from "./channel.ts";
import type { Deadlines } from "./deadlines.ts";
import { infoToError } from "./fault.ts";
import type { AnswerFields } from "./frame-reader.ts";
import { callBodyBytes, frameBytes, putCall, putCancel, putCredit, putTell, tellBodyBytes } from "./frame-writer.ts";
import type { SessionLimits } from "./limits.ts";
import type { Outbox } from "./outbox.ts";
import { OutboundRoutes } from "./routes.ts";
import type { Fault } from "./wire/iris.ts";

/** Ids and times on the wire are 32 bits wide. */
const UINT32_MAX = 0xffff_ffff;

export interface OutboundCallsOptions {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly limits: SessionLimits;
  /** The other end, for messages. */
  readonly address: string;
  /** A call has ended. */
  readonly onEnded: () => void;
}

export class OutboundCalls implements AnswerOwner {
  readonly #o: OutboundCallsOptions;
  readonly #pending = new CallTable<Answer>();
  readonly #routes = new OutboundRoutes();
  #lastId = 0;
  #streams = 0;

  constructor(options: OutboundCallsOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** The other end understands numbers for names. Said before the first call. */
  numberRoutes(): void {
    this.#routes.number();
  }

  call(target: string, method: string, payload: Payload, options: ChannelCallOptions): Outcome {
    const { outbox, limits, clock } = this.#o;
    const { timeoutMs = Number.POSITIVE_INFINITY, signal, idempotent = false } = options;
    const route = this.#routes.of(target, method);
    const refused = this.#refusal(route.what, timeoutMs, signal);
    if (refused !== undefined) return refusedCall(route.what, refused);
    const id = this.#freeId();
    const head = {
      id,
      remainingMs: timeoutMs === Number.POSITIVE_INFINITY ? 0 : Math.min(UINT32_MAX, Math.max(1, Math.ceil(timeoutMs))),
      trace: options.trace ?? "",
      credit: limits.streamCreditItems,
      idempotent,
      key: options.key ?? "",
    };
    const named = this.#routes.mustName(route, outbox.hasLeft);
    const bodyBytes = callBodyBytes(head, route, named, payload);
    if (frameBytes(bodyBytes) > limits.messageBytes) {
      const error = tooLarge(`the arguments of ${route.what}`, frameBytes(bodyBytes), limits.messageBytes);
      return refusedCall(route.what, error);
    }
    const deadlineAt = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : clock.now() + timeoutMs;
    const answer = new Answer(route.what, this, limits.streamCreditItems, id, deadlineAt, timeoutMs, idempotent);
    this.#pending.add(answer);
    if (deadlineAt !== Number.POSITIVE_INFINITY) this.#o.deadlines.add(id, deadlineAt);
    if (signal !== undefined) this.#listen(answer, signal);
    // Last: the queue may be so full that the session ends, and then the call must be there to fail.
    answer.ticket = putCall(outbox, head, route, named, payload, bodyBytes);
    if (named) this.#routes.named(route, answer.ticket);
    return answer;
  }

  /** Queues a call without an answer. False when it is too large or the queue is full. */
  tell(target: string, method: string, payload: Payload): boolean {
    const { outbox, limits } = this.#o;
    const route = this.#routes.of(target, method);
    const named = this.#routes.mustName(route, outbox.hasLeft);
    const bodyBytes = tellBodyBytes(route, named, payload);
    if (frameBytes(bodyBytes) > limits.messageBytes || !outbox.hasRoom) return false;
    const ticket = putTell(outbox, route, named, payload, bodyBytes);
    if (named) this.#routes.named(route, ticket);
    return true;
  }

  onReply(reply: Readonly<AnswerFields>): void {
    const answer = this.#end(reply.id);
    if (answer === undefined) return; // cancelled or expired meanwhile
    const { codec } = reply;
    if (codec === undefined) answer.fail(unknownCodec(answer.what));
    else answer.settle({ codec, bytes: reply.payload });
  }

  onFault(fault: Fault): void {
    this.#end(fault.id)?.fail(infoToError(fault.error));
  }

  /** Throws `PROTOCOL_ERROR` when more items come than there was credit for. */
  onStreamItem(item: Readonly<AnswerFields>): void {
    const answer = this.#pending.get(item.id);
    if (answer === undefined) return;
    if (answer.creditLeft === 0) {
      throw new IrisError("PROTOCOL_ERROR", `${answer.what} streams more items than it has credit for`);
    }
    answer.creditLeft--;
    if (!answer.streams) {
      answer.streams = true;
      if (++this.#streams > this.#o.limits.streamsInFlight) {
        this.#giveUp(answer, () => this.#tooMany("streams", this.#o.limits.streamsInFlight));
        return;
      }
    }
    const { codec } = item;
    if (codec === undefined) this.#giveUp(answer, () => unknownCodec(answer.what));
    else answer.push({ codec, bytes: item.payload });
  }

  onStreamEnd(id: number): void {
    this.#end(id)?.complete();
  }

  granted(answer: Answer, items: number): void {
    if (this.#pending.get(answer.id) !== answer) return;
    answer.creditLeft += items;
    putCredit(this.#o.outbox, answer.id, items);
  }

  left(answer: Answer): void {
    this.#giveUp(answer);
  }

  /** As `DeadlineOwner`. */
  deadlineOf(id: number): number | undefined {
    return this.#pending.get(id)?.deadlineAt;
  }

  /** As `DeadlineOwner`. */
  expire(id: number): void {
    const answer = this.#pending.get(id);
    if (answer === undefined) return;
    const { what, timeoutMs } = answer;
    this.#giveUp(answer, (maybeExecuted) => {
      const message = `no answer of ${what} at ${this.#o.address} within ${timeoutMs} ms`;
      return new IrisError("DEADLINE_EXCEEDED", message, { maybeExecuted });
    });
  }

  /** The session is over: what has left may have run, what has not has not. */
  failAll(why: string, cause: unknown): void {
    for (const { id, what, ticket, idempotent } of this.#pending.values()) {
      const hasLeft = ticket !== 0 && this.#o.outbox.hasLeft(ticket);
      const error = hasLeft
        ? new IrisError("LOST", `${what}: ${why} before the answer came`, {
            cause,
            maybeExecuted: true,
            retryable: idempotent,
          })
        : new IrisError("UNAVAILABLE", `${what}: ${why} before it was sent`, { cause });
      this.#end(id)?.fail(error);
    }
  }

  #refusal(what: string, timeoutMs: number, signal: AbortSignal | undefined): IrisError | undefined {
    const { outbox, limits, address } = this.#o;
    if (!(timeoutMs >= 0)) {
      return new IrisError("INVALID_ARGUMENT", `timeoutMs of ${what} is ${timeoutMs}; it must be 0 or more`);
    }
    if (signal?.aborted) {
      return new IrisError("CANCELLED", `${what} was cancelled before it was sent`, { cause: signal.reason });
    }
    if (timeoutMs === 0) return new IrisError("DEADLINE_EXCEEDED", `${what} had no time left when it was called`);
    if (this.#pending.size >= limits.callsInFlight) return this.#tooMany("calls", limits.callsInFlight);
    if (!outbox.hasRoom) {
      return new IrisError(
        "RESOURCE_EXHAUSTED",
        `${what}: ${outbox.queuedBytes} bytes are waiting for ${address}, which reads slowly; at most ${limits.queueBytes} may wait`,
      );
    }
    return undefined;
  }

  #tooMany(what: string, most: number): IrisError {
    return new IrisError(
      "RESOURCE_EXHAUSTED",
      `${most} ${what} to ${this.#o.address} are in flight already, which is the most; await some before making more`,
    );
  }

  #listen(answer: Answer, signal: AbortSignal): void {
    const onAbort = () => {
      const message = `${answer.what} at ${this.#o.address} was cancelled by its caller`;
      this.#giveUp(answer, (maybeExecuted) => {
        return new IrisError("CANCELLED", message, { cause: signal.reason, maybeExecuted });
      });
    };
    signal.addEventListener("abort", onAbort, { once: true });
    answer.unlisten = () => signal.removeEventListener("abort", onAbort);
  }

  /** Ends a call from this side: takes it back if it has not left, tells the other end to stop if it has. */
  #giveUp(answer: Answer, error?: (maybeExecuted: true | undefined) => IrisError): void {
    if (this.#pending.get(answer.id) !== answer) return;
    this.#end(answer.id);
    const takenBack = this.#o.outbox.takeBack(answer.ticket);
    if (!takenBack) putCancel(this.#o.outbox, answer.id);
    if (error !== undefined) answer.fail(error(takenBack ? undefined : true));
  }

  #end(id: number): Answer | undefined {
    const answer = this.#pending.get(id);
    if (answer === undefined) return undefined;
    this.#pending.delete(id);
    if (answer.streams) this.#streams--;
    if (answer.deadlineAt !== Number.POSITIVE_INFINITY) this.#o.deadlines.ended();
    answer.unlisten?.();
    this.#o.onEnded();
    return answer;
  }

  /** Ids wrap around after four thousand million calls; those still in flight then are stepped over. */
  #freeId(): number {
    do this.#lastId = this.#lastId >= UINT32_MAX ? 1 : this.#lastId + 1;
    while (this.#pending.get(this.#lastId) !== undefined);
    return this.#lastId;
  }
}

/** The outcome of a call that was never sent. */
export function refusedCall(what: string, error: IrisError): Outcome {
  const answer = new Answer(what, undefined, 1);
  answer.fail(error);
  return answer;
}

export function tooLarge(what: string, bytes: number, bytesMax: number, maybeExecuted?: true): IrisError {
  return new IrisError("PAYLOAD_TOO_LARGE", `${what} take ${bytes} bytes; at most ${bytesMax} are sent at once`, {
    maybeExecuted,
  });
}

function unknownCodec(what: string): IrisError {
  return new IrisError("PROTOCOL_ERROR", `the answer of ${what} is in a format that is not spoken here`);
}
