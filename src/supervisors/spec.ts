/**
 * What a supervisor is told: how to start a child, when to start it again, how to stop it. The same `ChildSpec` serves
 * actors, services, processes and whole supervisors. Values only: nothing here runs, and a spec may be used many times.
 */
import { IrisError } from "../runtime/errors.ts";
import type { ExitReason } from "../runtime/exit.ts";
import { RUNTIME_LIMITS } from "../runtime/limits.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { ActorRef } from "../runtime/ref.ts";
import type { ActorSystem } from "../runtime/system.ts";
import type { SupervisionEvent } from "./events.ts";
import type { SupervisorRef } from "./ref.ts";

/** What the runtime takes as one segment of a path: children that are actors get theirs from their id. */
const ID = /^[A-Za-z0-9_][A-Za-z0-9._~$:@-]{0,126}$/;

/** `permanent`: always started again. `transient`: only after an abnormal end. `temporary`: never. */
export type Restart = "permanent" | "transient" | "temporary";

/** How long a child may take to end when asked, in ms; `"kill"`: it is not asked; `"infinity"`: as long as it takes. */
export type Shutdown = number | "kill" | "infinity";

export type Strategy = "oneForOne" | "oneForAll" | "restForOne";

/** Whether a supervisor ends by itself when its significant children have. */
export type AutoShutdown = "never" | "anySignificant" | "allSignificant";

/** More than `maxRestarts` restarts within `withinMs` and the supervisor gives up. */
export interface Intensity {
  readonly maxRestarts: number;
  readonly withinMs: number;
}

/** The pause before a child is started again: `minMs`, doubling with each restart in a row up to `maxMs`. */
export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
  /** Part of the pause that is left to chance, 0 (none) to 1 (all of it). Default 0.2. */
  readonly jitter?: number;
  /** A child that has run for so long is healthy: its next pause is `minMs` again. Default `maxMs`. Unit: ms. */
  readonly resetAfterMs?: number;
}

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

/** The options that every kind of child has. */
export interface ChildOptions {
  /** Default `permanent`. */
  restart?: Restart;
  /** Default 5 000 ms. */
  shutdownMs?: Shutdown;
  /** Default false. True needs a supervisor with `autoShutdown`, and a child that is not `permanent`. */
  significant?: boolean;
  /** Default none: it is started again at once. */
  backoff?: Backoff;
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

/** Fills in the options that every kind of child has; throws `INVALID_ARGUMENT` for what cannot be meant. */
export function childBasics(id: string, options: ChildOptions): Omit<ChildSpec, "kind" | "start"> {
  const { restart = "permanent", shutdownMs = RUNTIME_LIMITS.stopGraceMs, significant = false, backoff } = options;
  const basics = { id, restart, shutdownMs, significant, ...(backoff === undefined ? {} : { backoff }) };
  checkBasics(basics);
  return basics;
}

/** Throws `INVALID_ARGUMENT` unless a supervisor could run `spec`; specs may be written by hand, so all of it is checked. */
export function checkChildSpec(spec: ChildSpec, autoShutdown: AutoShutdown): void {
  if (typeof spec !== "object" || spec === null || typeof spec.start !== "function") {
    refuse(
      `${String(spec)} is no child spec: make one with actor(), service(), processChild(), supervise() or dynamic()`,
    );
  }
  checkBasics(spec);
  if (!spec.significant) return;
  if (autoShutdown === "never") {
    refuse(
      `child ${quote(spec.id)} is significant, but its supervisor has autoShutdown "never": set one of them otherwise`,
    );
  }
  if (spec.restart === "permanent") {
    refuse(
      `child ${quote(spec.id)} is significant and permanent, so it would never count: make it transient or temporary`,
    );
  }
}

/** Throws `INVALID_ARGUMENT` unless each child is sound and its id unique. */
export function checkSupervisorSpec(spec: Omit<SupervisorSpec, "startIn" | "start">): void {
  checkId(spec.name, "supervisor name");
  checkBasics(spec);
  oneOf(spec.strategy, ["oneForOne", "oneForAll", "restForOne", "dynamic"], "strategy");
  oneOf(spec.autoShutdown, ["never", "anySignificant", "allSignificant"], "autoShutdown");
  const { maxRestarts, withinMs } = spec.intensity;
  if (!Number.isInteger(maxRestarts) || maxRestarts < 0) {
    refuse(`intensity.maxRestarts is ${maxRestarts}: use a whole number from 0 (never restart)`);
  }
  if (!(Number.isFinite(withinMs) && withinMs > 0)) refuse(`intensity.withinMs is ${withinMs}: use ms above 0`);
  const ids = new Set<string>();
  for (const child of spec.children) {
    checkChildSpec(child, spec.autoShutdown);
    if (ids.has(child.id)) {
      refuse(
        `supervisor ${quote(spec.name)} has two children with id ${quote(child.id)}: ids must differ among siblings`,
      );
    }
    ids.add(child.id);
  }
}

/** Throws `INVALID_ARGUMENT` for an id that could not be one segment of an actor's path. */
export function checkId(id: string, what = "child id"): void {
  if (typeof id === "string" && ID.test(id)) return;
  refuse(
    `${what} ${quote(id)} is not allowed: use 1 to 127 of A-Z a-z 0-9 . _ ~ $ : @ -, beginning with a letter, digit or _`,
  );
}

function checkBasics(spec: Omit<ChildSpec, "kind" | "start">): void {
  checkId(spec.id);
  const of = `of child ${quote(spec.id)}`;
  oneOf(spec.restart, ["permanent", "transient", "temporary"], `restart ${of}`);
  const { shutdownMs, backoff } = spec;
  const sound = shutdownMs === "kill" || shutdownMs === "infinity" || (Number.isFinite(shutdownMs) && shutdownMs >= 0);
  if (!sound) refuse(`shutdownMs ${of} is ${quote(shutdownMs)}: use ms from 0, "kill" or "infinity"`);
  if (backoff !== undefined) checkBackoff(backoff, of);
}

function checkBackoff({ minMs, maxMs, jitter = 0, resetAfterMs = maxMs }: Backoff, of: string): void {
  if (!(Number.isFinite(minMs) && minMs >= 0)) refuse(`backoff.minMs ${of} is ${minMs}: use ms from 0`);
  if (!(Number.isFinite(maxMs) && maxMs >= minMs)) {
    refuse(`backoff.maxMs ${of} is ${maxMs}: use ms not below minMs (${minMs})`);
  }
  if (!(jitter >= 0 && jitter <= 1)) refuse(`backoff.jitter ${of} is ${jitter}: use a part from 0 to 1`);
  if (!(resetAfterMs >= 0)) refuse(`backoff.resetAfterMs ${of} is ${resetAfterMs}: use ms from 0`);
}

function oneOf(value: string, allowed: readonly string[], what: string): void {
  if (!allowed.includes(value)) {
    refuse(`${what} is ${quote(value)}: use one of ${allowed.map((name) => `"${name}"`).join(", ")}`);
  }
}

function quote(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function refuse(message: string): never {
  throw new IrisError("INVALID_ARGUMENT", message);
}
