/** An XState machine, interpreted: one state, an event that assigns and answers. */
import { assign, createActor, setup } from "xstate";
import { type AddEvent, casesOf } from "./xstate-peer.ts";

const machine = setup({
  types: { context: {} as { total: number }, events: {} as AddEvent },
  actions: {
    add: assign({ total: ({ context, event }) => context.total + event.amount }),
    reply: ({ context, event }) => event.reply?.(context.total),
  },
}).createMachine({
  context: { total: 0 },
  initial: "counting",
  states: { counting: { on: { add: { actions: ["add", "reply"] } } } },
});

export const cases = casesOf(() => createActor(machine).start());
