/**
 * Those who wait for what becomes of one actor: its start, the end of its incarnation, its end for good. Made with the
 * first of them, since most actors are waited for by nobody. It is told what happens; it knows nothing by itself.
 */
import { IrisError } from "./errors.ts";
import { describeExit, type ExitReason } from "./exit.ts";

export class Waiting {
  #started: PromiseWithResolvers<void> | undefined;
  #incarnationEnded: PromiseWithResolvers<ExitReason> | undefined;
  #endedForGood: PromiseWithResolvers<ExitReason> | undefined;
  #lifetime: AbortController | undefined;

  get started(): Promise<void> {
    this.#started ??= Promise.withResolvers();
    return this.#started.promise;
  }

  get incarnationEnded(): Promise<ExitReason> {
    this.#incarnationEnded ??= Promise.withResolvers();
    return this.#incarnationEnded.promise;
  }

  get endedForGood(): Promise<ExitReason> {
    this.#endedForGood ??= Promise.withResolvers();
    return this.#endedForGood.promise;
  }

  get lifetime(): AbortSignal {
    this.#lifetime ??= new AbortController();
    return this.#lifetime.signal;
  }

  onStarted(): void {
    this.#started?.resolve();
  }

  onIncarnationEnded(path: string, hadStarted: boolean, reason: ExitReason): void {
    this.#lifetime?.abort(new IrisError("UNDELIVERABLE", `${path} has ended (${describeExit(reason)})`));
    this.#lifetime = undefined;
    if (!hadStarted) this.#started?.reject(startError(path, reason));
    this.#started = undefined;
    this.#incarnationEnded?.resolve(reason);
    this.#incarnationEnded = undefined;
  }

  onEndedForGood(reason: ExitReason): void {
    this.#endedForGood?.resolve(reason);
  }
}

/** What keeps whoever waits for the start informed. */
function startError(path: string, reason: ExitReason): IrisError {
  if (reason.kind === "crashed") return reason.error;
  return new IrisError("CANCELLED", `${path} ended before it had started (${describeExit(reason)})`, { where: path });
}
