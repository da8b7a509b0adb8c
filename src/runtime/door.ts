/** The side of an actor that references and proxies talk to. `Cell` is the one that stands behind it. */
import type { ExitReason } from "./exit.ts";
import type { Method, Methods } from "./methods.ts";
import type { Clock } from "./ports/clock.ts";
import type { AnyRef } from "./ref.ts";

/** How a message is sent. */
export interface SendOptions {
  /** Absolute, in the clock's ms. */
  readonly deadlineAt?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly trace?: string | undefined;
}

export interface Door {
  readonly path: string;
  readonly clock: Clock;
  /** The public methods; one map per class. */
  readonly methods: Methods;
  readonly ended: Promise<ExitReason>;
  /** The one reference to it; made by `LocalRef.of`. */
  ref: AnyRef | undefined;
  /** Sends a call that wants one answer. Never throws. */
  ask(method: Method, args: readonly unknown[], options: SendOptions | undefined): Promise<unknown>;
  /** Makes a call to an async generator; it is sent when first pulled, though its deadline counts from now. */
  stream(method: Method, args: readonly unknown[], options: SendOptions | undefined): AsyncIterable<unknown>;
  /** Sends a message that wants no answer. Gives why it was refused, if it was. Never throws. */
  tell(method: Method, args: readonly unknown[], options: SendOptions | undefined): unknown;
  stop(reason: ExitReason, graceMs: number): Promise<ExitReason>;
}
