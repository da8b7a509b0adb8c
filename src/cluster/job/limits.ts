/**
 * Bounds and periods of the control plane, each with its unit and its reason. Relations between them are asserted at
 * load, so that nobody tunes one into nonsense.
 */
export const CLUSTER_LIMITS = Object.freeze({
  /** TCP port of a controller unless told otherwise. */
  controllerPort: 8080,
  /** TCP ports that workers pick from for tasks, both included. */
  taskPortFirst: 30_000,
  taskPortLast: 40_000,
  /** Time a control call may take unless its caller says otherwise. Unit: ms. */
  controlCallMs: 30_000,
  /** How often controller and worker exchange their complete sets. Unit: ms. */
  reconcileEveryMs: 2_000,
  /** How long a worker whose process has ended may take to come back and adopt. Unit: ms. */
  restartGraceMs: 2_000,
  /** How long a worker that does not answer is waited for. Unit: ms. */
  lostAfterMs: 10_000,
  /** How long a cut-off worker keeps its tasks. Unit: ms. */
  orphanAfterMs: 600_000,
  /** Reconnection: first and longest pause. Unit: ms. */
  reconnectMinMs: 100,
  reconnectMaxMs: 5_000,
  /** Pause before a task's next try: first and longest. Unit: ms. */
  retryMinMs: 1_000,
  retryMaxMs: 60_000,
  /** Time between the polite and the forced stop of a task. Unit: ms. */
  graceMs: 5_000,
  /** Life of an endpoint's registration without renewal. Unit: ms. */
  endpointLeaseMs: 30_000,
  /** The longest that printed lines wait before they are sent to be stored. Unit: ms. */
  logFlushMs: 200,
  /** Longest line of a log; the rest of a longer one is cut. Unit: bytes. */
  logLineBytes: 65_536,
  /** Log kept for one attempt; the oldest goes first. Unit: bytes. */
  logAttemptBytes: 64 * 1024 * 1024,
  /** Largest value kept as a task's result. Unit: bytes. */
  resultBytes: 1024 * 1024,
  /** Tasks of one job. */
  replicas: 10_000,
  /** Tasks of one user that are not final: what one machine's controller carries with ease. */
  liveTasksPerUser: 16_000,
  /** Page of a list: as a default, and at most. */
  pageDefault: 50,
  pageMax: 500,
  /** Terminal jobs are forgotten after this. Unit: ms. */
  terminalJobsKeptMs: 7 * 24 * 3_600_000,
  /** An idempotency key is remembered for this long. Unit: ms. */
  idempotencyKeptMs: 24 * 3_600_000,
  /** Gone workers are shown for this long. Unit: ms. */
  goneWorkersShownMs: 24 * 3_600_000,
  /** Tries of a task that its machines' failures allow, after the first. */
  maxRetriesPreemption: 100,
});

if (CLUSTER_LIMITS.lostAfterMs <= 2 * CLUSTER_LIMITS.reconcileEveryMs) {
  throw new Error("lostAfterMs must leave room for two exchanges");
}
if (CLUSTER_LIMITS.endpointLeaseMs < 3 * CLUSTER_LIMITS.reconcileEveryMs) {
  throw new Error("an endpoint's lease must outlast a lost exchange");
}
