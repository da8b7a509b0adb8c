/** Bounds of one node's actors, each with its unit and its reason. Relations between them are asserted at load. */
export const RUNTIME_LIMITS = Object.freeze({
  /** Messages waiting for one actor. Enough to ride out a burst, small enough that a stuck actor is noticed early. */
  mailboxMessages: 1_024,
  /** Messages an actor handles before it yields to the others of its process: one turn stays well under a millisecond. */
  messagesPerTurn: 64,
  /** Messages handled on microtasks in one process before timers and sockets get their turn: a few milliseconds at worst. */
  messagesPerYield: 1_024,
  /** Time that an actor gets to end by itself when stopped, as OTP's worker default. */
  stopGraceMs: 5_000,
});
