/** XState's transition logic: a reducer as an actor, the leanest that XState has. */
import { createActor, fromTransition } from "xstate";
import { type AddEvent, casesOf } from "./xstate-peer.ts";

const logic = fromTransition(
  (context: { total: number }, event: AddEvent) => {
    const total = context.total + event.amount;
    event.reply?.(total);
    return { total };
  },
  { total: 0 },
);

export const cases = casesOf(() => createActor(logic).start());
