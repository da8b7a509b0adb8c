/**
 * Optional base of actor classes: lifecycle hooks and `this.context`. It holds no machinery; any plain class can be an
 * actor too. Invariant: `context` belongs to one incarnation, and there is none outside a system.
 */
import { IrisError } from "./errors.ts";
import type { ExitReason } from "./exit.ts";
import type { Home, SpawnOptions } from "./home.ts";
import type { ActorRef } from "./ref.ts";

/** An actor's view of itself and of the call in hand. */
export interface ActorContext {
  readonly path: string;
  /** The actor's own reference. Tell through it, or hand it out; a call to oneself waits for oneself and is rejected. */
  readonly self: ActorRef<unknown>;
  readonly system: Home;
  /** Of the call in hand: aborts when its caller cancels, its deadline passes or the actor is killed. In hooks: aborts
   *  when the actor is killed. */
  readonly signal: AbortSignal;
  /** When the caller of the call in hand stops waiting, in the system clock's ms. */
  readonly deadlineAt: number | undefined;
  /** Spawns a child: it ends before this actor does. */
  spawn<T extends object, A extends unknown[]>(
    cls: new (...args: A) => T,
    options?: Omit<SpawnOptions<A>, "supervisor" | "restart">,
  ): ActorRef<T>;
}

/** The context for the actor that is under construction; taken by the first `Actor` constructor that runs. */
let expecting: ActorContext | undefined;
let give: (actor: Actor, context: ActorContext) => void;

export abstract class Actor {
  #context: ActorContext | undefined;

  constructor() {
    this.#context = expecting;
    expecting = undefined;
  }

  /** Nothing is delivered before it resolves; throwing ends the actor as crashed. */
  onStart?(): void | Promise<void>;
  /** Runs when the actor stops or crashes, not when it is killed: after the last message, after its children ended. */
  onStop?(reason: ExitReason): void | Promise<void>;
  /** Runs on the new incarnation, before its `onStart`, with how the previous one ended. */
  onRestart?(reason: ExitReason): void | Promise<void>;

  static {
    give = (actor, context) => {
      actor.#context = context;
    };
  }

  /** Available from the constructor on. Throws `FAILED_PRECONDITION` on an object that no system has taken in. */
  protected get context(): ActorContext {
    if (this.#context === undefined) {
      throw new IrisError(
        "FAILED_PRECONDITION",
        `this ${this.constructor.name} has no context: it was made with new; spawn it, or hand it to system.host()`,
      );
    }
    return this.#context;
  }
}

/** Runs `make`, giving `context` to the `Actor` that it constructs. */
export function constructWith<T extends object>(context: ActorContext, make: () => T): T {
  const outer = expecting;
  expecting = context;
  try {
    return make();
  } finally {
    expecting = outer;
  }
}

/** Gives a context to an actor that was constructed by somebody else. A plain object needs none. */
export function adopt(instance: object, context: ActorContext): void {
  if (instance instanceof Actor) give(instance, context);
}
