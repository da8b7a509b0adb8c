/** What travels between a supervised thread and the process that it belongs to, over a port of their own. */
import type { MessagePort } from "node:worker_threads";

/** What a thread is started with. */
export interface ThreadStart {
  readonly control: MessagePort;
  /** URL of the module. */
  readonly module: string;
  readonly path: string;
  readonly data: unknown;
  readonly args: readonly unknown[];
  readonly port: MessagePort | undefined;
}

export type ToThread =
  | { readonly iris: "stop"; readonly why: string }
  /** Answer, to show that the thread's event loop turns. */
  | { readonly iris: "ping"; readonly look: number };

export type FromThread = { readonly iris: "ready" } | { readonly iris: "pong"; readonly look: number };
