/**
 * What a system offers to the actors that live in it and to whoever builds on it: the shape of `ActorSystem`, for the parts
 * that the system itself is built from and that so cannot import it.
 */
import type { AnyActorLogic } from "xstate";
import type { ExitReason } from "./exit.ts";
import type { MachineOptions, MachineRef } from "./machine-ref.ts";
import type { MailboxOptions } from "./mailbox.ts";
import type { Clock } from "./ports/clock.ts";
import type { Logger } from "./ports/logger.ts";
import type { Random } from "./ports/random.ts";
import type { ActorRef, AnyRef, Terminated } from "./ref.ts";
import type { TreeSnapshot } from "./tree.ts";

export interface HostOptions {
  /** Unique among its siblings; default the class's name and a number. Letters, digits and `._~$:@-`, at most 127. */
  name?: string | undefined;
  /** Messages that may be handled at the same time; default what the class says in `static concurrency`, else 1. */
  concurrency?: number | undefined;
  mailbox?: MailboxOptions | undefined;
  /**
   * What a method that throws does to its actor; its caller gets the error either way. `keep`, the default: nothing, since
   * most such errors are the caller's (a bad argument, a missing row) and nobody would restart this actor. `crash`: it ends
   * `crashed`, as actors under a supervisor do, where a fresh start is what one wants after a surprise.
   */
  onMethodError?: "keep" | "crash" | undefined;
}

export interface SpawnOptions<A extends unknown[]> extends HostOptions {
  /** What the constructor is called with. */
  args?: A | undefined;
  /**
   * Whose child it becomes, behind the children that there are: it is started after them, stopped before them, and ends
   * with its supervisor. If that takes no more children, the reference ends `crashed` with the reason. Only for
   * `system.spawn()`.
   */
  supervisor?: SpawnSupervisor | undefined;
  /**
   * Whether the supervisor starts it again when it ends: `temporary`, the default, never; `transient` after an abnormal
   * end; `permanent` always. The reference stays valid across restarts, and where there are any `onMethodError` is `crash`
   * unless said otherwise. Only together with `supervisor`.
   */
  restart?: "permanent" | "transient" | "temporary" | undefined;
}

/** What `spawn` needs of a supervisor; `SupervisorRef` is one. */
export interface SpawnSupervisor {
  readonly path: string;
  /** Rejects when the child does not start. */
  startChild(child: SpawnedChild): Promise<unknown>;
}

/** What `spawn` asks a supervisor to start: a child spec, as far as the runtime knows it. */
export interface SpawnedChild {
  readonly id: string;
  readonly kind: "actor";
  readonly restart: "permanent" | "transient" | "temporary";
  readonly shutdownMs: number;
  readonly significant: false;
  start(env: {
    readonly previous: { readonly reason: ExitReason } | undefined;
    readonly signal: AbortSignal;
  }): Promise<SpawnedActor>;
}

/** One life of such a child. */
export interface SpawnedActor {
  readonly ref: ActorRef<unknown>;
  readonly ended: Promise<ExitReason>;
  stop(why: string, graceMs: number): Promise<ExitReason>;
  kill(why: string): Promise<ExitReason>;
  release(reason: ExitReason): void;
}

/** Something that starts within a system, such as a supervision tree. */
export interface Startable<R> {
  startIn(system: Home): Promise<R>;
}

/** Each is documented at `ActorSystem`. */
export interface Home extends AsyncDisposable {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  spawn<T extends object, A extends unknown[]>(cls: new (...args: A) => T, options?: SpawnOptions<A>): ActorRef<T>;
  host<T extends object>(instance: T, options?: HostOptions): ActorRef<T>;
  spawnMachine<L extends AnyActorLogic>(logic: L, options?: MachineOptions<L>): MachineRef<L>;
  start<R>(tree: Startable<R>): Promise<R>;
  find<T>(path: string): ActorRef<T> | undefined;
  inspect(): TreeSnapshot;
  watch(ref: AnyRef, fn: (end: Terminated) => void): () => void;
  stop(options?: { timeoutMs?: number }): Promise<void>;
}
