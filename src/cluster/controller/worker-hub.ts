/**
 * What workers may ask: to be registered, to report, to have lines kept. It checks who speaks and in which life, hands
 * what is said to the engine, and keeps one session for the connection of each worker that counts.
 */
import type { InboundCall, Peer } from "../../net/channel.ts";
import type { ServiceHandlers } from "../../net/service.ts";
import type { RegisterWorkerRequest, WorkerHubMethods } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { RESOURCE_KINDS } from "../job/resources.ts";
import type { Engine } from "./engine.ts";
import type { Limits } from "./kernel/command.ts";
import { speakingWorker } from "./kernel/reports.ts";
import type { LogStore } from "./log-store.ts";
import type { WorkerSession, WorkerSessionOptions } from "./worker-session.ts";

const WORKER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const INCARNATION = /^[A-Za-z0-9_-]{1,64}$/;
const ATTRIBUTES_MAX = 64;
const TEXT_LENGTH_MAX = 256;

export interface WorkerHubOptions {
  readonly engine: () => Engine;
  readonly logs: LogStore;
  readonly limits: Limits;
  /** Starts exchanging with a worker; ends by itself with the connection. */
  readonly open: (
    session: Pick<WorkerSessionOptions, "workerId" | "incarnation" | "link" | "channel" | "closed">,
  ) => WorkerSession;
}

export class WorkerHub {
  readonly #o: WorkerHubOptions;
  /** The session that counts, by worker. */
  readonly #sessions = new Map<string, { session: WorkerSession; replaced: AbortController }>();
  #lastLink = 0;
  /** Set while connections are being closed from this side: a worker's goodbye is then only an answer to ours. */
  isClosing = false;

  constructor(options: WorkerHubOptions) {
    this.#o = options;
  }

  /** What is wanted of a worker has changed. */
  push(workerId: string): void {
    this.#sessions.get(workerId)?.session.push();
  }

  handlers(): ServiceHandlers<WorkerHubMethods> {
    return {
      register: async (request, call) => {
        checkSpeaker(call);
        checkRegistration(request);
        await this.#register(request, call);
        return { reconcileEveryMs: this.#o.limits.reconcileEveryMs };
      },
      report: async ({ workerId, incarnation, observed }, call) => {
        checkSpeaker(call);
        await this.#o.engine().run({ kind: "observed", workerId, incarnation, observed, complete: false, strays: 0 });
        return {};
      },
      appendLogs: async ({ workerId, incarnation, uid, firstSequence, entries }, call) => {
        checkSpeaker(call);
        const { state } = this.#o.engine();
        speakingWorker(state.workers.get(workerId), workerId, incarnation);
        const attempt = state.attempts.get(uid);
        // Of an attempt that is forgotten nothing is kept; the worker need not say it again.
        if (attempt?.workerId !== workerId || attempt.disowned) return { nextSequence: firstSequence + entries.length };
        const named = entries.map((entry) => ({ ...entry, taskId: attempt.taskId, attempt: attempt.attempt }));
        const owner = { uid, taskId: attempt.taskId, attempt: attempt.attempt };
        return { nextSequence: await this.#o.logs.append(owner, firstSequence, named) };
      },
    };
  }

  async #register(request: RegisterWorkerRequest, { peer }: InboundCall): Promise<void> {
    const { workerId, incarnation, host, probeAddress, capacity, attributes } = request;
    if (capacity === undefined) return;
    const link = ++this.#lastLink;
    await this.#o
      .engine()
      .run({ kind: "registerWorker", workerId, incarnation, host, probeAddress, capacity, attributes, link });
    const earlier = this.#sessions.get(workerId);
    if (earlier !== undefined && earlier.session.link > link) return;
    earlier?.replaced.abort();
    const replaced = new AbortController();
    const closed = AbortSignal.any([peer.closed, replaced.signal]);
    const session = this.#o.open({ workerId, incarnation, link, channel: peer.channel, closed });
    this.#sessions.set(workerId, { session, replaced });
    const onClosed = () => void this.#lost(workerId, link, !this.isClosing && saidGoodbye(peer));
    if (peer.closed.aborted) onClosed();
    else peer.closed.addEventListener("abort", onClosed, { once: true });
  }

  async #lost(workerId: string, link: number, goodbye: boolean): Promise<void> {
    if (this.#sessions.get(workerId)?.session.link === link) this.#sessions.delete(workerId);
    try {
      await this.#o.engine().run({ kind: "linkLost", workerId, link, goodbye });
    } catch {
      // An engine that is ending forgets who was connected; the next one waits for everybody anew.
    }
  }
}

/** A session that ended after a goodbye has `UNAVAILABLE` as its reason, a broken one `LOST`. */
function saidGoodbye({ closed }: Peer): boolean {
  return IrisError.is(closed.reason, "UNAVAILABLE");
}

function checkSpeaker({ peer }: InboundCall): void {
  if (peer.identity.kind === "user") return;
  throw new IrisError(
    "PERMISSION_DENIED",
    `a ${peer.identity.kind} cannot speak for a worker: use the cluster's token`,
  );
}

function checkRegistration(request: RegisterWorkerRequest): void {
  const { workerId, incarnation, host, probeAddress, capacity, attributes } = request;
  if (!WORKER_ID.test(workerId)) {
    throw invalid(`worker id ${JSON.stringify(workerId)}: use 1 to 63 letters, digits, ".", "_", "-"`);
  }
  if (!INCARNATION.test(incarnation))
    throw invalid(`incarnation ${JSON.stringify(incarnation)}: use 1 to 64 letters and digits`);
  if (capacity === undefined) throw invalid("capacity is missing: say what the worker offers");
  for (const kind of RESOURCE_KINDS) {
    if (!Number.isSafeInteger(capacity[kind]) || capacity[kind] < 0)
      throw invalid(`capacity.${kind} is ${capacity[kind]}`);
  }
  const texts = [host, probeAddress, ...Object.entries(attributes).flat()];
  if (Object.keys(attributes).length > ATTRIBUTES_MAX || texts.some((text) => text.length > TEXT_LENGTH_MAX)) {
    throw invalid(`at most ${ATTRIBUTES_MAX} attributes, and texts of up to ${TEXT_LENGTH_MAX} characters`);
  }
}

function invalid(message: string): IrisError {
  return new IrisError("INVALID_ARGUMENT", `a worker cannot be registered so: ${message}`);
}
