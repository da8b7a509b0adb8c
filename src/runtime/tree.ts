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

/** A supervisor as it shows itself in the tree. Its path must be a prefix of its children's. */
export interface SupervisorNode {
  readonly path: string;
  readonly state: string;
  /** Restarts of its children that it has ordered. */
  readonly restarts: number;
}

/** An actor as `inspect()` looks at it. */
export interface Inspected {
  readonly path: string;
  readonly state: string;
  readonly incarnation: number;
  readonly inHandCount: number;
  readonly mailbox: { readonly depth: number; readonly capacity: number };
  readonly tally: { snapshot(): MessageCounts };
}

type Growing = Omit<ActorSnapshot, "children"> & { readonly children: Growing[] };

const NO_MESSAGES: MessageCounts = Object.freeze({
  accepted: 0,
  handled: 0,
  failed: 0,
  expired: 0,
  cancelled: 0,
  rejected: 0,
  undeliverable: 0,
  open: 0,
  refused: 0,
});

/**
 * Puts everything that lives under its parent, by path. A parent that nobody told of is a supervisor that keeps to itself;
 * it is shown with what can be known.
 */
export function snapshotTree(actors: Iterable<Inspected>, supervisors: Iterable<SupervisorNode>): ActorSnapshot[] {
  const roots: Growing[] = [];
  const nodes = new Map<string, Growing>();
  const place = (node: Growing): Growing => {
    nodes.set(node.path, node);
    const end = node.path.lastIndexOf("/");
    if (end < 0) roots.push(node);
    else {
      const parent = node.path.slice(0, end);
      const at = nodes.get(parent) ?? place(supervisorNode({ path: parent, state: "running", restarts: 0 }));
      at.children.push(node);
    }
    return node;
  };
  // Shorter paths first, so that no supervisor that does tell of itself is taken for one that does not.
  const told = [...supervisors].sort((one, other) => one.path.length - other.path.length);
  for (const supervisor of told) place(supervisorNode(supervisor));
  for (const actor of actors) {
    place({
      path: actor.path,
      kind: "actor",
      state: actor.state,
      mailbox: { depth: actor.mailbox.depth, capacity: actor.mailbox.capacity },
      inHand: actor.inHandCount,
      restarts: actor.incarnation - 1,
      counts: actor.tally.snapshot(),
      children: [],
    });
  }
  return roots;
}

function supervisorNode({ path, state, restarts }: SupervisorNode): Growing {
  const mailbox = { depth: 0, capacity: 0 };
  return { path, kind: "supervisor", state, mailbox, inHand: 0, restarts, counts: NO_MESSAGES, children: [] };
}
