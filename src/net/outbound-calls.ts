/**
 * The calls that this end of a session has made and that are not answered: ids, deadlines, cancellation, credit for
 * their streams. The one invariant: each call ends exactly once, and leaves no timer and no listener behind.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";
import { Answer } from "./answer.ts";
import type { ChannelCallOptions, Outcome, Payload } from "./channel.ts";
import { infoToError } from "./fault.ts";
import { encodeFrame } from "./frame.ts";
import type { SessionLimits } from "./limits.ts";
import type { Outbox, Queued } from "./outbox.ts";
import type { Codec, Fault, Reply, StreamItem, Tell } from "./wire/iris.ts";

/** Ids and times on the wire are 32 bits wide. */
const UINT32_MAX = 0xffff_ffff;
/** Longest time that one timer of Node can wait. Unit: ms. */
const TIMER_MS_MAX = 2_147_483_647;

interface Pending {
  readonly id: number;
  readonly what: string;
  readonly answer: Answer;
  readonly queued: Queued;
  readonly idempotent: boolean;
  timer: TimerHandle;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  /** Items that may still come; known to be a stream once one has. */
  creditLeft: number;
  streams: boolean;
}

export interface OutboundCallsOptions {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  /** The other end, for messages. */
  readonly address: string;
  /** A call has ended. */
  readonly onEnded: () => void;
}

export class OutboundCalls {
  readonly #o: OutboundCallsOptions;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #streams = 0;

  constructor(options: OutboundCallsOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  call(target: string, method: string, payload: Payload, options: ChannelCallOptions): Outcome {
    const { outbox, limits, clock, address } = this.#o;
    const { timeoutMs, signal, idempotent = false } = options;
    const what = `${target}.${method}`;
    const refused = this.#refusal(what, timeoutMs, signal);
    if (refused !== undefined) return refusedCall(what, refused);
    const id = this.#freeId();
    const bytes = encodeFrame("call", {
      id,
      target,
      method,
      remainingMs: timeoutMs === undefined ? 0 : Math.min(UINT32_MAX, Math.max(1, Math.ceil(timeoutMs))),
      trace: options.trace ?? "",
      codec: payload.codec,
      payload: payload.bytes,
      credit: limits.streamCreditItems,
      idempotent,
      key: options.key ?? "",
    });
    if (bytes.length > limits.messageBytes) {
      return refusedCall(what, tooLarge(`the arguments of ${what}`, bytes.length, limits.messageBytes));
    }
    const hooks = {
      granted: (items: number) => this.#grant(id, items),
      left: () => this.#giveUp(id),
    };
    const pending: Pending = {
      id,
      what,
      answer: new Answer(what, hooks, limits.streamCreditItems),
      queued: outbox.put(bytes),
      idempotent,
      timer: undefined,
      signal,
      onAbort: undefined,
      creditLeft: limits.streamCreditItems,
      streams: false,
    };
    this.#pending.set(id, pending);
    if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#arm(pending, clock.now() + timeoutMs, timeoutMs);
    }
    if (signal !== undefined) {
      pending.onAbort = () => {
        this.#giveUp(
          id,
          (maybeExecuted) =>
            new IrisError("CANCELLED", `${what} at ${address} was cancelled by its caller`, {
              cause: signal.reason,
              maybeExecuted,
            }),
        );
      };
      signal.addEventListener("abort", pending.onAbort, { once: true });
    }
    return pending.answer;
  }

  /** Queues a call without an answer. False when it is too large or the queue is full. */
  tell(target: string, method: string, payload: Payload): boolean {
    const { outbox, limits } = this.#o;
    const tell: Tell = { target, method, codec: payload.codec, payload: payload.bytes, trace: "" };
    const bytes = encodeFrame("tell", tell);
    if (bytes.length > limits.messageBytes || !outbox.hasRoom) return false;
    outbox.put(bytes);
    return true;
  }

  onReply(reply: Reply): void {
    const pending = this.#end(reply.id);
    if (pending === undefined) return; // cancelled or expired meanwhile
    const payload = payloadOf(reply.codec, reply.payload);
    if (payload === undefined) pending.answer.fail(unknownCodec(pending.what));
    else pending.answer.settle(payload);
  }

  onFault(fault: Fault): void {
    this.#end(fault.id)?.answer.fail(infoToError(fault.error));
  }

  /** Throws `PROTOCOL_ERROR` when more items come than there was credit for. */
  onStreamItem(item: StreamItem): void {
    const pending = this.#pending.get(item.id);
    if (pending === undefined) return;
    if (pending.creditLeft === 0) {
      throw new IrisError("PROTOCOL_ERROR", `${pending.what} streams more items than it has credit for`);
    }
    pending.creditLeft--;
    if (!pending.streams) {
      pending.streams = true;
      if (++this.#streams > this.#o.limits.streamsInFlight) {
        this.#giveUp(item.id, () => this.#tooMany("streams", this.#o.limits.streamsInFlight));
        return;
      }
    }
    const payload = payloadOf(item.codec, item.payload);
    if (payload === undefined) this.#giveUp(item.id, () => unknownCodec(pending.what));
    else pending.answer.push(payload);
  }

  onStreamEnd(id: number): void {
    this.#end(id)?.answer.complete();
  }

  /** The session is over: what has left may have run, what has not has not. */
  failAll(why: string, cause: unknown): void {
    for (const { id, what, queued, idempotent } of [...this.#pending.values()]) {
      const error = queued.left
        ? new IrisError("LOST", `${what}: ${why} before the answer came`, {
            cause,
            maybeExecuted: true,
            retryable: idempotent,
          })
        : new IrisError("UNAVAILABLE", `${what}: ${why} before it was sent`, { cause });
      this.#end(id)?.answer.fail(error);
    }
  }

  #refusal(what: string, timeoutMs: number | undefined, signal: AbortSignal | undefined): IrisError | undefined {
    const { outbox, limits, address } = this.#o;
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
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

  #arm(pending: Pending, deadlineAt: number, timeoutMs: number): void {
    const { clock } = this.#o;
    const leftMs = deadlineAt - clock.now();
    pending.timer = clock.setTimeout(
      () => {
        if (clock.now() < deadlineAt && leftMs > TIMER_MS_MAX) {
          this.#arm(pending, deadlineAt, timeoutMs);
          return;
        }
        this.#giveUp(pending.id, (maybeExecuted) => this.#late(pending.what, timeoutMs, maybeExecuted));
      },
      Math.min(leftMs, TIMER_MS_MAX),
    );
  }

  #late(what: string, timeoutMs: number, maybeExecuted: true | undefined): IrisError {
    const message = `no answer of ${what} at ${this.#o.address} within ${timeoutMs} ms`;
    return new IrisError("DEADLINE_EXCEEDED", message, { maybeExecuted });
  }

  /** Ends a call from this side: takes it back if it has not left, tells the other end to stop if it has. */
  #giveUp(id: number, error?: (maybeExecuted: true | undefined) => IrisError): void {
    const pending = this.#end(id);
    if (pending === undefined) return;
    const takenBack = this.#o.outbox.takeBack(pending.queued);
    if (!takenBack) this.#o.outbox.put(encodeFrame("cancel", { id }));
    if (error !== undefined) pending.answer.fail(error(takenBack ? undefined : true));
  }

  #grant(id: number, items: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    pending.creditLeft += items;
    this.#o.outbox.put(encodeFrame("credit", { id, items }));
  }

  #end(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    if (pending.streams) this.#streams--;
    if (pending.timer !== undefined) this.#o.clock.clearTimeout(pending.timer);
    if (pending.onAbort !== undefined) pending.signal?.removeEventListener("abort", pending.onAbort);
    this.#o.onEnded();
    return pending;
  }

  /** Ids wrap around after four thousand million calls; those still in flight then are stepped over. */
  #freeId(): number {
    do this.#lastId = this.#lastId >= UINT32_MAX ? 1 : this.#lastId + 1;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}

/** The outcome of a call that was never sent. */
export function refusedCall(what: string, error: IrisError): Outcome {
  const answer = new Answer(what, { granted() {}, left() {} }, 1);
  answer.fail(error);
  return answer;
}

export function tooLarge(what: string, bytes: number, bytesMax: number, maybeExecuted?: true): IrisError {
  return new IrisError("PAYLOAD_TOO_LARGE", `${what} take ${bytes} bytes; at most ${bytesMax} are sent at once`, {
    maybeExecuted,
  });
}

/** `undefined` for a codec that is not spoken here. */
export function payloadOf(codec: Codec, bytes: Uint8Array): Payload | undefined {
  return codec === "PROTOBUF" || codec === "VALUE" ? { codec, bytes } : undefined;
}

function unknownCodec(what: string): IrisError {
  return new IrisError("PROTOCOL_ERROR", `the answer of ${what} is in a format that is not spoken here`);
}
