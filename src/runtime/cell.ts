/**
 * One live actor: its mailbox on top of its life. It admits messages or refuses them, hands them to the instance, at
 * most `concurrency` at a time, and counts their ends. Not the reference (that is `LocalRef`). Invariant: each accepted
 * message is settled exactly once, whatever becomes of the actor.
 */
import type { Blueprint } from "./blueprint.ts";
import { type Handling, handlingNow, runAs, type SharedFrame } from "./context.ts";
import type { Control } from "./control.ts";
import type { Door, SendOptions } from "./door.ts";
import { Envelope, type Outcome } from "./envelope.ts";
import type { IrisError } from "./errors.ts";
import { Life, type LifeHost, type LifeOptions } from "./life.ts";
import { LocalRef } from "./local-ref.ts";
import { type ControlLane, Mailbox } from "./mailbox.ts";
import type { Method, Methods } from "./methods.ts";
import type { ActorRef, AnyRef } from "./ref.ts";
import { bounced, gone, mailboxFull, mustBeGenerator, mustBePulled, noSuchMethod, waitsForItself } from "./refusals.ts";
import { MessageStream, type StreamSource } from "./stream.ts";
import { Tally } from "./tally.ts";
import { isThenable } from "./thenable.ts";
import { noteThrown } from "./thrown.ts";
import type { Runnable } from "./turns.ts";

export interface CellOptions extends LifeOptions {
  readonly concurrency: number;
  readonly capacity: number;
  /** Whether a method that throws ends the actor. */
  readonly endsOnThrow: boolean;
}

type Callable = (...args: readonly unknown[]) => unknown;

export class Cell extends Life implements Door, Runnable, StreamSource<Envelope> {
  readonly mailbox: Mailbox<Envelope, Control>;
  readonly concurrency: number;
  isQueued = false;
  ref: AnyRef | undefined;
  readonly #endsOnThrow: boolean;
  /** Made with the first message. */
  #tally: Tally | undefined;
  /** Being handled, and waiting for something. */
  #inHand: Envelope[] | undefined;
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

  get methods(): Methods {
    return this.blueprint.methods;
  }

  get inHandCount(): number {
    return this.#waitingCount + (this.#atOnce === undefined ? 0 : 1);
  }

  /** What it handles this very moment, in the shared frame. */
  get #atOnce(): Envelope | undefined {
    const { handling, isTaken } = this.home.turns.frame;
    const isMine = handling instanceof Envelope && handling.receiver === this && !handling.isHook;
    return isMine && !isTaken ? handling : undefined;
  }

  get #waitingCount(): number {
    return this.#inHand === undefined ? 0 : this.#inHand.length;
  }

  get tally(): Tally {
    this.#tally ??= new Tally();
    return this.#tally;
  }

  // ---- sending

  ask(method: Method, args: readonly unknown[], options: SendOptions | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#admit(new Envelope(this, method, args, resolve, reject), options, handlingNow());
    });
  }

  stream(method: Method, args: readonly unknown[], options: SendOptions | undefined): AsyncIterable<unknown> {
    const deadlineAt = earliest(options?.deadlineAt, handlingNow()?.deadlineAt);
    return new MessageStream(this, (stream) => {
      const envelope = new Envelope(this, method, args, undefined, (error) => stream.fail(error));
      envelope.stream = stream;
      this.#admit(envelope, { ...options, deadlineAt }, handlingNow());
      return envelope;
    });
  }

  tell(method: Method, args: readonly unknown[], options: SendOptions | undefined): unknown {
    return this.#admit(new Envelope(this, method, args, undefined, undefined), options, undefined);
  }

  /** Gives why the message was not taken, if it was not; a caller who waits for its answer is told so by it. */
  #admit(envelope: Envelope, options: SendOptions | undefined, caller: Handling | undefined): IrisError | undefined {
    if (options !== undefined || caller !== undefined) {
      envelope.deadlineAt = earliest(options?.deadlineAt, caller?.deadlineAt);
      envelope.trace = options?.trace ?? caller?.trace;
    }
    if (!this.#takesMessages) return this.#refuse(envelope, this.#gone(envelope));
    const kind = this.#kindOf(envelope.method);
    if (kind === undefined) return this.#reject(envelope, noSuchMethod(this.path, envelope.method.name));
    if (kind === "stream" && envelope.stream === undefined) {
      return this.#reject(envelope, mustBePulled(this.path, envelope.method.name));
    }
    if (caller !== undefined && !caller.isSettled) {
      envelope.caller = caller;
      const cycle = this.#cycle(caller);
      if (cycle !== undefined) return this.#reject(envelope, cycle);
    }
    const signal = options?.signal;
    if (signal?.aborted || this.#isPast(envelope)) {
      this.tally.accepted += 1;
      return signal?.aborted ? envelope.cancel(signal.reason) : envelope.expire();
    }
    if (!this.mailbox.offer(envelope))
      return this.#refuse(envelope, mailboxFull(this.path, this.mailbox, envelope.method.name));
    envelope.place = "queued";
    this.tally.accepted += 1;
    if (signal !== undefined || envelope.deadlineAt !== undefined) envelope.watch(signal);
    if (!this.isQueued && this.#mayHandle) this.home.turns.enqueue(this);
    return undefined;
  }

  #kindOf(method: Method): Method["kind"] {
    return method.owner === this.methods ? method.kind : this.methods.get(method.name);
  }

  /** Never accepted: back to its sender. */
  #refuse(envelope: Envelope, error: IrisError): IrisError {
    this.tally.refused += 1;
    envelope.isSettled = true;
    envelope.reject?.(error);
    return error;
  }

  #reject(envelope: Envelope, error: IrisError): IrisError {
    this.tally.accepted += 1;
    envelope.settle("rejected", error);
    return error;
  }

  get #takesMessages(): boolean {
    if (this.state === "running" && !this.mailbox.hasControl) return true;
    if (this.state === "ended") return false;
    if (this.supervised && this.retains) return true;
    return (this.state === "running" || this.state === "starting") && !this.mailbox.isEnding;
  }

  // ---- handling

  turn(messagesMax: number): number {
    const { mailbox } = this;
    const { frame } = this.home.turns;
    let handled = 0;
    for (;;) {
      if (mailbox.hasControl) {
        this.take(mailbox.takeControl() as Control);
        continue;
      }
      if (handled === messagesMax || frame.isTaken || !this.#mayHandle) break;
      const envelope = mailbox.takeUser();
      if (envelope === undefined) break;
      this.#drainLeft -= 1;
      handled += 1;
      this.#handle(envelope, frame);
    }
    if (this.#isDrained) this.take({ event: "drained", incarnation: this.incarnation });
    return handled;
  }

  get isReady(): boolean {
    return this.mailbox.hasControl || (this.#mayHandle && this.mailbox.depth > 0);
  }

  get #mayHandle(): boolean {
    if (this.#waitingCount >= this.concurrency) return false;
    return this.state === "running" || (this.state === "stopping" && this.hasStarted && this.#drainLeft > 0);
  }

  get #isDrained(): boolean {
    if (this.state !== "stopping" || !this.hasStarted || this.inHandCount > 0) return false;
    return this.#drainLeft <= 0 || this.mailbox.depth === 0;
  }

  #handle(envelope: Envelope, frame: SharedFrame): void {
    if (this.#isPast(envelope)) {
      envelope.place = "on its way";
      envelope.expire();
      return;
    }
    envelope.place = "in hand";
    const { method } = envelope;
    if (method.returns !== "values") {
      this.#handleApart(envelope);
      return;
    }
    frame.handling = envelope;
    let result: unknown;
    try {
      result = invoke(this.instance, method.name, envelope.args);
    } catch (thrown) {
      frame.handling = undefined;
      this.#threw(envelope, thrown);
      return;
    }
    frame.handling = undefined;
    if (!isThenable(result)) {
      this.#returned(envelope, result);
      return;
    }
    method.returns = "promises";
    frame.take(envelope);
    this.#hold(envelope);
    this.#await(envelope, result);
  }

  /** In a frame of its own: for what waits, or has not been seen not to. */
  #handleApart(envelope: Envelope): void {
    const { method } = envelope;
    this.#hold(envelope);
    let result: unknown;
    try {
      result = runAs(envelope, invoke, this.instance, method.name, envelope.args);
    } catch (thrown) {
      this.#threw(envelope, thrown);
      this.#putDown(envelope);
      return;
    }
    if (envelope.stream !== undefined) {
      envelope.stream.open(result as AsyncIterator<unknown>);
      return;
    }
    if (isThenable(result)) {
      method.returns = "promises";
      this.#await(envelope, result);
      return;
    }
    if (method.returns === "not known") method.returns = "values";
    this.#returned(envelope, result);
    this.#putDown(envelope);
  }

  #await(envelope: Envelope, result: PromiseLike<unknown>): void {
    result.then(
      (value) => {
        this.#returned(envelope, value);
        this.#putDown(envelope);
      },
      (thrown) => {
        this.#threw(envelope, thrown);
        this.#putDown(envelope);
      },
    );
  }

  #returned(envelope: Envelope, value: unknown): void {
    if (isAsyncIterable(value)) envelope.settle("failed", mustBeGenerator(this.path, envelope.method.name));
    else envelope.settle("handled", value);
  }

  #threw(envelope: Envelope, thrown: unknown): void {
    if (this.#endsOnThrow && envelope.place === "in hand" && !envelope.isAbortedBy(thrown)) this.crash(thrown);
    noteThrown(thrown);
    envelope.settle("failed", thrown);
  }

  #hold(envelope: Envelope): void {
    this.#inHand ??= [];
    this.#inHand.push(envelope);
  }

  /** The place is free for the next message. One that its incarnation did not survive is not in hand any more. */
  #putDown(envelope: Envelope): void {
    if (envelope.place !== "in hand") return;
    envelope.place = "on its way";
    const held = this.#inHand ?? [];
    const last = held.pop();
    if (last !== envelope && last !== undefined) held[held.indexOf(envelope)] = last;
    if (this.isReady || this.#isDrained) this.home.turns.enqueue(this);
  }

  // ---- what a stream needs (StreamSource)

  within<R>(envelope: Envelope, step: () => Promise<R>): Promise<R> {
    return runAs(envelope, step);
  }

  over(envelope: Envelope, end: { threw: boolean; error: unknown }): void {
    if (end.threw) {
      this.#threw(envelope, end.error);
      this.#putDown(envelope);
      return;
    }
    envelope.settle("handled", undefined);
    this.#putDown(envelope);
  }

  // ---- what a message needs (Receiver), and what the life orders

  settled(envelope: Envelope, outcome: Outcome, value: unknown): void {
    this.tally[outcome] += 1;
    if (envelope.place === "queued") this.mailbox.settledInQueue();
    if (envelope.isTell && outcome === "failed") {
      this.home.logger.warn({ path: this.path, method: envelope.method.name, error: value }, "a told method failed");
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
    const lost = this.#inHand?.splice(0) ?? [];
    const atOnce = this.#atOnce;
    if (atOnce !== undefined) lost.push(atOnce);
    for (const envelope of lost) {
      envelope.lose(why);
      envelope.place = "on its way";
    }
  }

  protected bounce(why: string): void {
    for (;;) {
      const envelope = this.mailbox.takeUser();
      if (envelope === undefined) return;
      envelope.place = "on its way";
      envelope.settle("undeliverable", bounced(this.path, why, envelope.method.name));
    }
  }

  // ---- what is wrong with a message

  #isPast(envelope: Envelope): boolean {
    return envelope.deadlineAt !== undefined && envelope.deadlineAt <= this.clock.now();
  }

  #gone(envelope: Envelope): IrisError {
    const verb = this.state === "ended" ? "has ended" : this.state === "down" ? "is down" : "is ending";
    return gone(this.path, verb, this.whyGone, envelope.method.name);
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
        return waitsForItself(way, this.path);
      }
    }
    return undefined;
  }
}

function invoke(instance: unknown, method: string, args: readonly unknown[]): unknown {
  const callable = instance as Record<string, Callable>;
  switch (args.length) {
    case 0:
      return callable[method]?.();
    case 1:
      return callable[method]?.(args[0]);
    default:
      return callable[method]?.(...args);
  }
}

function isAsyncIterable(value: unknown): boolean {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function earliest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined) return other;
  if (other === undefined) return one;
  return Math.min(one, other);
}
