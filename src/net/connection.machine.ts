/**
 * The life of a connection: dial, say hello, be up, and after every end wait and dial again, until it is closed or
 * refused for good. Run from a table. It holds no I/O: the actions are orders that `connection.ts` carries out.
 */
import { setup } from "xstate";
import { compileTable } from "../runtime/table.ts";

export const CONNECTION_ACTIONS = [
  /** Open a link. */
  "dial",
  /** Say hello over it. */
  "greet",
  /** Tell those who wait, and those who listen. */
  "announceUp",
  /** Tell those who listen. */
  "announceDown",
  /** Wait, longer each time, before the next attempt. */
  "backOff",
  /** Give up what is being waited for or dialled. */
  "abandon",
  /** Tell those who wait that there will be no connection. */
  "finish",
] as const;

export type ConnectionAction = (typeof CONNECTION_ACTIONS)[number];
export type ConnectionState = "idle" | "dialling" | "greeting" | "up" | "waiting" | "refused" | "closed";
export type ConnectionEvent =
  /** Begin. */
  | "start"
  /** There is a link. */
  | "linked"
  /** There is none. */
  | "dialFailed"
  /** Hello is done. */
  | "welcomed"
  /** The session is over, or never came to be; trying again may help. */
  | "ended"
  /** Token or version are wrong; trying again cannot help. */
  | "rejected"
  /** The pause is over. */
  | "due"
  /** Nobody wants it any more. */
  | "close";

const failed = { target: "waiting", actions: ["backOff"] } as const;

export const connectionMachine = setup({
  types: { events: {} as { type: ConnectionEvent } },
  actions: Object.fromEntries(CONNECTION_ACTIONS.map((name) => [name, () => {}])) as Record<
    ConnectionAction,
    () => void
  >,
}).createMachine({
  id: "connection",
  initial: "idle",
  states: {
    idle: {
      on: {
        start: { target: "dialling", actions: ["dial"] },
        close: { target: "closed", actions: ["finish"] },
      },
    },
    dialling: {
      on: {
        linked: { target: "greeting", actions: ["greet"] },
        dialFailed: failed,
        close: { target: "closed", actions: ["abandon", "finish"] },
      },
    },
    greeting: {
      on: {
        welcomed: { target: "up", actions: ["announceUp"] },
        ended: failed,
        rejected: { target: "refused", actions: ["finish"] },
        close: { target: "closed", actions: ["abandon", "finish"] },
      },
    },
    up: {
      on: {
        ended: { target: "waiting", actions: ["announceDown", "backOff"] },
        rejected: { target: "refused", actions: ["announceDown", "finish"] },
        close: { target: "closed", actions: ["abandon", "announceDown", "finish"] },
      },
    },
    waiting: {
      on: {
        due: { target: "dialling", actions: ["dial"] },
        close: { target: "closed", actions: ["abandon", "finish"] },
      },
    },
    /** Only a new connection, with another token or version, can help. */
    refused: {
      on: { close: { target: "closed", actions: [] } },
    },
    closed: { type: "final" },
  },
});

export const CONNECTION_TABLE = compileTable<ConnectionState, undefined>(connectionMachine, {});
