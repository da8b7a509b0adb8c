/** What `inspect()` shows: the live tree as plain data, parents holding their children. */

/**
 * What became of the messages of one actor. `accepted` is the sum of the six ends and of what is `open`; `refused` were
 * never accepted (mailbox full, actor stopping or ended) and went back to their senders.
 */
export interface MessageCounts {
  readonly accepted: number;
  /** Answered, or for a tell done. */
  readonly handled: number;
  /** The method threw, or the actor ended while it ran. */
  readonly failed: number;
  /** The deadline passed first. */
  readonly expired: number;
  /** The caller gave up first. */
  readonly cancelled: number;
  /** Asked for a method that is none, or for a call that would wait for itself. */
  readonly rejected: number;
  /** The actor ended before it came to it. */
  readonly undeliverable: number;
  /** Queued or in hand, and not ended yet. */
  readonly open: number;
  readonly refused: number;
}

export interface ActorSnapshot {
  readonly path: string;
  /** `actor`, `machine`, `supervisor`, or what else a supervisor looks after: `service`, `process`, … */
  readonly kind: string;
  /** State of its machine: `starting`, `running`, `stopping`, `closing`, `down` (between two incarnations). */
  readonly state: string;
  readonly mailbox: { readonly depth: number; readonly capacity: number };
  /** Messages that are being handled now. */
  readonly inHand: number;
  readonly restarts: number;
  readonly counts: MessageCounts;
  readonly children: readonly ActorSnapshot[];
}

export interface TreeSnapshot {
  readonly name: string;
  readonly timeMs: number;
  readonly roots: readonly ActorSnapshot[];
}

/** An actor as `inspect()` looks at it. */
export interface Inspected {
  readonly path: string;
  readonly kind: string;
  readonly state: string;
  readonly incarnation: number;
  readonly inHandCount: number;
  readonly mailbox: { readonly depth: number; readonly capacity: number };
  readonly tally: { snapshot(): MessageCounts };
  readonly children: Iterable<Inspected> | undefined;
}

/** An actor and the actors that it spawned, as they are now. */
export function snapshotActor(actor: Inspected): ActorSnapshot {
  return {
    path: actor.path,
    kind: actor.kind,
    state: actor.state,
    mailbox: { depth: actor.mailbox.depth, capacity: actor.mailbox.capacity },
    inHand: actor.inHandCount,
    restarts: Math.max(0, actor.incarnation - 1),
    counts: actor.tally.snapshot(),
    children: Array.from(actor.children ?? [], snapshotActor),
  };
}

/** A tree below a system that is no actor itself: a supervisor's. */
export interface Branch {
  /** Name in the system, unique among its branches. */
  readonly path: string;
  /** What is there now; `find` gives the snapshot of an actor of the system by its path. */
  snapshot(find: (path: string) => ActorSnapshot | undefined): ActorSnapshot;
  /** Ends all of it; resolves when nothing is left. */
  stop(): Promise<unknown>;
  /** Ends all of it by force, also while it is being stopped; resolves when nothing is left. */
  kill(why: string): Promise<unknown>;
}
