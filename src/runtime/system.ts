/**
 * The home of the actors of one process: it spawns them, finds them, shows them and ends them. It is handed its clock,
 * chance and log, and has no other ties to the world. Invariant: when `stop()` has resolved, nothing in it lives.
 */

import type { AnyActorLogic } from "xstate";
import { IrisError } from "./errors.ts";
import type { Home, HostOptions, SpawnOptions, Startable } from "./home.ts";
import { RUNTIME_LIMITS } from "./limits.ts";
import { LocalRef } from "./local-ref.ts";
import type { MachineOptions, MachineRef } from "./machine-ref.ts";
import { type Clock, systemClock } from "./ports/clock.ts";
import { type Logger, silentLogger } from "./ports/logger.ts";
import { type Random, systemRandom } from "./ports/random.ts";
import type { ActorRef, AnyRef, Terminated } from "./ref.ts";
import { openRegistry, registryOf } from "./registry.ts";
import { spawnUnder } from "./supervised.ts";
import type { TreeSnapshot } from "./tree.ts";

export interface ActorSystemOptions {
  /** For people; default `iris`. */
  name?: string | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  logger?: Logger | undefined;
}

export class ActorSystem implements Home {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;

  constructor(options: ActorSystemOptions = {}) {
    this.name = options.name ?? "iris";
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.logger = options.logger ?? silentLogger;
    openRegistry(this);
  }

  /**
   * Makes an actor of a class and gives its reference at once. The constructor and `onStart` run afterwards; if they throw,
   * the actor ends `crashed`, and what was sent to it is undeliverable. Throws `INVALID_ARGUMENT` for a bad option,
   * `ALREADY_EXISTS` for a name in use, `FAILED_PRECONDITION` after `stop()`.
   */
  spawn<T extends object, A extends unknown[]>(cls: new (...args: A) => T, options?: SpawnOptions<A>): ActorRef<T> {
    if (options?.supervisor !== undefined) return spawnUnder(this, cls, options.supervisor, options);
    if (options?.restart !== undefined) {
      throw new IrisError("INVALID_ARGUMENT", `restart is "${options.restart}", but there is no supervisor to do it`);
    }
    return registryOf(this).spawn(cls, options, undefined);
  }

  /** Makes an actor of an object that exists. From now on nobody else should call its methods. Throws as `spawn` does. */
  host<T extends object>(instance: T, options?: HostOptions): ActorRef<T> {
    return registryOf(this).host(instance, options);
  }

  /**
   * Runs an XState machine as an actor. It starts right afterwards; when it reaches a final state the actor ends `normal`,
   * when it errs `crashed`. Throws as `spawn` does.
   */
  spawnMachine<L extends AnyActorLogic>(logic: L, options?: MachineOptions<L>): MachineRef<L> {
    return registryOf(this).spawnMachine(logic, options);
  }

  /** Starts a supervision tree, which the system then shows and stops. Rejects as the tree's start does. */
  async start<R>(tree: Startable<R>): Promise<R> {
    registryOf(this).checkOpen();
    return tree.startIn(this);
  }

  /** The actor that lives at `path`; `undefined` once it has ended. */
  find<T>(path: string): ActorRef<T> | undefined {
    const cell = registryOf(this).find(path);
    return cell === undefined ? undefined : LocalRef.of<T>(cell);
  }

  /** Everything that lives, as plain data: state, mailbox depth, restarts, counts. A copy; it does not change. */
  inspect(): TreeSnapshot {
    return { name: this.name, timeMs: this.clock.now(), roots: registryOf(this).inspect() };
  }

  /**
   * Calls `fn` exactly once, on an empty stack, when the actor behind `ref` has ended for good; also when it had already.
   * Restarts by a supervisor are no end. Gives a function that stops watching.
   */
  watch(ref: AnyRef, fn: (end: Terminated) => void): () => void {
    let isWatching = true;
    void ref.ended.then((reason) => {
      if (!isWatching) return;
      try {
        fn({ path: ref.path, ref, reason });
      } catch (error) {
        this.logger.error({ path: ref.path, error }, "a watcher threw");
      }
    });
    return () => {
      isWatching = false;
    };
  }

  /**
   * Stops the roots, the last spawned first, each with the time that is left of `timeoutMs` (default 5 000); what has not
   * ended then is killed. Resolves when nothing lives. Safe to call again: the first call's time counts.
   */
  async stop(options: { timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs = RUNTIME_LIMITS.stopGraceMs } = options;
    if (!(timeoutMs >= 0)) {
      throw new IrisError("INVALID_ARGUMENT", `timeoutMs is ${timeoutMs}: wanted milliseconds, 0 or more`);
    }
    await registryOf(this).stop(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
