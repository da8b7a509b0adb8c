/**
 * Walks a machine and the table that it is run from side by side, along every path, and says what was met. A machine
 * with guards is walked once for each set of facts that its guards can tell apart.
 */
import type { ExecutionContext } from "ava";
import { type AnyMachineSnapshot, type AnyStateMachine, initialTransition, transition } from "xstate";
import type { Table } from "../../src/runtime/table.ts";

export interface WalkOptions<G> {
  /** What the guards look at; also the machine's input. Default: nothing, once. */
  readonly facts?: readonly G[];
}

export interface Walk {
  /** `from --event--> to: action action`, in order of the alphabet, for all facts together. */
  readonly steps: readonly string[];
  /** Those of one set of facts, as given. */
  readonly stepsOf: readonly (readonly string[])[];
  /** States that were met, and those that there are. */
  readonly states: Coverage;
  /** Ways out of a state that were taken, and those that there are: one for each event and guard. */
  readonly transitions: Coverage;
  /** Orders that were given. */
  readonly actions: ReadonlySet<string>;
}

export interface Coverage {
  readonly met: number;
  readonly all: number;
  readonly missed: readonly string[];
}

/** Fails `t` where machine and table differ, in whether an event is taken, where it leads and what it orders. */
export function walkMachine<S extends string, G>(
  t: Pick<ExecutionContext, "deepEqual" | "is">,
  machine: AnyStateMachine,
  table: Table<S, G>,
  { facts = [{} as G] }: WalkOptions<G> = {},
): Walk {
  const states = new Set<string>();
  const taken = new Set<string>();
  const actions = new Set<string>();
  const stepsOf = facts.map((one) => {
    const steps = walkOnce(t, machine, table, one);
    for (const step of steps) {
      states.add(step.from).add(step.to);
      taken.add(step.way);
      for (const action of step.actions) actions.add(action);
    }
    return steps.map((step) => step.text).sort();
  });
  const ways = waysOf(machine);
  t.deepEqual([...table.states].sort(), Object.keys(machine.root.states).sort());
  return {
    steps: [...new Set(stepsOf.flat())].sort(),
    stepsOf,
    states: coverage(states, table.states),
    transitions: coverage(taken, ways),
    actions,
  };
}

/** A step by its words: `from event to action action`. */
export function stepOf(words: string): string {
  const [from = "", event = "", to = "", ...actions] = words.split(" ");
  return textOf(from, event, to, actions);
}

interface WalkedStep {
  readonly from: string;
  readonly to: string;
  readonly actions: readonly string[];
  /** Which of the ways of `waysOf` it was. */
  readonly way: string;
  readonly text: string;
}

function walkOnce<S extends string, G>(
  t: Pick<ExecutionContext, "deepEqual" | "is">,
  machine: AnyStateMachine,
  table: Table<S, G>,
  facts: G,
): WalkedStep[] {
  const [initial] = initialTransition(machine, facts as never);
  t.is(table.initial, initial.value as S);
  const steps: WalkedStep[] = [];
  const known = new Set([String(initial.value)]);
  const open: AnyMachineSnapshot[] = [initial];
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    const from = String(at.value);
    t.is(table.isFinal(from as S), at.status === "done", `${machine.id}: ${from} is final`);
    for (const type of machine.events as readonly string[]) {
      const step = table.step(from as S, type, facts);
      const isTaken: boolean = at.status === "active" && at.can({ type });
      t.is(step !== undefined, isTaken, `${machine.id}: ${from} takes ${type}`);
      if (!isTaken) continue;
      const taken: readonly [AnyMachineSnapshot, readonly { readonly type: string }[]] = transition(machine, at, {
        type,
      });
      const [next, orders] = taken;
      const to = String(next.value);
      const actions = orders.map((order) => order.type);
      t.deepEqual(step && { ...step, actions: [...step.actions] }, { state: to, actions }, `${from} on ${type}`);
      steps.push({
        from,
        to,
        actions,
        way: wayTaken(machine, from, type, facts),
        text: textOf(from, type, to, actions),
      });
      if (known.has(to)) continue;
      known.add(to);
      open.push(next);
    }
  }
  return steps;
}

function textOf(from: string, event: string, to: string, actions: readonly string[]): string {
  return `${from} --${event}--> ${to}${actions.length === 0 ? "" : `: ${actions.join(" ")}`}`;
}

/** All ways out of all states: `state event` and the number of the candidate, for guards tell several apart. */
function waysOf(machine: AnyStateMachine): string[] {
  return Object.entries(machine.root.states).flatMap(([state, node]) =>
    [...node.transitions].flatMap(([event, candidates]) =>
      candidates.map((_candidate, number) => `${state} ${event} ${number}`),
    ),
  );
}

/** The first candidate whose guard holds, by the machine's own guards. */
function wayTaken(machine: AnyStateMachine, state: string, event: string, facts: unknown): string {
  const candidates = machine.root.states[state]?.transitions.get(event) ?? [];
  const guards = machine.implementations.guards as Record<string, (args: { context: unknown }) => boolean>;
  const number = candidates.findIndex(({ guard }) => {
    if (guard === undefined) return true;
    return guards[typeof guard === "string" ? guard : (guard as { type: string }).type]?.({ context: facts }) ?? false;
  });
  return `${state} ${event} ${number}`;
}

function coverage(met: ReadonlySet<string>, all: readonly string[]): Coverage {
  const missed = all.filter((one) => !met.has(one));
  return { met: all.length - missed.length, all: all.length, missed };
}
