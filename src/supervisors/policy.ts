/**
 * What follows when a child has ended (pure). The whole of OTP's meaning of supervision is here; acting on it is
 * `supervisor.ts`. A start that failed is decided on in the same way, as a crash.
 *
 *               | normal    shutdown  killed    crashed   lost
 *   permanent   | restart   restart   restart   restart   restart
 *   transient   | leave     leave     restart   restart   restart
 *   temporary   | forget    forget    forget    forget    forget
 *
 * `restart` takes siblings along, by strategy and by who of the children a, b, c has ended: those before the arrow are
 * stopped, those behind it are started, in this order, whether they ran before or not. Temporary siblings are stopped
 * like the others, but then forgotten.
 *
 *               | a         b         c
 *   oneForOne   | →a        →b        →c
 *   oneForAll   | cb→abc    ca→abc    ba→abc
 *   restForOne  | cb→abc    c→bc      →c
 *   dynamic     | →a        →b        →c
 *
 * `leave` keeps the spec, `forget` drops it. Either may end the supervisor: when the child is significant, and is the
 * first or the last of those that are.
 *
 *                   | plain     first     last
 *   never           | stays     stays     stays
 *   anySignificant  | stays     ends      ends
 *   allSignificant  | stays     stays     ends
 */
import { type ExitReason, isAbnormal } from "../runtime/exit.ts";
import type { AutoShutdown, Backoff, Intensity, Restart, Strategy } from "./options.ts";

/** What of a supervisor's options decides. */
export interface Flags {
  readonly strategy: Strategy | "dynamic";
  readonly intensity: Intensity;
  readonly autoShutdown: AutoShutdown;
}

/** A child as the decision sees it. */
export interface ChildView {
  readonly id: string;
  readonly restart: Restart;
  readonly significant: boolean;
  /** Whether it runs, or is to run again: not for one that was stopped, or ended and was left. */
  readonly active: boolean;
  /** Whether there is something to stop: not while it waits for its next start. */
  readonly running: boolean;
}

export type Decision =
  | {
      readonly kind: "restart";
      /** Siblings to stop, in this order: the reverse of their start. */
      readonly stop: readonly string[];
      /** Of those stopped, the ones whose spec goes too. */
      readonly forget: readonly string[];
      /** To start, in this order, the ended one among them. */
      readonly start: readonly string[];
      /** How many took place within the window, this one included. */
      readonly restarts: number;
    }
  /** Too many restarts: the supervisor ends. */
  | { readonly kind: "give-up"; readonly restarts: number }
  | { readonly kind: "leave" }
  | { readonly kind: "forget" }
  /** A significant child has ended for good: the supervisor ends as well, having left or forgotten the child. */
  | { readonly kind: "shut-down"; readonly first: "leave" | "forget" };

/** Whether a child that ended for this reason is to run again: the grid above. */
function verdict(restart: Restart, reason: ExitReason): "restart" | "leave" | "forget" {
  if (restart === "temporary") return "forget";
  if (restart === "permanent" || isAbnormal(reason)) return "restart";
  return "leave";
}

/**
 * Decides what follows after `exited` ended by itself, or did not start. `children` are all of the supervisor's, in the
 * order of their start, `exited` among them; `restartsBefore` counts the restarts that the window holds without this one.
 */
export function decide(
  flags: Flags,
  children: readonly ChildView[],
  exited: string,
  reason: ExitReason,
  restartsBefore: number,
): Decision {
  const index = children.findIndex((child) => child.id === exited);
  const child = children[index];
  if (child === undefined) return { kind: "forget" };
  const outcome = verdict(child.restart, reason);
  if (outcome !== "restart") {
    return endsSupervisor(flags.autoShutdown, child, children)
      ? { kind: "shut-down", first: outcome }
      : { kind: outcome };
  }
  const restarts = restartsBefore + 1;
  if (restarts > flags.intensity.maxRestarts) return { kind: "give-up", restarts };
  const group =
    flags.strategy === "oneForAll" ? children : flags.strategy === "restForOne" ? children.slice(index) : [child];
  const siblings = group.filter((other) => other !== child);
  return {
    kind: "restart",
    stop: stopOrder(siblings),
    forget: siblings.filter(isTemporary).map(idOf),
    start: group.filter((other) => !isTemporary(other)).map(idOf),
    restarts,
  };
}

/** Those of `children` that run, the one started last first. */
export function stopOrder(children: readonly ChildView[]): string[] {
  return children
    .filter((child) => child.running)
    .map(idOf)
    .reverse();
}

/**
 * The pause before a child's next start, in ms: none without a backoff. `streak` counts its restarts in a row, from 0;
 * `chance` is in [0, 1). Jitter only shortens, so that `maxMs` is kept.
 */
export function backoffDelayMs(backoff: Backoff | undefined, streak: number, chance: number): number {
  if (backoff === undefined) return 0;
  const { minMs, maxMs, jitter = 0.2 } = backoff;
  // 2 ** 1024 is Infinity, and 0 * Infinity is NaN: a pause that begins at nothing stays nothing.
  const fullMs = minMs === 0 ? 0 : Math.min(maxMs, minMs * 2 ** streak);
  return fullMs * (1 - jitter * chance);
}

/** Whether a child that ran for `ranMs` counts as healthy, so that its next pause is the shortest again. */
export function wasHealthy(backoff: Backoff | undefined, ranMs: number): boolean {
  return backoff !== undefined && ranMs >= (backoff.resetAfterMs ?? backoff.maxMs);
}

function endsSupervisor(autoShutdown: AutoShutdown, child: ChildView, all: readonly ChildView[]): boolean {
  if (!child.significant || autoShutdown === "never") return false;
  return (
    autoShutdown === "anySignificant" || !all.some((other) => other !== child && other.significant && other.active)
  );
}

function isTemporary(child: ChildView): boolean {
  return child.restart === "temporary";
}

function idOf(child: ChildView): string {
  return child.id;
}
