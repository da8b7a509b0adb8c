/**
 * One live actor: its mailbox on top of its life. It admits messages or refuses them, hands them to the instance, at
 * most `concurrency` at a time, and counts their ends. Not the reference (that is `LocalRef`). Invariant: each accepted
 * message is settled exactly once, whatever becomes of the actor.
 */
import type { Blueprint } from "./blueprint.ts";
import { type Handling, inHand } from "./context.ts";
import type { Door, SendOptions } from "./door.ts";
import { Envelope, type Outcome } from "./envelope.ts";
import { IrisError } from "./errors.ts";
import { type Control, isThenable, Life, type LifeHost, type LifeOptions } from "./life.ts";
import { LocalRef } from "./local-ref.ts";
import { type ControlLane, Mailbox } from "./mailbox.ts";
import type { MethodKind } from "./methods.ts";
import type { ActorRef, AnyRef } from "./ref.ts";
import { MessageStream, type StreamSource } from "./stream.ts";
import { Tally } from "./tally.ts";
import type { Runnable } from "./turns.ts";

export interface CellOptions extends LifeOptions {
  readonly concurrency: number;
  readonly capacity: number;
  /** Whether a method that throws ends the actor. */
  readonly endsOnThrow: boolean;
}

type Method = (...args: readonly unknown[]) => unknown;

export class Cell extends Life implements Door, Runnable, StreamSource<Envelope> {
  readonly mailbox: Mailbox<Envelope, Control>;
  readonly tally = new Tally();
  readonly concurrency: number;
  isQueued = false;
  ref: AnyRef | undefined;
  readonly #endsOnThrow: boolean;
  #inHand: Envelope[] = [];
  /** While stopping: how many of the queued messages are still to be handled. */
  #drainLeft = 0;

  constructor(home: LifeHost, blueprint: Blueprint, options: CellOptions) {
    super(home, blueprint, options);
    this.mailbox = new Mailbox(options.capacity);
    this.concurrency = options.concurrency;
    this.#endsOnThrow = options.endsOnThrow;
  }

  get self(): ActorRef<unknown> {
    return LocalRef.of(this);
  }

  get methods(): ReadonlyMap<string, MethodKind> {
    return this.blueprint.methods;
  }

  get inHandCount(): number {
    return this.#inHand.length;
  }

  // ---- sending

  ask(method: string, args: readonly unknown[], options: SendOptions | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const envelope = new Envelope(this, method, args);
      envelope.resolve = resolve;
      envelope.reject = reject;
      this.#admit(envelope, options);
    });
  }

  stream(method: string, args: readonly unknown[], options: SendOptions | undefined): AsyncIterable<unknown> {
    const caller = inHand.getStore();
    const deadlineAt = earliest(options?.deadlineAt, caller?.deadlineAt);
    return new MessageStream(this, (stream) => {
      const envelope = new Envelope(this, method, args);
      envelope.stream = stream;
      envelope.reject = (error) => stream.fail(error);
      this.#admit(envelope, { ...options, deadlineAt });
      return envelope;
    });
  }

  tell(method: string, args: readonly unknown[], options: SendOptions | undefined): unknown {
    let refusal: unknown;
    const envelope = new Envelope(this, method, args);
    envelope.isTell = true;
    envelope.reject = (error) => {
      refusal = error;
    };
    this.#admit(envelope, options);
    envelope.reject = undefined;
    return refusal;
  }

  #admit(envelope: Envelope, options: SendOptions | undefined): void {
    const caller = envelope.isTell ? undefined : inHand.getStore();
    envelope.deadlineAt = earliest(options?.deadlineAt, caller?.deadlineAt);
    envelope.trace = options?.trace ?? caller?.trace;
    if (!this.#takesMessages) {
      this.#refuse(envelope, this.#goneError(envelope));
      return;
    }
    const kind = this.methods.get(envelope.method);
    if (kind === undefined) {
      this.#reject(envelope, this.#noSuchMethod(envelope));
      return;
    }
    if (kind === "stream" && envelope.stream === undefined) {
      this.#reject(envelope, this.#mustBePulled(envelope));
      return;
    }
    if (caller !== undefined && !caller.isSettled) {
      envelope.caller = caller;
      const cycle = this.#cycle(caller);
      if (cycle !== undefined) {
        this.#reject(envelope, cycle);
        return;
      }
    }
    const signal = options?.signal;
    if (signal?.aborted || this.#isPast(envelope)) {
      this.tally.accepted += 1;
      if (signal?.aborted) envelope.cancel(signal.reason);
      else envelope.expire();
      return;
    }
    if (!this.mailbox.offer(envelope)) {
      this.#refuse(envelope, this.#fullError(envelope));
      return;
    }
    envelope.isQueued = true;
    this.tally.accepted += 1;
    if (signal !== undefined || envelope.deadlineAt !== undefined) envelope.watch(signal);
    if (this.#mayHandle) this.home.turns.enqueue(this);
  }

  /** Never accepted: back to its sender. */
  #refuse(envelope: Envelope, error: IrisError): void {
    this.tally.refused += 1;
    envelope.isSettled = true;
    envelope.reject?.(error);
  }

  #reject(envelope: Envelope, error: IrisError): void {
    this.tally.accepted += 1;
    envelope.settle("rejected", error);
  }

  get #takesMessages(): boolean {
    if (this.state === "ended") return false;
    if (this.facts.supervised && this.facts.retains) return true;
    return (this.state === "running" || this.state === "starting") && !this.mailbox.isEnding;
  }

  // ---- handling

  turn(messagesMax: number): number {
    let handled = 0;
    for (;;) {
      const control = this.mailbox.takeControl();
      if (control !== undefined) {
        this.take(control);
        continue;
      }
      if (handled === messagesMax || !this.#mayHandle) break;
      const envelope = this.mailbox.takeUser();
      if (envelope === undefined) break;
      envelope.isQueued = false;
      this.#drainLeft -= 1;
      handled += 1;
      this.#handle(envelope);
    }
    if (this.#isDrained) this.take({ event: "drained", incarnation: this.incarnation });
    return handled;
  }

  get isReady(): boolean {
    return this.mailbox.hasControl || (this.#mayHandle && this.mailbox.depth > 0);
  }

  get #mayHandle(): boolean {
    if (this.#inHand.length >= this.concurrency) return false;
    return this.state === "running" || (this.state === "stopping" && this.hasStarted && this.#drainLeft > 0);
  }

  get #isDrained(): boolean {
    if (this.state !== "stopping" || !this.hasStarted || this.#inHand.length > 0) return false;
    return this.#drainLeft <= 0 || this.mailbox.depth === 0;
  }

  #handle(envelope: Envelope): void {
    if (this.#isPast(envelope)) {
      envelope.expire();
      return;
    }
    envelope.isInHand = true;
    this.#inHand.push(envelope);
    let result: unknown;
    try {
      result = inHand.run(envelope, invoke, this.instance, envelope.method, envelope.args);
    } catch (thrown) {
      this.#threw(envelope, thrown);
      return;
    }
    if (envelope.stream !== undefined) {
      envelope.stream.open(result as AsyncIterator<unknown>);
      return;
    }
    if (!isThenable(result)) {
      this.#returned(envelope, result);
      return;
    }
    result.then(
      (value) => this.#returned(envelope, value),
      (thrown) => this.#threw(envelope, thrown),
    );
  }

  #returned(envelope: Envelope, value: unknown): void {
    if (isAsyncIterable(value)) envelope.settle("failed", this.#mustBeGenerator(envelope));
    else envelope.settle("handled", value);
    this.#putDown(envelope);
  }

  #threw(envelope: Envelope, thrown: unknown): void {
    if (this.#endsOnThrow && envelope.isInHand && !envelope.isAbortedBy(thrown)) {
      this.crash(thrown);
    }
    envelope.settle("failed", thrown);
    this.#putDown(envelope);
  }

  /** The place is free for the next message. One that its incarnation did not survive is not in hand any more. */
  #putDown(envelope: Envelope): void {
    if (!envelope.isInHand) return;
    envelope.isInHand = false;
    const last = this.#inHand.pop();
    if (last !== envelope && last !== undefined) this.#inHand[this.#inHand.indexOf(envelope)] = last;
    if (this.isReady || this.#isDrained) this.home.turns.enqueue(this);
  }

  // ---- what a stream needs (StreamSource)

  within<R>(envelope: Envelope, step: () => Promise<R>): Promise<R> {
    return inHand.run(envelope, step);
  }

  over(envelope: Envelope, end: { threw: boolean; error: unknown }): void {
    if (end.threw) {
      this.#threw(envelope, end.error);
      return;
    }
    envelope.settle("handled", undefined);
    this.#putDown(envelope);
  }

  // ---- what a message needs (Receiver), and what the life orders

  settled(envelope: Envelope, outcome: Outcome, value: unknown): void {
    this.tally[outcome] += 1;
    if (envelope.isQueued) this.mailbox.settledInQueue();
    if (envelope.isTell && outcome === "failed") {
      this.home.logger.warn({ path: this.path, method: envelope.method, error: value }, "a told method failed");
    }
  }

  protected command(lane: ControlLane, control: Control): void {
    this.mailbox.command(lane, control);
    this.home.turns.enqueue(this);
  }

  protected deliver(): void {
    this.home.turns.enqueue(this);
  }

  protected closeIntake(): void {
    this.#drainLeft = this.mailbox.depth;
  }

  protected loseInHand(why: string): void {
    for (const envelope of this.#inHand.splice(0)) {
      envelope.lose(why);
      envelope.isInHand = false;
    }
  }

  protected bounce(why: string): void {
    for (;;) {
      const envelope = this.mailbox.takeUser();
      if (envelope === undefined) return;
      envelope.isQueued = false;
      const message = `${this.path} ended (${why}) before it came to ${envelope.method}`;
      envelope.settle("undeliverable", new IrisError("UNDELIVERABLE", message, { where: this.path }));
    }
  }

  // ---- what is wrong with a message

  #isPast(envelope: Envelope): boolean {
    return envelope.deadlineAt !== undefined && envelope.deadlineAt <= this.clock.now();
  }

  /** A call that is made while its receiver's every place is taken by calls that wait for it would wait for itself. */
  #cycle(caller: Handling): IrisError | undefined {
    let waiting = 0;
    const way: string[] = [this.path];
    for (let at: Handling | undefined = caller; at !== undefined; at = at.caller) {
      if (at.isSettled) return undefined;
      way.unshift(at.receiver.path);
      if (at.receiver !== this) continue;
      waiting += at.isHook ? this.concurrency : 1;
      if (waiting >= this.concurrency) {
        return new IrisError(
          "FAILED_PRECONDITION",
          `a call that waits for itself: ${way.join(" → ")}; use tell, or give ${this.path} more concurrency`,
          { where: this.path },
        );
      }
    }
    return undefined;
  }

  #goneError(envelope: Envelope): IrisError {
    const verb = this.state === "ended" ? "has ended" : this.state === "down" ? "is down" : "is ending";
    return new IrisError(
      "UNDELIVERABLE",
      `${this.path} ${verb} (${this.whyGone}); ${envelope.method} was not delivered`,
      {
        where: this.path,
      },
    );
  }

  #fullError(envelope: Envelope): IrisError {
    const { depth, capacity } = this.mailbox;
    return new IrisError(
      "MAILBOX_FULL",
      `mailbox of ${this.path} is full: ${depth} of ${capacity}; ${envelope.method} returned to its sender`,
      { where: this.path },
    );
  }

  #noSuchMethod(envelope: Envelope): IrisError {
    return new IrisError(
      "NO_SUCH_METHOD",
      `${this.path} has no public method ${JSON.stringify(envelope.method)}; lifecycle hooks, names with a leading _, accessors and fields are none`,
      { where: this.path },
    );
  }

  #mustBePulled(envelope: Envelope): IrisError {
    return new IrisError(
      "INVALID_ARGUMENT",
      `${this.path}.${envelope.method}() streams: iterate over a call, do not tell it`,
      {
        where: this.path,
      },
    );
  }

  #mustBeGenerator(envelope: Envelope): IrisError {
    return new IrisError(
      "FAILED_PRECONDITION",
      `${this.path}.${envelope.method}() returned an async iterable; only a method declared with async * can stream`,
      { where: this.path },
    );
  }
}

function invoke(instance: unknown, method: string, args: readonly unknown[]): unknown {
  return (instance as Record<string, Method>)[method]?.(...args);
}

function isAsyncIterable(value: unknown): boolean {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function earliest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined) return other;
  if (other === undefined) return one;
  return Math.min(one, other);
}
