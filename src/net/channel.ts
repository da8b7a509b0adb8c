/**
 * What the rest of Iris sees of the network: a `Channel` to call through, a `Target` to be called at. Sessions,
 * reconnecting connections and in-memory links all look like this; what is under them is nobody's business.
 */
import type { ExitReason } from "../runtime/exit.ts";
import type { Codec } from "./wire/iris.ts";

/** Bytes and how to read them. Who has handed them over leaves them as they are: big ones are sent from where they lie. */
export interface Payload {
  readonly codec: Exclude<Codec, "CODEC_UNSPECIFIED">;
  readonly bytes: Uint8Array;
}

export interface ChannelCallOptions {
  /** The call fails with `DEADLINE_EXCEEDED` after so many ms; the other end is told the time that is left. */
  readonly timeoutMs?: number | undefined;
  /** Aborting fails the call with `CANCELLED` and aborts the work at the other end. */
  readonly signal?: AbortSignal | undefined;
  /** Whether running it twice does no harm. */
  readonly idempotent?: boolean | undefined;
  /**
   * Of an idempotent call: the same in each try at it, unlike in any other call of anybody, at most 64 characters. Whoever
   * has run it for an earlier try answers from memory instead of running it again.
   */
  readonly key?: string | undefined;
  /** W3C traceparent to send along. */
  readonly trace?: string | undefined;
}

/** A call's outcome before it is known whether it is one value or many: use it as one of the two, at once. */
export interface Outcome extends Promise<Payload>, AsyncIterable<Payload> {}

/** One way to reach a peer. */
export interface Channel {
  /**
   * Sends a call. Await the outcome for a single answer, or iterate over it for a stream; leaving the loop cancels.
   * Fails with an `IrisError`: the other end's own; `LOST` with `maybeExecuted` when the link broke; `DEADLINE_EXCEEDED`;
   * `CANCELLED`; `UNAVAILABLE` when there is no link and so nothing was sent.
   */
  call(target: string, method: string, payload: Payload, options?: ChannelCallOptions): Outcome;
  /** Sends a call that wants no answer. False if it could not even be queued. */
  tell(target: string, method: string, payload: Payload): boolean;
  /**
   * Calls `fn` once when `target` ends at the other end, at once if nothing is registered under that name, and with
   * `lost` when the link goes first. The function that it returns ends the watch.
   */
  watch?(target: string, fn: (reason: ExitReason) => void): () => void;
}

/** Who is at the other end, as its token proved it. */
export interface Identity {
  /** `user`: holds the cluster's token. `task`: holds a task's token. `anonymous`: none was wanted. */
  readonly kind: "user" | "task" | "anonymous";
  /** Namespace that its endpoints live in. */
  readonly namespace: string;
  /** For a task: which job, task and attempt it is. */
  readonly jobId?: string;
  readonly taskId?: string;
  readonly attemptUid?: string;
}

/** The other end of a session, as a called target sees it. */
export interface Peer {
  readonly identity: Identity;
  /** Remote network address, for logs. */
  readonly address: string;
  /** The way back: sessions are symmetric. */
  readonly channel: Channel;
  /** Aborts when this session is over, with an `IrisError`: `UNAVAILABLE` after a goodbye, `LOST` when it broke. */
  readonly closed: AbortSignal;
}

/** One call that came in. */
export interface InboundCall {
  readonly method: string;
  readonly payload: Payload;
  /** Time left until the caller's deadline, when it came in; absent when there is none. */
  readonly remainingMs: number | undefined;
  /** Aborts when the caller cancels, its deadline passes or its session ends. */
  readonly signal: AbortSignal;
  /** False for a tell: what is returned is dropped, what is thrown is logged. */
  readonly wantsAnswer: boolean;
  /** Of an idempotent call that may have been here before: the same in each try at it. */
  readonly key?: string | undefined;
  readonly trace: string;
  readonly peer: Peer;
}

/** Something that can be called by name through a session. Returning an async iterable streams it, with credit. */
export interface Target {
  handle(call: InboundCall): Promise<Payload> | AsyncIterable<Payload>;
  /** Resolves when the target ends, for those who watch it; without it, it lives as long as its session. */
  readonly ended?: Promise<ExitReason>;
}

/** Looks targets up for a session; `undefined` is answered with `NO_SUCH_ACTOR`. */
export type Targets = (name: string) => Target | undefined;
