/**
 * The life of a session, from either end: hello, open, leaving, closed. There are many, so it is run from a table. It
 * holds no I/O: the actions are orders that `session.ts` carries out. Every way into `closed` has `finish`, once.
 */
import { setup } from "xstate";
import { compileTable } from "../runtime/table.ts";

export const SESSION_ACTIONS = [
  /** Check the dialler's token. */
  "authenticate",
  /** Say hello to the dialler. */
  "sayHello",
  /** Start the keep-alive; tell the owner. */
  "opened",
  /** Say goodbye; from now on refuse new calls. */
  "sayGoodbye",
  /** Make no new calls: the other end takes none. */
  "peerLeaves",
  /** Tell the other end why it is refused. */
  "sayWhy",
  /** Close the link after what was said. */
  "closeLink",
  /** End the link now: nobody listens. */
  "destroyLink",
  /** Fail what is pending, abort what is running, tell the owner. */
  "finish",
] as const;

export type SessionAction = (typeof SESSION_ACTIONS)[number];
export type SessionState = "greeting" | "authenticating" | "open" | "leaving" | "left" | "closed";
export type SessionEvent =
  /** The dialler's hello came, at the listener. */
  | "credentials"
  /** The listener's hello came, at the dialler. */
  | "welcome"
  /** The token is good. */
  | "accepted"
  /** The token or the version is not. */
  | "denied"
  /** No hello in time. */
  | "helloTimedOut"
  /** The other end broke the protocol. */
  | "breach"
  /** The other end refuses this session. */
  | "refused"
  /** The other end has not been heard for too long, or does not read. */
  | "silent"
  /** The other end stops on purpose. */
  | "goodbye"
  /** This end shall stop. */
  | "stop"
  /** Nothing is in flight any more. */
  | "idle"
  /** Time to finish is over. */
  | "graceOver"
  /** The link is gone. */
  | "linkClosed";

const breach = { target: "closed", actions: ["sayWhy", "closeLink", "finish"] } as const;
const quit = { target: "closed", actions: ["closeLink", "finish"] } as const;
const gone = { target: "closed", actions: ["finish"] } as const;
const silent = { target: "closed", actions: ["destroyLink", "finish"] } as const;
const always = { breach, refused: quit, linkClosed: gone, silent } as const;

export const sessionMachine = setup({
  types: { events: {} as { type: SessionEvent } },
  actions: Object.fromEntries(SESSION_ACTIONS.map((name) => [name, () => {}])) as Record<SessionAction, () => void>,
}).createMachine({
  id: "session",
  initial: "greeting",
  states: {
    greeting: {
      on: {
        ...always,
        credentials: { target: "authenticating", actions: ["authenticate"] },
        welcome: { target: "open", actions: ["opened"] },
        denied: breach,
        helloTimedOut: breach,
        stop: quit,
      },
    },
    authenticating: {
      on: {
        ...always,
        accepted: { target: "open", actions: ["sayHello", "opened"] },
        denied: breach,
        helloTimedOut: breach,
        stop: quit,
      },
    },
    open: {
      on: {
        ...always,
        stop: { target: "leaving", actions: ["sayGoodbye"] },
        goodbye: { target: "left", actions: ["peerLeaves"] },
      },
    },
    /** This end has said goodbye and finishes what is in flight. */
    leaving: {
      on: { ...always, idle: quit, graceOver: quit },
    },
    /** The other end has said goodbye; it closes the link when it is done. */
    left: {
      on: { ...always, stop: { target: "leaving", actions: ["sayGoodbye"] } },
    },
    closed: { type: "final" },
  },
});

export const SESSION_TABLE = compileTable<SessionState, undefined>(sessionMachine, {});
