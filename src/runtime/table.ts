/**
 * Runs a machine that there are many of from a table. Such a machine is written with XState's `setup()` (so it can be
 * drawn, walked and checked like any other), but one interpreter each would cost 3.5 KB and 10 µs; a table lookup costs
 * neither. Only flat machines compile: plain states, guards and actions by name, no timers, no `invoke`, no `always`.
 */
import type { AnyStateMachine } from "xstate";

/** One way out of a state: taken when its guard, if any, holds. */
export interface Transition {
  readonly target: string | undefined;
  readonly guard: string | undefined;
  readonly actions: readonly string[];
}

/** Where an event led: the next state and the orders to carry out, by name. */
export interface Step<S extends string> {
  readonly state: S;
  readonly actions: readonly string[];
}

export interface Table<S extends string, G> {
  readonly initial: S;
  readonly states: readonly S[];
  isFinal(state: S): boolean;
  /** Pure. `undefined` means that the state does not take the event; `facts` are what the guards look at. */
  step(state: S, event: string, facts: G): Step<S> | undefined;
}

/** A guard over the facts of the moment, by the name that the machine uses. */
export type Guards<G> = Readonly<Record<string, (facts: G) => boolean>>;

/** Compiles `machine` at load. Throws an `Error` that names the place for anything a table cannot hold. */
export function compileTable<S extends string, G>(machine: AnyStateMachine, guards: Guards<G>): Table<S, G> {
  const rows = new Map<string, Map<string, Transition[]>>();
  const finals = new Set<string>();
  for (const [name, node] of Object.entries(machine.root.states)) {
    if (Object.keys(node.states).length > 0) throw new Error(`${machine.id}.${name}: a table holds no nested states`);
    if (node.invoke.length > 0 || node.always?.length) throw new Error(`${machine.id}.${name}: no invoke, no always`);
    if (node.type === "final") finals.add(name);
    const row = new Map<string, Transition[]>();
    for (const [event, transitions] of node.transitions) {
      row.set(
        event,
        transitions.map((transition) => ({
          target: transition.target?.[0]?.key,
          guard: guardName(machine.id, transition.guard, guards),
          actions: transition.actions.map((action) => actionName(machine.id, action)),
        })),
      );
    }
    rows.set(name, row);
  }
  const initial = machine.root.initial.target[0]?.key as S;
  return {
    initial,
    states: [...rows.keys()] as S[],
    isFinal: (state) => finals.has(state),
    step(state, event, facts) {
      for (const { target, guard, actions } of rows.get(state)?.get(event) ?? []) {
        if (guard !== undefined && !guards[guard]?.(facts)) continue;
        return { state: (target ?? state) as S, actions };
      }
      return undefined;
    },
  };
}

function guardName(machine: string, guard: unknown, known: Readonly<Record<string, unknown>>): string | undefined {
  if (guard === undefined) return undefined;
  const name = typeof guard === "string" ? guard : (guard as { type?: unknown }).type;
  if (typeof name !== "string" || !(name in known))
    throw new Error(`${machine}: guards need names that are known here`);
  return name;
}

function actionName(machine: string, action: unknown): string {
  const name = typeof action === "string" ? action : (action as { type?: unknown }).type;
  if (typeof name !== "string") throw new Error(`${machine}: actions need names`);
  return name;
}
