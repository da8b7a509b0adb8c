/** Actors in one process: what a message, an actor and a restart cost. */
import type { Group } from "./group.ts";

const MAILBOXES = ["floor", "erlang", "nact", "xstate", "xstate-logic"] as const;
/** An object on a thread of its own: what leaving the thread costs. */
const THREADS = ["thread", "comlink"] as const;

export const actors: Group = {
  id: "actors",
  title: "Actors in one process",
  cases: [
    {
      id: "ask-1",
      title: "ask, one at a time",
      unit: "per second",
      guess: 900_000,
      peers: [...MAILBOXES, ...THREADS],
      goals: [{ peer: "erlang", atLeast: 3 }],
    },
    {
      id: "ask-64",
      title: "ask, 64 in flight",
      unit: "per second",
      guess: 1_500_000,
      peers: [...MAILBOXES, ...THREADS],
      goals: [
        { peer: "erlang", atLeast: 2 },
        { peer: "floor", atLeast: 0.5 },
      ],
    },
    {
      id: "tell",
      title: "tell, bursts of 1 000",
      unit: "per second",
      guess: 3_000_000,
      peers: [...MAILBOXES, "thread"],
      goals: [{ peer: "erlang", atLeast: 3 }],
    },
    {
      id: "spawn",
      title: "spawn to ready",
      unit: "per second",
      guess: 400_000,
      peers: MAILBOXES,
      goals: [{ peer: "erlang", atLeast: 1.5 }],
    },
    {
      id: "bytes",
      title: "an idle actor",
      unit: "bytes",
      guess: 1_300,
      peers: MAILBOXES,
      goals: [{ atMost: 1_100 }, { peer: "erlang", atMost: 0.4 }],
    },
    {
      id: "restart-1",
      title: "restarts under one supervisor",
      unit: "per second",
      guess: 25_000,
      peers: ["erlang"],
      goals: [{ peer: "erlang", atLeast: 5 }],
    },
    {
      id: "restart-200",
      title: "restarts, 200 supervisors",
      unit: "per second",
      guess: 40_000,
      peers: ["erlang"],
      goals: [{ peer: "erlang", atLeast: 1 }],
    },
    {
      id: "children-spawn",
      title: "100 000 children: spawn, last 10 000 by first",
      unit: "factor",
      guess: 1.1,
      peers: [],
      goals: [{ atMost: 1.2 }],
    },
    {
      id: "children-stop",
      title: "100 000 children: stop, last 10 000 by first",
      unit: "factor",
      guess: 1,
      peers: [],
      goals: [{ atMost: 1.2 }],
    },
    {
      id: "children-end",
      title: "stop a parent: per child, 100 000 by 10 000",
      unit: "factor",
      guess: 1.2,
      peers: [],
      goals: [{ atMost: 1.2 }],
    },
  ],
};
