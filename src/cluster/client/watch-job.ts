/** A job's status, pushed: now and after each change, over cuts of the link and restarts of the controller. */
import { isFinalJob } from "../job/status.ts";
import type { ControlLink } from "./control-link.ts";
import type { JobStatus } from "./status.ts";

/** Ends after a final status; never gives a status that is older than one before. Rejects with `NOT_FOUND`. */
export async function* watchJob(
  link: ControlLink,
  jobId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobStatus, void, undefined> {
  let afterVersion = 0;
  let isFinal = false;
  const statuses = link.stream(
    (control, options) => control.watchJob({ jobId, afterVersion }, options),
    signal,
    () => isFinal,
  );
  for await (const status of statuses) {
    isFinal = isFinalJob(status.state);
    if (status.version <= afterVersion && !isFinal) continue;
    afterVersion = status.version;
    yield status;
    if (isFinal) return;
  }
}
