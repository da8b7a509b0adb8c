/**
 * What waits for one actor, in four lanes: kill before stop before supervision before user. Only the user lane is
 * bounded; the other three carry the runtime's own few messages and are never refused. Not a scheduler: `Cell` takes
 * from it. Invariant: each lane is first in, first out.
 */
import { Ring } from "./ring.ts";

export interface MailboxOptions {
  /** Messages that may wait; from 1, default 1 024. One more is refused with `MAILBOX_FULL`. */
  capacity?: number | undefined;
  /**
   * What becomes of messages that wait when the actor ends, and of those that come before it is up again, where a
   * supervisor starts it again. `retain`, the default: the next life handles them, in order. `fail`: they are
   * `UNDELIVERABLE`, so that callers know at once. The message in hand is neither: it fails with `maybeExecuted`, and is
   * never run again.
   */
  onRestart?: "retain" | "fail" | undefined;
}

/** In the order in which they are taken. */
export type ControlLane = "kill" | "stop" | "supervision";

const RANK: Readonly<Record<ControlLane, number>> = { kill: 0, stop: 1, supervision: 2 };

export interface Mail {
  /** True once it has ended while still queued (cancelled, expired): its place is free again. */
  readonly isSettled: boolean;
}

export class Mailbox<U extends Mail, C> {
  readonly capacity: number;
  /** The control lanes, in the order in which they are taken; seldom more than two messages, mostly none. */
  #control: { readonly rank: number; readonly message: C }[] | undefined;
  #user: Ring<U> | undefined;
  /** Queued user messages that ended while they waited. */
  #settled = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** User messages that wait to be handled. */
  get depth(): number {
    return (this.#user?.size ?? 0) - this.#settled;
  }

  /** Queues a user message; false when `capacity` of them wait already. */
  offer(message: U): boolean {
    this.#user ??= new Ring();
    if (this.#user.size >= this.capacity) {
      if (this.#settled === 0) return false;
      this.#user.keep((queued) => !queued.isSettled);
      this.#settled = 0;
    }
    this.#user.push(message);
    return true;
  }

  /** Tells that a queued message has ended where it waits; its place can be given away. */
  settledInQueue(): void {
    this.#settled += 1;
  }

  /** The oldest user message that still waits. */
  takeUser(): U | undefined {
    const user = this.#user;
    if (user === undefined) return undefined;
    for (;;) {
      const message = user.shift();
      if (message === undefined || !message.isSettled) return message;
      this.#settled -= 1;
    }
  }

  /** Queues a message of the runtime's own. Never refused. */
  command(lane: ControlLane, message: C): void {
    const rank = RANK[lane];
    this.#control ??= [];
    let index = this.#control.length;
    while (index > 0 && (this.#control[index - 1]?.rank ?? 0) > rank) index -= 1;
    this.#control.splice(index, 0, { rank, message });
  }

  /** The next message of the control lanes, by lane and then by age. */
  takeControl(): C | undefined {
    const next = this.#control?.shift();
    if (this.#control?.length === 0) this.#control = undefined;
    return next?.message;
  }

  get hasControl(): boolean {
    return this.#control !== undefined;
  }

  /** A kill or a stop waits: whoever sends now is too late. */
  get isEnding(): boolean {
    const first = this.#control?.[0];
    return first !== undefined && first.rank <= RANK.stop;
  }
}
