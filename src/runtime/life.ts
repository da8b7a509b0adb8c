/**
 * The life of one actor: its place in the actor machine, its instance, hooks, children and grace. It carries out what the
 * machine orders. Not its messages: those are `Cell`'s, which extends this. Invariant: nothing happens to an incarnation
 * that is over; what comes late from it is dropped by number.
 */

import { type ActorAction, type ActorFacts, type ActorState, actorTable } from "./actor.machine.ts";
import type { Blueprint, Hooks } from "./blueprint.ts";
import { CellContext, type ContextSource } from "./cell-context.ts";
import { runAs } from "./context.ts";
import type { Control } from "./control.ts";
import { Envelope, type Receiver } from "./envelope.ts";
import { IrisError, toIrisError } from "./errors.ts";
import { describeExit, type ExitReason, NORMAL } from "./exit.ts";
import type { Home, SpawnOptions } from "./home.ts";
import { RUNTIME_LIMITS } from "./limits.ts";
import type { ControlLane } from "./mailbox.ts";
import { Method } from "./methods.ts";
import type { Clock, TimerHandle } from "./ports/clock.ts";
import type { Logger } from "./ports/logger.ts";
import type { ActorRef } from "./ref.ts";
import { stopInReverse } from "./stop-order.ts";
import { isThenable } from "./thenable.ts";
import type { Inspected } from "./tree.ts";
import type { Turns } from "./turns.ts";
import { Waiting } from "./waiting.ts";

export interface LifeOptions {
  readonly path: string;
  readonly parent: Life | undefined;
  readonly isSupervised: boolean;
  /** Whether messages wait for the next incarnation. */
  readonly retains: boolean;
}

/** Where it lives: what all actors of a system share. `Registry` is it. */
export interface LifeHost {
  readonly system: Home;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly turns: Turns;
  spawn<T extends object, A extends unknown[]>(
    cls: new (...args: A) => T,
    options: SpawnOptions<A> | undefined,
    parent: Life,
  ): ActorRef<T>;
  /** Strikes off an actor that has ended for good. */
  remove(ended: Life): void;
}

/** Stands for whichever hook runs. */
const HOOK = new Method("hook", "hook", undefined);
const NO_ARGS: readonly unknown[] = Object.freeze([]);

export abstract class Life implements Receiver, ContextSource, Inspected, ActorFacts {
  readonly path: string;
  readonly parent: Life | undefined;
  readonly home: LifeHost;
  state: ActorState;
  /** Counts from 1; 0 for a supervised actor that has never been started. */
  incarnation: number;
  children: Set<Life> | undefined;
  blueprint: Blueprint;
  protected instance: object | undefined;
  /** The start hooks of this incarnation are through. */
  protected hasStarted = false;
  /** A supervisor holds the reference. */
  supervised: boolean;
  readonly retains: boolean;
  /** Why this incarnation is ending, from the first word of it on. */
  #exit: ExitReason | undefined;
  /** How the last incarnation ended. */
  #lastExit: ExitReason | undefined;
  /** What `onRestart` is to be told. */
  #previous: ExitReason | undefined;
  #grace: { readonly timer: TimerHandle | undefined; readonly endsAt: number } | undefined;
  #waiting: Waiting | undefined;

  constructor(home: LifeHost, blueprint: Blueprint, options: LifeOptions) {
    this.home = home;
    this.blueprint = blueprint;
    this.path = options.path;
    this.parent = options.parent;
    // A supervised one is down until its supervisor starts it, the first time like every other.
    this.state = options.isSupervised ? "down" : actorTable.initial;
    this.incarnation = options.isSupervised ? 0 : 1;
    this.supervised = options.isSupervised;
    this.retains = options.retains;
  }

  abstract readonly self: ActorRef<unknown>;
  abstract readonly inHandCount: number;
  abstract readonly mailbox: Inspected["mailbox"];
  abstract readonly tally: Inspected["tally"];
  /** Queues a message of the runtime's own, and asks for a turn. */
  protected abstract command(lane: ControlLane, control: Control): void;
  /** Asks for a turn. */
  protected abstract deliver(): void;
  protected abstract closeIntake(): void;
  /** Fails what is in hand: nobody will know what became of it. */
  protected abstract loseInHand(why: string): void;
  /** Queued messages are undeliverable. */
  protected abstract bounce(why: string): void;
  abstract settled(...args: Parameters<Receiver["settled"]>): void;

  get clock(): Clock {
    return this.home.clock;
  }

  get kind(): string {
    return this.blueprint.kind;
  }

  get system(): Home {
    return this.home.system;
  }

  /** This incarnation has ended, and no other has begun. */
  get isOver(): boolean {
    return this.state === "down" || this.state === "ended";
  }

  /** One line on why it takes no messages now. */
  get whyGone(): string {
    const reason = this.#exit ?? this.#lastExit;
    if (reason !== undefined) return describeExit(reason);
    return this.incarnation === 0 ? "not started yet" : "stopping";
  }

  /** How it ended for good. */
  get ended(): Promise<ExitReason> {
    if (this.state === "ended") return Promise.resolve(this.#lastExit ?? NORMAL);
    return this.#awaited().endedForGood;
  }

  /** How the incarnation that lives now ends, or how the last one did. */
  get incarnationEnded(): Promise<ExitReason> {
    if (this.isOver) return Promise.resolve(this.#lastExit ?? NORMAL);
    return this.#awaited().incarnationEnded;
  }

  /** Resolves when this incarnation runs; rejects when it ends before that. To be asked for right after its start. */
  get started(): Promise<void> {
    return this.#awaited().started;
  }

  /** Aborts when this incarnation is over. */
  get lifetime(): AbortSignal {
    return this.#awaited().lifetime;
  }

  #awaited(): Waiting {
    this.#waiting ??= new Waiting();
    return this.#waiting;
  }

  /** Starts the incarnation that is due. */
  start(): void {
    this.command("supervision", { event: "begin", incarnation: this.incarnation });
  }

  /** Starts the next incarnation of a supervised actor; only for one that is down. */
  restart(blueprint: Blueprint, previous: ExitReason | undefined): void {
    if (this.state !== "down") {
      const message = `${this.path} is ${this.state}: a reference takes a new incarnation only when it is down`;
      throw new IrisError("FAILED_PRECONDITION", message, { where: this.path });
    }
    this.blueprint = blueprint;
    this.#previous = previous;
    this.incarnation += 1;
    this.take({ event: "restart", incarnation: this.incarnation });
  }

  stop(reason: ExitReason, graceMs: number): Promise<ExitReason> {
    if (!this.isOver) this.command("stop", { event: "stop", incarnation: this.incarnation, reason, graceMs });
    return this.incarnationEnded;
  }

  kill(why: string): Promise<ExitReason> {
    const reason: ExitReason = { kind: "killed", why };
    if (!this.isOver) this.command("kill", { event: "kill", incarnation: this.incarnation, reason });
    return this.incarnationEnded;
  }

  /** Ends it by an error that no message brought about. */
  crash(thrown: unknown): void {
    const reason: ExitReason = { kind: "crashed", error: toIrisError(thrown, "INTERNAL", this.path) };
    this.command("supervision", { event: "crash", incarnation: this.incarnation, reason });
  }

  /** Ends a supervised actor for good, with `reason`. */
  release(reason: ExitReason): void {
    if (this.state === "ended") return;
    this.supervised = false;
    if (this.state === "down") this.#lastExit = reason;
    this.take({ event: this.state === "down" ? "release" : "kill", incarnation: this.incarnation, reason });
  }

  /** Whether `incarnation` may spawn a child now. A closing actor may not: the child would outlive it. */
  takesChildren(incarnation: number): boolean {
    if (incarnation !== this.incarnation) return false;
    return this.state === "starting" || this.state === "running" || this.state === "stopping";
  }

  spawnChild<T extends object, A extends unknown[]>(
    cls: new (...args: A) => T,
    options?: SpawnOptions<A>,
  ): ActorRef<T> {
    return this.home.spawn(cls, options, this);
  }

  /** Lets the machine decide on an event, and carries out what it orders. */
  protected take(control: Control): void {
    if (control.incarnation !== this.incarnation) return;
    if (control.event === "begin") {
      if (!this.isOver) this.#begin();
      return;
    }
    const step = actorTable.step(this.state, control.event, this);
    if (step === undefined) return;
    this.#noteReason(control);
    this.state = step.state;
    if (control.event === "started") {
      this.hasStarted = true;
      this.#waiting?.onStarted();
    }
    for (const action of step.actions) this.#do(action as ActorAction, control);
  }

  /** A crash is the more telling reason, whatever follows it; else the first word counts, but a kill overrules a stop. */
  #noteReason({ event, reason }: Control): void {
    if (reason === undefined || this.#exit?.kind === "crashed") return;
    if (event === "stop") this.#exit ??= reason;
    else this.#exit = reason;
  }

  #do(action: ActorAction, control: Control): void {
    switch (action) {
      case "start":
        this.start();
        break;
      case "deliver":
        this.deliver();
        break;
      case "closeIntake":
        this.closeIntake();
        break;
      case "armGrace":
        this.#armGrace(control.graceMs ?? RUNTIME_LIMITS.stopGraceMs);
        break;
      case "close":
        void this.#close();
        break;
      case "abandon":
        this.#abandon();
        break;
      case "end":
        this.#end();
        break;
      case "bounce":
        this.bounce(this.whyGone);
        break;
      case "retire":
        this.#retire();
        break;
    }
  }

  #begin(): void {
    const { incarnation } = this;
    const previous = this.#previous;
    this.#previous = undefined;
    const failed = (thrown: unknown) => {
      const reason: ExitReason = { kind: "crashed", error: toIrisError(thrown, "INTERNAL", this.path) };
      this.command("supervision", { event: "failed", incarnation, reason });
    };
    try {
      const instance = this.#make();
      this.instance = instance;
      const starting =
        previous !== undefined && instance.onRestart !== undefined
          ? this.#within(async () => {
              await instance.onRestart?.(previous);
              await instance.onStart?.();
            })
          : instance.onStart && this.#within(() => instance.onStart?.());
      if (isThenable(starting)) {
        starting.then(() => this.command("supervision", { event: "started", incarnation }), failed);
      } else {
        this.take({ event: "started", incarnation });
      }
    } catch (thrown) {
      failed(thrown);
    }
  }

  /** A constructor waits for nothing, so the shared frame does, as long as nobody has taken it in this very turn. */
  #make(): Hooks {
    const { frame } = this.home.turns;
    const make = () => this.blueprint.make(new CellContext(this, this.incarnation));
    if (frame.isTaken) return this.#within(make);
    const hook = this.#hook();
    frame.handling = hook;
    try {
      return make();
    } finally {
      frame.handling = undefined;
      hook.isSettled = true;
    }
  }

  async #close(): Promise<void> {
    const { incarnation } = this;
    const reason = this.#exit ?? NORMAL;
    let failure: ExitReason | undefined;
    if (this.children !== undefined && this.children.size > 0) {
      const why: ExitReason = { kind: "shutdown", why: `its parent ${this.path} ended` };
      await stopInReverse(this.children, why, this.#grace?.endsAt ?? this.clock.now(), this.clock);
    }
    const instance: Hooks | undefined = this.hasStarted ? this.instance : undefined;
    // It may have been killed while its children stopped; then the hook must not run.
    if (instance?.onStop !== undefined && this.state === "closing" && this.incarnation === incarnation) {
      try {
        await this.#within(() => instance.onStop?.(reason));
      } catch (thrown) {
        failure = { kind: "crashed", error: toIrisError(thrown, "INTERNAL", this.path) };
      }
    }
    this.command("supervision", { event: "closed", incarnation, reason: failure });
  }

  /** Whether closing waits for anybody. */
  get #hasToClose(): boolean {
    if (this.children !== undefined && this.children.size > 0) return true;
    return this.hasStarted && (this.instance as Hooks | undefined)?.onStop !== undefined;
  }

  #armGrace(graceMs: number): void {
    if (this.state === "closing" && !this.#hasToClose) return;
    const endsAt = this.clock.now() + graceMs;
    if (this.#grace !== undefined && this.#grace.endsAt <= endsAt) return;
    this.clock.clearTimeout(this.#grace?.timer);
    const { incarnation } = this;
    const reason: ExitReason = { kind: "killed", why: `did not end within ${graceMs} ms` };
    const timer =
      endsAt === Number.POSITIVE_INFINITY
        ? undefined
        : this.clock.setTimeout(() => this.take({ event: "kill", incarnation, reason }), graceMs);
    this.#grace = { timer, endsAt };
  }

  #abandon(): void {
    const reason: ExitReason = { kind: "killed", why: `its parent ${this.path} was killed` };
    for (const child of [...(this.children ?? [])].reverse()) child.killNow(reason);
  }

  /** Ends this actor within this call, so that its parent can say that its children are gone. */
  killNow(reason: ExitReason): void {
    this.take({ event: "kill", incarnation: this.incarnation, reason });
  }

  #end(): void {
    const reason = this.#exit ?? NORMAL;
    this.#lastExit = reason;
    this.#exit = undefined;
    if (this.#grace?.timer !== undefined) this.clock.clearTimeout(this.#grace.timer);
    this.#grace = undefined;
    this.loseInHand(describeExit(reason));
    this.instance = undefined;
    if (reason.kind === "crashed") this.home.logger.error({ path: this.path, error: reason.error }, "actor crashed");
    this.#waiting?.onIncarnationEnded(this.path, this.hasStarted, reason);
    this.hasStarted = false;
  }

  #retire(): void {
    this.parent?.children?.delete(this);
    this.home.remove(this);
    this.#waiting?.onEndedForGood(this.#lastExit ?? NORMAL);
  }

  /** What a hook has in hand, so that calls made in it are known to wait for this actor. */
  #hook(): Envelope {
    return new Envelope(this, HOOK, NO_ARGS, undefined, undefined);
  }

  #within<R>(run: () => R): R {
    const envelope = this.#hook();
    const over = () => {
      envelope.isSettled = true;
    };
    let result: R | undefined;
    try {
      result = runAs(envelope, run);
    } finally {
      if (!isThenable(result)) over();
    }
    if (isThenable(result)) result.then(over, over);
    return result;
  }
}
