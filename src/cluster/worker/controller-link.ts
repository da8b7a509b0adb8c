/**
 * This worker's part of the control protocol: registers on each connection, pushes what changed, answers reconciles,
 * stores lines. Pushes are for speed and may be lost; the reconcile that follows says all of it again. Decides nothing
 * about attempts. The one invariant: a reconcile meant for another worker or another life changes nothing here.
 */
import { once } from "node:events";
import { Connection } from "../../net/connection.ts";
import { type ServiceClient, serviceClient, serviceTarget } from "../../net/service.ts";
import type { Transport } from "../../net/transport.ts";
import {
  type DesiredAttempt,
  type LogEntry,
  type ObservedAttempt,
  type ReconcileReply,
  type ReconcileRequest,
  type RegisterWorkerRequest,
  WorkerHub,
  type WorkerHubMethods,
  WorkerNode,
} from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { type Clock, sleep } from "../../runtime/ports/clock.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import type { Random } from "../../runtime/ports/random.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import type { Speaker } from "./attempts.ts";
import { WORKER_LIMITS } from "./limits.ts";
import type { LogStore } from "./log-shipper.ts";

export interface ControllerLinkOptions {
  /** `ws://host:port/rpc`. */
  readonly address: string;
  readonly transport: Transport;
  readonly token: string;
  readonly workerId: string;
  readonly incarnation: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How the worker presents itself, asked at each registration. */
  readonly presentation: () => Omit<RegisterWorkerRequest, "workerId" | "incarnation">;
  /** Makes it so, and says what is there. */
  readonly apply: (desired: readonly DesiredAttempt[], speaker: Speaker) => ObservedAttempt[];
  /** What is there now: all, or these. */
  readonly observed: (uids?: Iterable<string>) => ObservedAttempt[];
  readonly onRegistered: () => void;
  readonly onLost: (error: IrisError) => void;
}

export class ControllerLink implements LogStore {
  readonly #options: ControllerLinkOptions;
  readonly #listeners = new Set<() => void>();
  readonly #changed = new Set<string>();
  /** The service of a controller that knows us, as long as it can be reached. */
  #hub: ServiceClient<WorkerHubMethods> | undefined;
  readonly #refused = Promise.withResolvers<never>();
  #reportIsDue = false;
  /** The latest push. */
  #reporting: Promise<void> = Promise.resolve();

  constructor(options: ControllerLinkOptions) {
    this.#options = options;
    this.#refused.promise.catch(() => {}); // not everybody looks
  }

  /** Rejects when the controller has refused us for good, the first time. */
  get refused(): Promise<never> {
    return this.#refused.promise;
  }

  /** Whether the controller knows us and can be reached. */
  get isUp(): boolean {
    return this.#hub !== undefined;
  }

  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /**
   * Keeps a connection until `signal` aborts, then says goodbye. Rejects when the controller refuses us for good:
   * `UNAUTHENTICATED`, `PERMISSION_DENIED` or `VERSION_MISMATCH`.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { address, transport, token, clock, random, logger } = this.#options;
    const target = serviceTarget(WorkerNode, { reconcile: (request) => this.#reconcile(request) });
    await using connection = new Connection({
      ...{ address, transport, token, clock, random, logger },
      targets: (name) => (name === WorkerNode.name ? target : undefined),
    });
    const hub = serviceClient(WorkerHub, connection);
    const refused = Promise.withResolvers<never>();
    refused.promise.catch(() => {});
    let session = new AbortController();
    connection.onUp(() => {
      session = new AbortController();
      void this.#register(hub, session.signal);
    });
    const stopListening = connection.onDown((error) => {
      session.abort();
      this.#lost(error);
      connection.ready({ signal }).catch(refused.reject); // only what is final, or our own abort, rejects it
    });
    connection.ready({ signal }).catch(refused.reject);
    try {
      await Promise.race([refused.promise, signal.aborted || once(signal, "abort")]);
    } catch (error) {
      if (signal.aborted) return;
      this.#refused.reject(error);
      throw error;
    } finally {
      stopListening();
      await this.#tellLast();
      session.abort();
      this.#hub = undefined;
      this.#tellListeners();
    }
  }

  /** An attempt has changed: it is reported with whatever else changes in this turn. */
  report(uid: string): void {
    this.#changed.add(uid);
    if (this.#reportIsDue) return;
    this.#reportIsDue = true;
    setImmediate(() => this.#reportChanged());
  }

  async append(uid: string, firstSequence: number, entries: readonly LogEntry[]): Promise<number> {
    const { workerId, incarnation } = this.#options;
    if (this.#hub === undefined) throw new IrisError("UNAVAILABLE", "no controller to store lines");
    const request = { workerId, incarnation, uid, firstSequence, entries: [...entries] };
    const hub = this.#hub;
    try {
      return (await hub.appendLogs(request, { timeoutMs: CLUSTER_LIMITS.controlCallMs, idempotent: true }))
        .nextSequence;
    } catch (error) {
      this.#forgottenBy(hub, error);
      throw error;
    }
  }

  #reconcile(request: ReconcileRequest): ReconcileReply {
    const { workerId, incarnation, apply } = this.#options;
    if (request.workerId !== workerId || request.incarnation !== incarnation) {
      throw new IrisError(
        "FAILED_PRECONDITION",
        `this is worker ${workerId} in life ${incarnation}, not ${request.workerId} in life ${request.incarnation}: nothing was done`,
        { where: workerId },
      );
    }
    const { desired, stateId, observeOnly } = request;
    return { observed: firstPart(apply(desired, { stateId, observeOnly })) };
  }

  /** Until it succeeds or the session is over. */
  async #register(hub: ServiceClient<WorkerHubMethods>, session: AbortSignal): Promise<void> {
    const { workerId, incarnation, presentation, clock, logger, observed, onRegistered } = this.#options;
    const { resendMinMs, resendMaxMs } = WORKER_LIMITS;
    for (let pauseMs: number = resendMinMs; !session.aborted; pauseMs = Math.min(2 * pauseMs, resendMaxMs)) {
      try {
        const request = { ...presentation(), workerId, incarnation };
        await hub.register(request, { timeoutMs: CLUSTER_LIMITS.controlCallMs, signal: session });
        if (session.aborted) return;
        this.#hub = hub;
        onRegistered();
        void this.#push(observed());
        this.#tellListeners();
        return;
      } catch (error) {
        if (session.aborted) return;
        logger.warn({ workerId, error, pauseMs }, "the controller did not register this worker: trying again");
        await sleep(clock, pauseMs, session).catch(() => {});
      }
    }
  }

  #reportChanged(): void {
    this.#reportIsDue = false;
    const observed = this.#options.observed([...this.#changed]);
    this.#changed.clear();
    this.#reporting = this.#push(observed);
  }

  /** What has ended just before the goodbye is worth a moment. */
  async #tellLast(): Promise<void> {
    const { clock } = this.#options;
    this.#reportChanged();
    const enough = new AbortController();
    await Promise.race([this.#reporting, sleep(clock, WORKER_LIMITS.lastReportMs, enough.signal).catch(() => {})]);
    enough.abort();
  }

  #lost(error: IrisError): void {
    if (this.#hub === undefined) return;
    this.#hub = undefined;
    this.#options.onLost(error);
    this.#tellListeners();
  }

  /** What cannot be told now is told by the next reconcile. */
  async #push(observed: readonly ObservedAttempt[]): Promise<void> {
    const { workerId, incarnation, logger } = this.#options;
    for (let rest = observed; rest.length > 0 && this.#hub !== undefined; ) {
      const part = rest.slice(0, partLength(rest));
      rest = rest.slice(part.length);
      const hub = this.#hub;
      try {
        await hub.report({ workerId, incarnation, observed: part }, { timeoutMs: CLUSTER_LIMITS.controlCallMs });
      } catch (error) {
        logger.debug({ workerId, error, attempts: part.length }, "a report was not heard");
        this.#forgottenBy(hub, error);
        return;
      }
    }
  }

  /** A controller that does not know us, or not in this life, is told again who we are. */
  #forgottenBy(hub: ServiceClient<WorkerHubMethods>, error: unknown): void {
    if (this.#hub !== hub || !IrisError.is(error, "FAILED_PRECONDITION")) return;
    const { workerId, incarnation, presentation, logger } = this.#options;
    hub
      .register({ ...presentation(), workerId, incarnation }, { timeoutMs: CLUSTER_LIMITS.controlCallMs })
      .catch((cause) => logger.warn({ workerId, error: cause }, "the controller did not register this worker again"));
  }

  #tellListeners(): void {
    for (const fn of [...this.#listeners]) fn();
  }
}

/** How many of these fit into one message: at least one. Only results are large. */
function partLength(observed: readonly ObservedAttempt[]): number {
  let bytes = 0;
  const over = observed.findIndex(({ exit }, index) => {
    bytes += exit?.result.byteLength ?? 0;
    return index > 0 && bytes > WORKER_LIMITS.reportBytes;
  });
  return over === -1 ? observed.length : over;
}

/**
 * All of them, but only as many results as one message holds: who has ended beyond that is shown as stopping, and as
 * ended when the first ones have been heard and are no longer asked about.
 */
function firstPart(observed: readonly ObservedAttempt[]): ObservedAttempt[] {
  let bytes = 0;
  return observed.map((one) => {
    const resultBytes = one.exit?.result.byteLength ?? 0;
    if (resultBytes === 0) return one;
    bytes += resultBytes;
    if (bytes === resultBytes || bytes <= WORKER_LIMITS.reportBytes) return one;
    const { exit: _later, ...rest } = one;
    return { ...rest, phase: "STOPPING" };
  });
}
