/** What an actor is made from: kept by its cell, since a supervisor may want it made again. */
import type { ActorContext } from "./actor.ts";
import type { ExitReason } from "./exit.ts";
import type { Methods } from "./methods.ts";

export interface Blueprint {
  /** For `inspect()`. */
  readonly kind: "actor" | "machine";
  /** The public methods, known before there is an instance. */
  readonly methods: Methods;
  /** Gives an instance; runs as often as the actor is started. */
  make(context: ActorContext): object;
}

/** The lifecycle hooks, which any class may have; `Actor` documents them. */
export interface Hooks {
  onStart?(): unknown;
  onStop?(reason: ExitReason): unknown;
  onRestart?(reason: ExitReason): unknown;
}
