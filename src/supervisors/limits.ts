/** Bounds and defaults of supervision, each with its unit and its reason. Relations between them are asserted at load. */
export const SUPERVISION_LIMITS = Object.freeze({
  /** Restarts that a supervisor allows itself within `withinMs` before it gives up. */
  maxRestarts: 3,
  /** The window that restarts are counted in. Unit: ms. */
  withinMs: 5_000,
  /** Time that a service has to call `ready()`, and a process to become ready. Unit: ms. */
  startTimeoutMs: 30_000,
  /** Pause between two looks at a port or a page that a starting process is to open. Unit: ms. */
  probeEveryMs: 50,
  /** Time that one such look may take: a port that swallows connections must not hold up the next look. Unit: ms. */
  probeTimeoutMs: 2_000,
  /** Pause between two looks whether a child that is ready still answers. Unit: ms. */
  liveEveryMs: 5_000,
  /** Looks in a row without an answer after which it counts as dead: one may be lost to a busy machine. */
  liveFailuresMax: 3,
  /** Time that the system gets to take away a killed process group: an uninterruptible disk wait at worst. Unit: ms. */
  groupGoneMs: 2_000,
  /** Time that a start which is killed gets to come to its end: as long as a process group, and some to hear of it. Unit: ms. */
  killedStartMs: 3_000,
  /** Pause between two looks whether it is gone. Unit: ms. */
  groupLookEveryMs: 10,
  /** Events that wait for a reader of `events()`; the oldest goes first, and the next one says how many went. */
  eventsWaiting: 1_024,
  /** Longest line of a process's output that is handed on; a longer one is cut. Unit: characters. */
  lineChars: 65_536,
  /** Last lines of a process that are quoted when it ends badly. */
  linesQuoted: 5,
});

if (SUPERVISION_LIMITS.killedStartMs <= SUPERVISION_LIMITS.groupGoneMs) {
  throw new Error("killedStartMs must leave a killed process group its time to go");
}
if (SUPERVISION_LIMITS.probeTimeoutMs >= SUPERVISION_LIMITS.startTimeoutMs) {
  throw new Error("startTimeoutMs must leave room for several looks");
}
