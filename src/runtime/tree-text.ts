/**
 * A system's tree as text, for people: one line for each thing that lives, below what holds it (pure). Not a format to
 * parse: programs read the snapshot itself.
 */
import type { ActorSnapshot, TreeSnapshot } from "./tree.ts";

interface Line {
  /** Branches and name. */
  readonly label: string;
  readonly node: ActorSnapshot;
}

/**
 * What `system.inspect()` gave, as lines without a newline at the end: name, kind, state, then what is worth a word, such
 * as restarts and messages that wait.
 *
 *     shop
 *     └─ front     supervisor  running
 *        ├─ cart   actor       running  2 restarts, 3 of 1024 messages wait
 *        └─ clock  service     restarting
 */
export function formatTree({ name, roots }: TreeSnapshot): string {
  const lines = linesBelow(roots, "", (root) => root.path);
  const labelWidth = Math.max(0, ...lines.map(({ label }) => label.length));
  const kindWidth = Math.max(0, ...lines.map(({ node }) => node.kind.length));
  const stateWidth = Math.max(0, ...lines.map(({ node }) => node.state.length));
  const rows = lines.map(({ label, node }) => {
    const row = [label.padEnd(labelWidth), node.kind.padEnd(kindWidth), node.state.padEnd(stateWidth), notesOn(node)];
    return row.join("  ").trimEnd();
  });
  return [name, ...rows].join("\n");
}

function linesBelow(nodes: readonly ActorSnapshot[], before: string, nameOf: (node: ActorSnapshot) => string): Line[] {
  return nodes.flatMap((node, index) => {
    const isLast = index === nodes.length - 1;
    // Below its parent a thing is known by what its path adds to the parent's.
    const below = linesBelow(node.children, `${before}${isLast ? "   " : "│  "}`, (child) =>
      child.path.startsWith(`${node.path}/`) ? child.path.slice(node.path.length + 1) : child.path,
    );
    return [{ label: `${before}${isLast ? "└─" : "├─"} ${nameOf(node)}`, node }, ...below];
  });
}

function notesOn({ restarts, mailbox, inHand }: ActorSnapshot): string {
  const notes: string[] = [];
  if (restarts > 0) notes.push(restarts === 1 ? "1 restart" : `${restarts} restarts`);
  if (inHand > 0) notes.push(`${inHand} in hand`);
  if (mailbox.depth > 0) notes.push(`${mailbox.depth} of ${mailbox.capacity} messages wait`);
  return notes.join(", ");
}
