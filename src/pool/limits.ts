/** Bounds of a pool of functions, each with its unit and its reason. */
export const POOL_LIMITS = Object.freeze({
  /**
   * Work that a worker may have in hand beyond the call it runs, as past calls let expect. Enough to hide the way there
   * and back, little enough that a call rarely waits behind another while a worker is idle. Unit: ms.
   */
  aheadMs: 4,
  /** Calls that one worker has in hand at most, however short they are. Bounds what a dead worker takes with it. */
  perWorker: 64,
  /** What a call counts for that took no time to speak of. Unit: ms. */
  expectedMsMin: 0.02,
  /** Functions whose duration is remembered; all are forgotten when the next one would pass it. */
  functionsKnown: 4_096,
  /** Times that a call is sent again after its worker died, unless the pool says otherwise. */
  maxRetries: 3,
  /**
   * What a cancelled call that runs has left to end in, before the thread or process under it is replaced, unless the pool
   * says otherwise. Enough for a function that asks its signal between two steps. Unit: ms.
   */
  cancelGraceMs: 2_000,
  /**
   * Time that a worker has to obey when it is told to end itself under a call that was given up. One that does not is kept
   * by the call from hearing anything, and is left. Unit: ms.
   */
  stopMs: 2_000,
  /** A shared value goes to a worker in parts of so many bytes: well below what one message may have. */
  sharePartBytes: 4_194_304,
  /** Longest time that a call may be given: what a timer takes. Unit: ms. */
  timeoutMsMax: 2_147_483_647,
  /** Threads or workers of one pool. As many as replicas of a job. */
  workers: 10_000,
  /**
   * How often a silent worker is asked whether it is there; after three such intervals its calls are sent elsewhere. Far
   * longer than between other peers, since a function that computes without a pause answers nothing; a worker that died
   * is heard of from the job long before. Unit: ms.
   */
  silentWorkerAskedMs: 200_000,
  /** How often a pool tells its workers that it is still there. Unit: ms. */
  touchEveryMs: 10_000,
  /** A worker that heard nothing of its pool for so long ends by itself: its program is gone. Unit: ms. */
  abandonedAfterMs: 60_000,
  /** Attempts of a worker's task that its functions may crash before its place stays empty. */
  workerCrashes: 100,
});

if (POOL_LIMITS.abandonedAfterMs <= 3 * POOL_LIMITS.touchEveryMs) {
  throw new Error("a pool must be able to miss a few touches before its workers think it gone");
}
