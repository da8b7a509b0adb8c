/**
 * The exchange with one worker over one connection: what it should have goes out, what it has comes back, one exchange at
 * a time, at once when something changed and every 2 s beside that. Each worker has its own, so one that does not answer
 * delays nobody. The one invariant: between two exchanges everything that changed is in the next, however often it did.
 */
import type { Channel } from "../../net/channel.ts";
import type { ServiceClient } from "../../net/service.ts";
import { serviceClient } from "../../net/service.ts";
import {
  type DesiredAttempt,
  type JobSpec,
  JobSpecCodec,
  type ObservedAttempt,
  WorkerNode,
  type WorkerNodeMethods,
} from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { type Clock, sleep } from "../../runtime/ports/clock.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import { rootOf } from "../job/id.ts";
import type { Engine } from "./engine.ts";
import type { Limits } from "./kernel/command.ts";
import { type Desired, desiredOf, reconcile } from "./reconcile.ts";
import type { AttemptRow } from "./state.ts";
import { Bell } from "./watches.ts";

/** Specifications in one exchange: a quarter of the largest message; the rest goes with the next, at once. Unit: bytes. */
const SPEC_BYTES_PER_EXCHANGE = 4 * 1024 * 1024;

/** Attempts that one warning names; their number is said beside. */
const NAMED_MAX = 20;

export interface WorkerSessionOptions {
  readonly workerId: string;
  readonly incarnation: string;
  /** Number of its connection. */
  readonly link: number;
  readonly channel: Channel;
  /** Aborts when the connection is over. */
  readonly closed: AbortSignal;
  readonly engine: () => Engine;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly logger: Logger;
  /** Name of the state that this controller goes on from: its wishes concern the attempts of that state alone. */
  readonly stateId: () => string;
  /** Makes the token of an attempt. */
  readonly mint: (attempt: AttemptRow) => Promise<string>;
}

export class WorkerSession {
  readonly link: number;
  readonly #o: WorkerSessionOptions;
  readonly #node: ServiceClient<WorkerNodeMethods>;
  readonly #bell = new Bell();
  readonly #tokens = new Map<string, string>();
  /** Attempts whose specification has been sent over this connection: leaving them out now would end them. */
  #sent: ReadonlySet<string> = new Set();
  /** Attempts of another state that were warned of last. */
  #warnedOf = "";

  constructor(options: WorkerSessionOptions) {
    this.#o = options;
    this.link = options.link;
    this.#node = serviceClient(WorkerNode, options.channel);
  }

  /** Something else is wanted: exchange as soon as the one under way is done. */
  push(): void {
    this.#bell.ring();
  }

  /** Exchanges until the connection is over or the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, closed, limits } = this.#o;
    const over = AbortSignal.any([signal, closed]);
    while (!over.aborted) {
      await this.#exchange(over);
      const rest = new AbortController();
      const waited = AbortSignal.any([over, rest.signal]);
      await Promise.race([this.#bell.wait(waited), sleep(clock, limits.reconcileEveryMs, waited).catch(() => {})]);
      rest.abort();
    }
  }

  async #exchange(signal: AbortSignal): Promise<void> {
    const { workerId, incarnation, link, engine, limits, logger } = this.#o;
    try {
      const stateId = this.#o.stateId();
      // Who is there is still being found out: a state that lags behind its workers must not end what they run.
      const observeOnly = engine().phase === "observing";
      const wanted = desiredOf(engine().state, workerId, incarnation);
      // What is sent must be durable first, or a restarted controller would not know what it started.
      await engine().settled();
      const desired = await this.#toWire(wanted);
      const timeoutMs = 2 * limits.reconcileEveryMs;
      const request = { workerId, incarnation, desired, observeOnly, stateId };
      const { observed } = await this.#node.reconcile(request, { timeoutMs, signal });
      const { news, strays, foreign } = reconcile(new Set(desired.map(({ uid }) => uid)), observed, stateId);
      if (strays.length > 0) {
        const what = observeOnly
          ? "attempts run there that are not known: observed only"
          : "attempts run there that should not";
        logger.info({ workerId, strays }, what);
      }
      this.#warnOf(foreign);
      const counts = { strays: strays.length, foreign: foreign.length };
      const report = { workerId, incarnation, observed: news, complete: true, ...counts };
      await engine().run({ kind: "observed", ...report });
    } catch (error) {
      if (signal.aborted) return;
      if (IrisError.is(error, "DEADLINE_EXCEEDED")) {
        await engine()
          .run({ kind: "overdue", workerId, link })
          .catch(() => {});
      }
      logger.warn({ workerId, error }, "an exchange failed; the next one says it all again");
    }
  }

  /** Once for each set of them: it is for an operator to decide. */
  #warnOf(foreign: readonly ObservedAttempt[]): void {
    const key = foreign.map(({ uid }) => uid).join(" ");
    if (key === this.#warnedOf) return;
    this.#warnedOf = key;
    if (foreign.length === 0) return;
    const { workerId, logger } = this.#o;
    const attempts = foreign
      .slice(0, NAMED_MAX)
      .map(({ uid, taskId }) => (taskId === undefined ? uid : `${taskId} (${uid})`));
    logger.warn(
      { workerId, attempts, count: foreign.length },
      "attempts of another controller's state run there: they are left alone, and this worker gets no tasks meanwhile; start a controller on the state that knows them, or stop the worker",
    );
  }

  async #toWire(wanted: readonly Desired[]): Promise<DesiredAttempt[]> {
    const desired: DesiredAttempt[] = [];
    const sent = new Set<string>();
    let bytes = 0;
    for (const { attempt, run, wantsSpec } of wanted) {
      const job = this.#o.engine().state.jobs.get(attempt.jobId);
      const { id: uid, taskId } = attempt;
      const one: DesiredAttempt = { uid, taskId, attempt: attempt.attempt, run };
      if (!wantsSpec || job === undefined || attempt.disowned) {
        desired.push(one);
        continue;
      }
      const size = sizeOf(job.spec);
      if (!this.#sent.has(uid) && bytes > 0 && bytes + size > SPEC_BYTES_PER_EXCHANGE) {
        // It was never heard of over there, so leaving it out once means only that it starts with the next exchange.
        this.#bell.ring();
        continue;
      }
      bytes += size;
      sent.add(uid);
      const token = this.#tokens.get(uid) ?? (await this.#o.mint(attempt));
      this.#tokens.set(uid, token);
      const taskIndex = Number(taskId.slice(taskId.lastIndexOf("/") + 1));
      const spec = { job: job.spec, jobId: job.id, taskIndex, namespace: rootOf(job.id), token };
      desired.push({ ...one, spec });
    }
    this.#sent = sent;
    for (const uid of this.#tokens.keys()) if (!sent.has(uid)) this.#tokens.delete(uid);
    return desired;
  }
}

const sizes = new WeakMap<JobSpec, number>();

/** Bytes of a specification on the wire, worked out once. */
function sizeOf(spec: JobSpec): number {
  let size = sizes.get(spec);
  if (size === undefined) {
    size = JobSpecCodec.encode(spec).byteLength;
    sizes.set(spec, size);
  }
  return size;
}
