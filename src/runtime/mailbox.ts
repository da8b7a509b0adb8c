/**
 * What waits for one actor, in four lanes: kill before stop before supervision before user. Only the user lane is
 * bounded; the other three carry the runtime's own few messages and are never refused. Not a scheduler: `Cell` takes
 * from it. Invariant: each lane is first in, first out.
 */

export interface MailboxOptions {
  /** Messages that may wait; from 1, default 1 024. One more is refused with `MAILBOX_FULL`. */
  capacity?: number | undefined;
}

/** In the order in which they are taken. */
export type ControlLane = "kill" | "stop" | "supervision";

const RANK: Readonly<Record<ControlLane, number>> = { kill: 0, stop: 1, supervision: 2 };
/** Slots that a ring starts with; doubled when they run out. Most mailboxes never hold more than a few. */
const RING_SLOTS_MIN = 8;

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

/** A growing ring buffer: push and shift without moving what lies between. */
class Ring<T> {
  #slots: (T | undefined)[] = new Array(RING_SLOTS_MIN).fill(undefined);
  #head = 0;
  size = 0;

  push(item: T): void {
    if (this.size === this.#slots.length) this.#resize(this.size * 2);
    this.#slots[(this.#head + this.size) & (this.#slots.length - 1)] = item;
    this.size += 1;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.size -= 1;
    return item;
  }

  /** Drops what does not pass, keeping the order of the rest. */
  keep(passes: (item: T) => boolean): void {
    for (let left = this.size; left > 0; left--) {
      const item = this.shift() as T;
      if (passes(item)) this.push(item);
    }
  }

  #resize(slots: number): void {
    const grown: (T | undefined)[] = new Array(slots).fill(undefined);
    for (let index = 0; index < this.size; index++) {
      grown[index] = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
    }
    this.#slots = grown;
    this.#head = 0;
  }
}
