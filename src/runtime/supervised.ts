/**
 * The seam for supervisors: actors whose reference outlives them. `startSupervised` brings up one incarnation; when that
 * has ended the reference is *down*, keeping (or refusing) what is sent to it, until the next incarnation is bound to it
 * or `release` ends it for good. Whoever starts an actor here must in the end release its reference.
 */
import { Cell } from "./cell.ts";
import { IrisError, toIrisError } from "./errors.ts";
import type { ExitReason } from "./exit.ts";
import type { Home, SpawnedChild, SpawnOptions, SpawnSupervisor } from "./home.ts";
import { RUNTIME_LIMITS } from "./limits.ts";
import { LocalRef } from "./local-ref.ts";
import type { MailboxOptions } from "./mailbox.ts";
import type { ActorRef } from "./ref.ts";
import { blueprintOf, checkCapacity, checkConcurrency, concurrencyOf, type Registry, registryOf } from "./registry.ts";

export interface SupervisedActor<T> {
  /** Valid across incarnations; the same one that was passed in, if one was. */
  readonly ref: ActorRef<T>;
  /** How this incarnation ended. Never rejects. */
  readonly ended: Promise<ExitReason>;
  /** Ends this incarnation with `shutdown`, as `ref.stop` does; the reference is down afterwards, not ended. */
  stop(why: string, graceMs: number): Promise<ExitReason>;
  /** Ends this incarnation at once with `killed`. */
  kill(why: string): Promise<ExitReason>;
}

export interface SupervisedOptions<T, A extends unknown[]> {
  /** Full path, the supervisor's own path first. */
  path: string;
  args: A;
  /** The reference of the previous incarnation, to be bound to this one. */
  ref?: ActorRef<T> | undefined;
  /** How the previous incarnation ended: handed to `onRestart`. */
  previous?: ExitReason | undefined;
  concurrency?: number | undefined;
  mailbox?: MailboxOptions | undefined;
  /** As for `spawn`, but default `crash`: the supervisor is there to decide. */
  onMethodError?: "keep" | "crash" | undefined;
  /** Aborting calls the start off: an incarnation that has not started yet is killed, and the start rejects. */
  signal?: AbortSignal | undefined;
}

/**
 * Starts an actor under a supervisor. Resolves once `onStart` has; rejects with the `IrisError` that crashed it if its
 * constructor or a start hook throws. Then `ref`, if one was passed, is down again and can be tried again. What a method
 * throws ends a supervised actor (`crashed`): its caller gets the error, its supervisor decides.
 */
export async function startSupervised<T extends object, A extends unknown[]>(
  system: Home,
  cls: new (...args: A) => T,
  options: SupervisedOptions<T, A>,
): Promise<SupervisedActor<T>> {
  const registry = registryOf(system);
  registry.checkOpen();
  const { ref, signal } = options;
  const cell = ref === undefined ? addCell(registry, cls, options) : cellOf(ref);
  cell.restart(blueprintOf(cls, options.args), options.previous);
  const ended = cell.incarnationEnded;
  const { incarnation } = cell;
  const callOff = () => void cell.kill("its start was called off");
  if (signal?.aborted) callOff();
  signal?.addEventListener("abort", callOff, { once: true });
  try {
    await cell.started;
  } catch (error) {
    // The first start: nobody but the caller knows the reference, and the caller never gets it.
    if (ref === undefined) cell.release(await ended);
    throw error;
  } finally {
    signal?.removeEventListener("abort", callOff);
  }
  const isCurrent = () => cell.incarnation === incarnation;
  return {
    ref: LocalRef.of<T>(cell),
    ended,
    stop: (why, graceMs) => (isCurrent() ? cell.stop({ kind: "shutdown", why }, graceMs) : ended),
    kill: (why) => (isCurrent() ? cell.kill(why) : ended),
  };
}

/**
 * Spawns an actor as a child of `supervisor` and gives its reference at once; what is sent to it waits until it has
 * started. If the supervisor cannot start it, the reference ends `crashed`. Throws as `system.spawn` does.
 */
export function spawnUnder<T extends object, A extends unknown[]>(
  system: Home,
  cls: new (...args: A) => T,
  supervisor: SpawnSupervisor,
  options: SpawnOptions<A>,
): ActorRef<T> {
  const { args = [] as unknown[] as A, restart = "temporary", concurrency, mailbox } = options;
  const { onMethodError = restart === "temporary" ? "keep" : "crash" } = options;
  const registry = registryOf(system);
  const path = registry.pathFor(options.name, cls, supervisor.path);
  const cell = addCell(registry, cls, { path, args, concurrency, mailbox, onMethodError });
  const ref = LocalRef.of<T>(cell);
  const child: SpawnedChild = {
    id: path.slice(supervisor.path.length + 1),
    kind: "actor",
    restart,
    shutdownMs: RUNTIME_LIMITS.stopGraceMs,
    significant: false,
    async start({ previous, signal }) {
      const running = await startSupervised(system, cls, { path, args, ref, previous: previous?.reason, signal });
      return { ...running, release: (reason) => release(ref, reason) };
    },
  };
  supervisor.startChild(child).catch((error: unknown) => {
    release(ref, { kind: "crashed", error: toIrisError(error, "INTERNAL", path) });
  });
  return ref;
}

/**
 * Ends a supervised reference for good: watchers are told `reason`, what is queued is undeliverable, later calls fail at
 * once. An incarnation that still lives is killed. Safe to call again.
 */
export function release(ref: ActorRef<unknown>, reason: ExitReason): void {
  cellOf(ref).release(reason);
}

function addCell<T extends object, A extends unknown[]>(
  registry: Registry,
  cls: new (...args: A) => T,
  options: SupervisedOptions<T, A>,
): Cell {
  const { onRestart = "retain", capacity = RUNTIME_LIMITS.mailboxMessages } = options.mailbox ?? {};
  return registry.addSupervised(options.path, blueprintOf(cls, options.args), {
    concurrency: checkConcurrency(options.concurrency ?? concurrencyOf(cls)),
    capacity: checkCapacity(capacity),
    endsOnThrow: options.onMethodError !== "keep",
    retains: onRestart === "retain",
  });
}

function cellOf(ref: ActorRef<unknown>): Cell {
  const door = LocalRef.doorOf(ref);
  if (door instanceof Cell) return door;
  throw new IrisError("INVALID_ARGUMENT", `${ref.path} is no actor of this process`);
}
