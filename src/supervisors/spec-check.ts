/** Refuses what a supervisor could not mean, before anything is started: `INVALID_ARGUMENT`, with the value and the way out. */
import { IrisError } from "../runtime/errors.ts";
import { RUNTIME_LIMITS } from "../runtime/limits.ts";
import type { AutoShutdown, Backoff, ChildOptions } from "./options.ts";
import type { ChildSpec, SupervisorSpec } from "./spec.ts";

/** What the runtime takes as one segment of a path: children that are actors get theirs from their id. */
const ID = /^[A-Za-z0-9_][A-Za-z0-9._~$:@-]{0,126}$/;

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
      `${String(spec)} is no child spec: make one with actor(), service(), thread(), processChild(), container(), job(), supervise() or dynamic()`,
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
