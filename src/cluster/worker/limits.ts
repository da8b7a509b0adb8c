/** Bounds of a worker beside those of the whole control plane, each with its unit and its reason. */
import { CLUSTER_LIMITS } from "../job/limits.ts";

export const WORKER_LIMITS = Object.freeze({
  /** Printed lines that wait to be stored, per attempt: some seconds of a chatty task. Unit: bytes. */
  logBufferBytes: 2 * 1024 * 1024,
  /** What one line costs beside its text, so that empty lines count too. Unit: bytes. */
  logEntryBytes: 64,
  /** Lines in one message: well below the 16 MiB of a frame, large enough for 1 GB to take some thousand. Unit: bytes. */
  logBatchBytes: 512 * 1024,
  /** How long the news of an attempt's end waits for its last lines to be stored. Unit: ms. */
  flushMs: 10_000,
  /** Pause before lines are sent again that the controller could not store: first and longest. Unit: ms. */
  resendMinMs: 100,
  resendMaxMs: 5_000,
  /** Results in one message: a quarter of a frame, since one result more may be begun. Unit: bytes. */
  reportBytes: 4 * 1024 * 1024,
  /** How long a goodbye waits for the last report to be heard. Unit: ms. */
  lastReportMs: 1_000,
  /** Tasks' ports that are tried before a machine counts as full. */
  portTries: 2_000,
});

if (WORKER_LIMITS.logBufferBytes < 2 * WORKER_LIMITS.logBatchBytes) {
  throw new Error("a log's buffer must hold the batch that is on its way and the one that is being filled");
}
if (WORKER_LIMITS.logBatchBytes < 2 * CLUSTER_LIMITS.logLineBytes) {
  throw new Error("a batch must hold the longest line");
}
