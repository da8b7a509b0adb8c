/**
 * The life of an actor, as a drawing: states it can stand in, events that happen to it, orders that follow. It decides
 * nothing else and does nothing; `Cell` runs it from a table and carries the orders out. Invariant: `ended` is final, and
 * only a supervised actor (guards `supervised`, `retains`) can be `down`, from where it may start again.
 */
import { setup } from "xstate";
import { compileTable } from "./table.ts";

export type ActorState = "starting" | "running" | "stopping" | "closing" | "down" | "ended";

export type ActorEvent =
  /** `onStart` resolved. */
  | "started"
  /** The constructor or a start hook threw. */
  | "failed"
  /** Somebody wants it to end. */
  | "stop"
  /** While stopping: what was queued has been handled. */
  | "drained"
  /** A method threw, and this actor ends by that. */
  | "crash"
  /** Its children have ended, and `onStop` is through if it ever ran. */
  | "closed"
  /** The grace is over, or somebody wants it gone at once. */
  | "kill"
  /** A supervisor brings up the next incarnation. */
  | "restart"
  /** Its supervisor has given it up. */
  | "release";

export type ActorAction =
  /** Construct it and run its start hooks. */
  | "start"
  /** Hand it what is queued. */
  | "deliver"
  /** What is queued now is still handled, what comes later is not. */
  | "closeIntake"
  /** Kill it when the grace is over. */
  | "armGrace"
  /** End its children, then run `onStop` if it had started. */
  | "close"
  /** Kill its children, abort what is in hand. */
  | "abandon"
  /** This incarnation is over: tell whoever waits for that. */
  | "end"
  /** Queued messages are undeliverable. */
  | "bounce"
  /** The reference is over as well: take it off the books, tell its watchers. */
  | "retire";

/** What the guards look at. */
export interface ActorFacts {
  /** A supervisor holds the reference. */
  readonly supervised: boolean;
  /** Messages wait for the next incarnation. */
  readonly retains: boolean;
}

/** The ways out of a life: where to depends on whether somebody may start it again. */
function over<const A extends ActorAction>(...before: readonly A[]) {
  return [
    { guard: "retains", target: "down", actions: [...before, "end"] },
    { guard: "supervised", target: "down", actions: [...before, "end", "bounce"] },
    { target: "ended", actions: [...before, "end", "bounce", "retire"] },
  ] as const;
}

const nothing = () => {};

export const actorMachine = setup({
  types: { context: {} as ActorFacts, input: {} as ActorFacts, events: {} as { type: ActorEvent } },
  guards: {
    supervised: ({ context }) => context.supervised,
    retains: ({ context }) => context.supervised && context.retains,
  },
  actions: {
    start: nothing,
    deliver: nothing,
    closeIntake: nothing,
    armGrace: nothing,
    close: nothing,
    abandon: nothing,
    end: nothing,
    bounce: nothing,
    retire: nothing,
  } satisfies Record<ActorAction, () => void>,
}).createMachine({
  id: "actor",
  context: ({ input }) => input,
  initial: "starting",
  states: {
    starting: {
      on: {
        started: { target: "running", actions: ["deliver"] },
        failed: { target: "closing", actions: ["armGrace", "close"] },
        stop: { target: "stopping", actions: ["closeIntake", "armGrace"] },
        kill: over("abandon"),
      },
    },
    running: {
      on: {
        stop: { target: "stopping", actions: ["closeIntake", "armGrace", "deliver"] },
        crash: { target: "closing", actions: ["armGrace", "close"] },
        kill: over("abandon"),
      },
    },
    stopping: {
      on: {
        started: { actions: ["deliver"] },
        failed: { target: "closing", actions: ["close"] },
        stop: { actions: ["armGrace"] },
        drained: { target: "closing", actions: ["close"] },
        crash: { target: "closing", actions: ["close"] },
        kill: over("abandon"),
      },
    },
    closing: {
      on: {
        stop: { actions: ["armGrace"] },
        closed: over(),
        kill: over("abandon"),
      },
    },
    down: {
      on: {
        restart: { target: "starting", actions: ["start"] },
        release: { target: "ended", actions: ["bounce", "retire"] },
      },
    },
    ended: { type: "final" },
  },
});

/** The same, to be run many times. */
export const actorTable = compileTable<ActorState, ActorFacts>(actorMachine, {
  supervised: (facts) => facts.supervised,
  retains: (facts) => facts.supervised && facts.retains,
});
