/** How a child or a supervisor is to be treated, in words and numbers. What they mean is in `policy.ts`. */

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
