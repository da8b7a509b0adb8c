/**
 * What a supervisor is told: how to start a child, when to start it again, how to stop it; and what one holds of a
 * running supervisor. The same `ChildSpec` serves actors, services, processes and whole supervisors. Interfaces only:
 * nothing here runs, and a spec may be used many times.
 */
import type { ExitReason } from "../runtime/exit.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { ActorRef } from "../runtime/ref.ts";
import type { ActorSystem } from "../runtime/system.ts";
import type { SupervisionEvent } from "./events.ts";
import type { AutoShutdown, Backoff, Intensity, Restart, Shutdown, Strategy } from "./options.ts";

/** A child that has been started. Its kind knows how to end it; the supervisor knows when. */
export interface RunningChild {
  /** Settles once, when nothing of the child is left, however it ended. */
  readonly ended: Promise<ExitReason>;
  /** Asks it to end and ends it by force after `graceMs` (`Infinity`: never). Resolves when nothing of it is left. */
  stop(why: string, graceMs: number): Promise<ExitReason>;
  /** Ends it at once, also while a `stop` is under way, which then resolves as well. */
  kill(why: string): Promise<ExitReason>;
  /** The supervisor will not start it again: whoever still holds a reference is told why. */
  release?(reason: ExitReason): void;
  readonly ref?: ActorRef<unknown>;
  readonly supervisor?: SupervisorRef;
  /** The operating system's id, for a process. */
  readonly pid?: number;
}

/** What a child is started with. */
export interface ChildEnv {
  readonly system: ActorSystem;
  /** The supervisor's path, a slash, the child's id. */
  readonly path: string;
  readonly logger: Logger;
  /** Aborts when the supervisor no longer wants the start to succeed. */
  readonly signal: AbortSignal;
  /** What `startChild({ args })` of a dynamic supervisor adds to the template's own arguments. */
  readonly args: readonly unknown[];
  /** Its life before this one, when it is a restart: references are taken over from it. */
  readonly previous: { readonly child: RunningChild; readonly reason: ExitReason } | undefined;
  /** Hands events of a nested supervisor on to those who listen to the one above. */
  readonly report: (event: SupervisionEvent) => void;
}

export interface ChildSpec {
  /** Unique among its siblings. */
  readonly id: string;
  /** For people: `actor`, `service`, `process`, `supervisor`, … */
  readonly kind: string;
  readonly restart: Restart;
  readonly shutdownMs: Shutdown;
  /** Whether its end counts for `autoShutdown`. */
  readonly significant: boolean;
  readonly backoff?: Backoff;
  /** Resolves when the child is ready. Rejects, leaving nothing behind, when it cannot start. */
  start(env: ChildEnv): Promise<RunningChild>;
}

/** A supervisor to be: started by `system.start()`, or as a child of another supervisor. */
export interface SupervisorSpec extends ChildSpec {
  readonly name: string;
  readonly strategy: Strategy | "dynamic";
  readonly intensity: Intensity;
  readonly autoShutdown: AutoShutdown;
  readonly children: readonly ChildSpec[];
  /** What children of a `dynamic` supervisor are made of. */
  readonly template?: ChildTemplate;
  /** Starts the tree as a root of `system`; rejects, with nothing left running, when a child does not start. */
  startIn(system: ActorSystem): Promise<SupervisorRef>;
}

/** One spec for all children, with the arguments of `startChild` added to its own; or a function of those arguments. */
export type ChildTemplate = ChildSpec | ((...args: never[]) => ChildSpec);

/** Where a child stands. `restarting`: it has ended and waits for its next start. `stopped`: only its spec is left. */
export type ChildState = "starting" | "running" | "restarting" | "stopping" | "stopped";

export interface ChildInfo {
  readonly id: string;
  readonly kind: string;
  readonly path: string;
  readonly state: ChildState;
  readonly restart: Restart;
  /**
   * How often it was to be started again: after its own end, along with a sibling, or by `restartChild`. Counted when that
   * is decided, so a start that fails and is tried again counts twice.
   */
  readonly restarts: number;
  /** When it last became ready, by the system's clock; absent if it never did. */
  readonly startedAtMs?: number;
  /** How it last ended; absent if it never did. */
  readonly lastExit?: ExitReason;
  readonly ref?: ActorRef<unknown>;
  readonly supervisor?: SupervisorRef;
  readonly pid?: number;
}

export interface Counts {
  /** Children it has a spec of. */
  readonly specs: number;
  /** Children that run. */
  readonly active: number;
  /** Children that are supervisors, and all others, whether they run or not. */
  readonly supervisors: number;
  readonly workers: number;
}

/** A child of a dynamic supervisor: the template's arguments are followed by `args`; without an id it is numbered. */
export interface DynamicChild {
  readonly id?: string;
  readonly args?: readonly unknown[];
}

export interface SupervisorRef extends AsyncDisposable {
  readonly name: string;
  readonly path: string;
  /** Its children, in the order of their start. */
  whichChildren(): ChildInfo[];
  countChildren(): Counts;
  /**
   * Adds a child behind the others and starts it; of a dynamic supervisor, `{ id?, args? }`. Rejects with
   * `ALREADY_EXISTS` for an id that is in use, and with the child's own error if it does not start: then it is not kept.
   */
  startChild(child?: ChildSpec | DynamicChild): Promise<ChildInfo>;
  /** Stops a child within its shutdown time and keeps its spec (not a temporary one's). `NOT_FOUND` for a wrong id. */
  terminateChild(id: string): Promise<void>;
  /** Starts a child again that is stopped. `FAILED_PRECONDITION` if it is not; the child's own error if it fails. */
  restartChild(id: string): Promise<ChildInfo>;
  /** Forgets a child that is stopped. `FAILED_PRECONDITION` if it is not. */
  deleteChild(id: string): Promise<void>;
  /** The actor of that id; valid across its restarts. `NOT_FOUND`, or `FAILED_PRECONDITION` if it is no actor. */
  ref<T>(id: string): ActorRef<T>;
  /** Stops the children in reverse order, each within its own shutdown time, and ends. Twice is harmless. */
  stop(): Promise<ExitReason>;
  readonly ended: Promise<ExitReason>;
  /** What happens from now on, in this supervisor and those below it, until it has ended. Leaving the loop is enough. */
  events(): AsyncIterable<SupervisionEvent>;
}
