/**
 * What clients may ask: programs, tasks, the command line. It checks what came and who asks, hands commands to the
 * engine, and answers questions from its state, which is durable before it is told. No decision is made here.
 */
import type { Identity } from "../../net/channel.ts";
import type { ServiceHandlers } from "../../net/service.ts";
import type { ControlMethods, Endpoint, EndpointSet, JobStatus } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { Clock } from "../../runtime/ports/clock.ts";
import { checkName, parseId } from "../job/id.ts";
import { checkSpec } from "../job/spec.ts";
import { isFinalJob } from "../job/status.ts";
import { checkIsUser, checkMayEnd, jobOf, taskOf } from "./access.ts";
import { endpointsByName, endpointsByPrefix } from "./endpoint.ts";
import type { Engine } from "./engine.ts";
import type { Journal } from "./journal.ts";
import type { Limits } from "./kernel/command.ts";
import { namespaceOf } from "./kernel/endpoints.ts";
import { readLogs } from "./log-reading.ts";
import type { LogStore } from "./log-store.ts";
import { listJobs, listTasks } from "./pages.ts";
import { attemptsOf, endpointKey, type State } from "./state.ts";
import { attemptStatus, jobStatus, taskStatus, workerStatus } from "./status.ts";
import { Bell, topicOf, type Watches } from "./watches.ts";
import { explain, questionOf } from "./why.ts";
import { readLog } from "./why-log.ts";

const NAMESPACE = /^[0-9a-z][0-9a-z._-]{0,62}$/;
const ENDPOINT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const ADDRESS_LENGTH_MAX = 2_048;
const METADATA_CHARS_MAX = 16_384;
const TOKEN_LENGTH_MAX = 4_096;
const KEY_LENGTH_MAX = 128;
/** Endpoints renewed in one call. */
const RENEWALS_MAX = 10_000;

export interface ApiOptions {
  readonly engine: () => Engine;
  readonly journal: () => Journal;
  readonly logs: LogStore;
  readonly watches: Watches;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Aborts when the port is about to close: streams end then, so that they hold nobody up. */
  readonly stopping: () => AbortSignal;
}

export function controlHandlers({
  engine,
  journal,
  logs,
  watches,
  limits,
  clock,
  stopping,
}: ApiOptions): ServiceHandlers<ControlMethods> {
  /** The state to answer from: all of it is on disk, so what is told stays true. */
  const durable = async (): Promise<State> => {
    await engine().settled();
    return engine().state;
  };
  return {
    async submit({ spec, ifExists, idempotencyKey }, { peer }) {
      if (spec === undefined) throw new IrisError("INVALID_ARGUMENT", "there is no spec: say what to run");
      checkSpec(spec);
      if (idempotencyKey.length > KEY_LENGTH_MAX) {
        throw new IrisError(
          "INVALID_ARGUMENT",
          `idempotencyKey has ${idempotencyKey.length} characters: at most ${KEY_LENGTH_MAX} are allowed`,
        );
      }
      checkMember(peer.identity);
      return engine().run({ kind: "submit", spec, ifExists, idempotencyKey, by: peer.identity });
    },
    async getJob({ jobId }, { peer }) {
      const state = await durable();
      return jobStatus(state, jobOf(state, jobId, peer.identity));
    },
    async listJobs(request, { peer }) {
      checkMember(peer.identity);
      return listJobs(await durable(), request, peer.identity, limits);
    },
    async listTasks(request, { peer }) {
      return listTasks(await durable(), request, peer.identity, limits);
    },
    async getTask({ taskId }, { peer }) {
      const state = await durable();
      return taskStatus(state, taskOf(state, taskId, peer.identity));
    },
    async listAttempts({ taskId }, { peer }) {
      const state = await durable();
      const task = taskOf(state, taskId, peer.identity);
      return { attempts: attemptsOf(state, task.id).map(attemptStatus) };
    },
    async terminateJob({ jobId }, { peer }) {
      jobOf(engine().state, jobId, peer.identity);
      checkMayEnd(jobId, peer.identity);
      await engine().run({ kind: "terminate", jobId, by: peer.identity });
      const { state } = engine();
      return jobStatus(state, jobOf(state, jobId, peer.identity));
    },
    watchJob: ({ jobId, afterVersion }, { peer, signal }) =>
      untilStopped(stopping(), signal, (over) => watchJob(jobId, afterVersion, peer.identity, over)),
    async getResult({ taskId }, { peer }) {
      const state = await durable();
      const task = taskOf(state, taskId, peer.identity);
      if (task.state !== "SUCCEEDED") {
        throw new IrisError(
          "FAILED_PRECONDITION",
          `task ${task.id} is ${task.state}: only one that SUCCEEDED has a result`,
        );
      }
      const attempt = attemptsOf(state, task.id).at(-1);
      const value = attempt?.hasResult ? await journal().result(attempt.id) : undefined;
      return { hasResult: value !== undefined, value: value ?? new Uint8Array() };
    },
    readLogs: (request, { peer, signal }) =>
      untilStopped(stopping(), signal, (over) =>
        readLogs({ view: () => engine().state, logs, watches }, request, peer.identity, over),
      ),
    async listWorkers({ includeGone }, { peer }) {
      checkIsUser(peer.identity, "see the workers");
      const state = await durable();
      const workers = [...state.workers.values()].filter((worker) => includeGone || worker.goneAtMs === null);
      workers.sort((a, b) => (a.id < b.id ? -1 : 1));
      return { workers: workers.map((worker) => workerStatus(state, worker)) };
    },
    async registerEndpoint({ endpoint, namespace }, { peer }) {
      checkMember(peer.identity);
      checkNamespace(namespace);
      const checked = checkEndpoint(endpoint);
      const reply = await engine().run({ kind: "registerEndpoint", endpoint: checked, namespace, by: peer.identity });
      return { ...reply, leaseMs: limits.endpointLeaseMs };
    },
    async unregisterEndpoint({ endpointId }, { peer }) {
      checkMember(peer.identity);
      return engine().run({ kind: "unregisterEndpoint", endpointId, by: peer.identity });
    },
    async renewEndpoints({ endpointIds }, { peer }) {
      checkMember(peer.identity);
      if (endpointIds.length > RENEWALS_MAX) {
        throw new IrisError("INVALID_ARGUMENT", `${endpointIds.length} endpoints in one call: at most ${RENEWALS_MAX}`);
      }
      return engine().run({ kind: "renewEndpoints", endpointIds, by: peer.identity });
    },
    async listEndpoints({ prefix, namespace }, { peer }) {
      checkMember(peer.identity);
      checkNamespace(namespace);
      return { endpoints: endpointsByPrefix(await durable(), namespaceOf(peer.identity, namespace), prefix) };
    },
    watchEndpoints({ name, namespace }, { peer, signal }) {
      checkMember(peer.identity);
      checkNamespace(namespace);
      checkName(name, "endpoint name");
      const wanted = namespaceOf(peer.identity, namespace);
      return untilStopped(stopping(), signal, (over) => watchEndpoints(wanted, name, over));
    },
    async why({ id }, { peer }) {
      const { jobId, kind } = parseId(id);
      const state = await durable();
      const task = kind === "task" ? taskOf(state, id, peer.identity) : undefined;
      const job = jobOf(state, jobId, peer.identity);
      const observing = engine().phase === "observing";
      const question = questionOf(state, job, task, { now: clock.now(), observing });
      // What the rows of this moment refer to must have reached the log.
      await engine().settled();
      return explain(state, question, await readLog(journal(), question));
    },
  };

  async function* watchJob(
    jobId: string,
    afterVersion: number,
    by: Identity,
    signal: AbortSignal,
  ): AsyncGenerator<JobStatus> {
    const bell = new Bell();
    jobOf(engine().state, jobId, by);
    const leave = watches.listen(topicOf.job(jobId), bell.ring);
    let known = afterVersion;
    try {
      while (!signal.aborted) {
        const state = await durable();
        const job = jobOf(state, jobId, by);
        // A final one is always told, or a watcher that knows it already would wait for ever.
        if (job.version > known || isFinalJob(job.state)) {
          known = job.version;
          yield jobStatus(state, job);
          if (isFinalJob(job.state)) return;
        }
        await bell.wait(signal);
      }
    } finally {
      leave();
    }
  }

  async function* watchEndpoints(namespace: string, name: string, signal: AbortSignal): AsyncGenerator<EndpointSet> {
    const bell = new Bell();
    const leave = watches.listen(topicOf.endpoints(endpointKey(namespace, name)), bell.ring);
    try {
      while (!signal.aborted) {
        yield { endpoints: endpointsByName(await durable(), namespace, name) };
        await bell.wait(signal);
      }
    } finally {
      leave();
    }
  }
}

/** A stream that ends with its reader, or says that it was cut off: an end in silence would pass for the real one. */
async function* untilStopped<T>(
  stopping: AbortSignal,
  reader: AbortSignal,
  open: (over: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  yield* open(AbortSignal.any([stopping, reader]));
  if (stopping.aborted) throw new IrisError("UNAVAILABLE", "the controller is stopping: go on with the next one");
}

function checkMember(by: Identity): void {
  if (by.kind === "anonymous") throw new IrisError("PERMISSION_DENIED", "a caller without a token may do nothing here");
}

function checkNamespace(namespace: string): void {
  if (namespace === "" || NAMESPACE.test(namespace)) return;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(namespace)} is no namespace: use 1 to 63 of a-z, 0-9, ".", "_", "-"`,
  );
}

function checkEndpoint(endpoint: Endpoint | undefined): Endpoint {
  const invalid = (message: string) =>
    new IrisError("INVALID_ARGUMENT", `an endpoint cannot be registered so: ${message}`);
  if (endpoint === undefined) throw invalid("it is missing");
  const { endpointId, name, address, metadata, token } = endpoint;
  if (!ENDPOINT_ID.test(endpointId)) {
    throw invalid(
      `id ${JSON.stringify(endpointId)} must be 1 to 64 letters, digits, "_" or "-", made at random by whoever registers`,
    );
  }
  checkName(name, "endpoint name");
  if (address === "" || address.length > ADDRESS_LENGTH_MAX)
    throw invalid(`its address must have 1 to ${ADDRESS_LENGTH_MAX} characters`);
  if (token.length > TOKEN_LENGTH_MAX)
    throw invalid(`its token has ${token.length} characters, at most ${TOKEN_LENGTH_MAX} are allowed`);
  const chars = Object.entries(metadata).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (chars > METADATA_CHARS_MAX)
    throw invalid(`its metadata has ${chars} characters, at most ${METADATA_CHARS_MAX} are allowed`);
  return endpoint;
}
