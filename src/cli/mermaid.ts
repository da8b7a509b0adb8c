/** Draws a machine as a Mermaid state diagram (pure). */
import type { AnyStateMachine } from "xstate";

/** The diagram's text. Transitions carry their event, and the guard in brackets. */
export function mermaid(machine: AnyStateMachine): string {
  const lines = ["stateDiagram-v2"];
  for (const target of machine.root.initial.target) lines.push(`  [*] --> ${nodeName(target.key)}`);
  for (const [name, node] of Object.entries(machine.root.states)) {
    for (const [event, transitions] of node.transitions) {
      for (const { target, guard } of transitions) {
        const to = target?.[0]?.key ?? name;
        const label = guard === undefined ? event : `${event} [${guardName(guard)}]`;
        lines.push(`  ${nodeName(name)} --> ${nodeName(to)}: ${label}`);
      }
    }
    if (node.type === "final") lines.push(`  ${nodeName(name)} --> [*]`);
  }
  return `${lines.join("\n")}\n`;
}

/** Our machines name their guards; one without a name is drawn as what it is. */
function guardName(guard: unknown): string {
  if (typeof guard === "string") return guard;
  const { type } = guard as { type?: unknown };
  return typeof type === "string" ? type : "guard";
}

/** Mermaid takes no dashes in the names of states. */
function nodeName(state: string): string {
  return state.replaceAll("-", "_");
}
