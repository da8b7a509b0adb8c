/** What the module of a supervised thread gets to see of the world around it. */
import type { MessagePort } from "node:worker_threads";

/** What the function that a thread's module exports as `default` is called with. */
export interface ThreadContext {
  readonly path: string;
  /** What the spec's `data` was: a copy. */
  readonly data: unknown;
  /** What `startChild({ args })` of a dynamic supervisor was given. */
  readonly args: readonly unknown[];
  /** Aborts when the thread is to end. What it throws because of that counts as ending when asked. */
  readonly signal: AbortSignal;
  /** The other end of what the spec's `onPort` gets; absent without one. */
  readonly port: MessagePort | undefined;
  /** Lets the supervisor go on with the next child. Calling it again does nothing. */
  ready(): void;
}
