/** What one holds of a running supervisor: questions about its children, and orders that it carries out one by one. */
import type { ExitReason } from "../runtime/exit.ts";
import type { ActorRef } from "../runtime/ref.ts";
import type { SupervisionEvent } from "./events.ts";
import type { ChildSpec, Restart } from "./spec.ts";

/** Where a child stands. `restarting`: it has ended and waits for its next start. `stopped`: only its spec is left. */
export type ChildState = "starting" | "running" | "restarting" | "stopping" | "stopped";

export interface ChildInfo {
  readonly id: string;
  readonly kind: string;
  readonly path: string;
  readonly state: ChildState;
  readonly restart: Restart;
  /** How often it was started again since the supervisor has had it. */
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
  startChild(child: ChildSpec | DynamicChild): Promise<ChildInfo>;
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
