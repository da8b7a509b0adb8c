/**
 * The controller's parts, and who depends on whom. Read this first.
 *
 *   controller (restForOne: what comes later depends on what comes before)
 *   ├─ engine    journal, state and kernel: commands in, commits, effects out; observes, then serves
 *   ├─ sessions  one exchange for each connected worker
 *   └─ listener  the one port: clients and workers by WebSocket (`api`, `worker-hub`), health pages by HTTP
 *
 * An engine whose journal refuses a commit ends; it, the sessions and the listener start again from what is on disk,
 * workers and clients reconnect, and nobody was told anything that is not true.
 */
import type { Peer } from "../../net/channel.ts";
import { CONTROLLER_RPC_PATH } from "../../net/controller-address.ts";
import { serviceTarget } from "../../net/service.ts";
import { SessionListener } from "../../net/session-listener.ts";
import type { Transport } from "../../net/transport.ts";
import { Control, WorkerHub as WorkerHubService } from "../../net/wire/iris.ts";
import type { Clock } from "../../runtime/ports/clock.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import type { Random } from "../../runtime/ports/random.ts";
import { dynamic, type SupervisorRef, type SupervisorSpec, service, supervise } from "../../supervisors/index.ts";
import { rootOf } from "../job/id.ts";
import { controlHandlers } from "./api.ts";
import { Engine, type Outside } from "./engine.ts";
import { answerHttp } from "./http.ts";
import { identify } from "./identity.ts";
import type { Journal } from "./journal.ts";
import type { Limits } from "./kernel/command.ts";
import type { LogStore } from "./log-store.ts";
import { Part } from "./part.ts";
import type { Prober } from "./prober.ts";
import type { AttemptRow } from "./state.ts";
import { mintTaskToken } from "./task-token.ts";
import { topicOf, Watches } from "./watches.ts";
import { WorkerHub } from "./worker-hub.ts";
import { WorkerSession } from "./worker-session.ts";

export interface TreeOptions {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
  /** The cluster's token. */
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: Limits;
  readonly prober: Prober;
  readonly openJournal: () => Journal;
  readonly logs: LogStore;
}

/** What of a running tree others may hold on to. */
export interface ControllerParts {
  readonly tree: SupervisorSpec;
  readonly engine: Part<Engine>;
  readonly listener: Part<SessionListener>;
  /** Tells the parts who runs them; needed before the first worker connects. */
  attach(supervisor: SupervisorRef): void;
}

/** Bytes of the key of the tasks' tokens: as many as its hash. */
const KEY_BYTES = 32;
/** Bytes of the name of a state: enough for no two ever to be the same. */
const STATE_ID_BYTES = 12;
/** How long calls in flight may take when the port closes. Unit: ms. */
const DRAIN_MS = 1_000;

export function controllerTree(o: TreeOptions): ControllerParts {
  const engine = new Part<Engine>("the controller's state");
  const journal = new Part<Journal>("the controller's journal");
  const key = new Part<Uint8Array>("the key of the tasks' tokens");
  const stateId = new Part<string>("the controller's state");
  const listener = new Part<SessionListener>("the controller's port");
  const watches = new Watches();
  const { clock, random, limits, logger } = o;
  const getEngine = () => engine.get();
  let supervisor: SupervisorRef | undefined;
  let stopping = new AbortController();
  /** The port that the first listener got, so that the next takes the same. */
  let port = o.port;

  const mint = ({ id, jobId, taskId }: AttemptRow): Promise<string> =>
    mintTaskToken(key.get(), { jobId, taskId, attemptUid: id, namespace: rootOf(jobId) }, clock);

  const hub = new WorkerHub({
    engine: getEngine,
    logs: o.logs,
    limits,
    open(worker) {
      const session = new WorkerSession({
        ...worker,
        engine: getEngine,
        stateId: () => stateId.get(),
        ...{ clock, limits, mint, logger },
      });
      const sessions = supervisor?.whichChildren().find(({ id }) => id === "sessions")?.supervisor;
      const started = sessions?.startChild({ id: `${worker.workerId}:${worker.link}`, args: [session] });
      started?.catch((error) =>
        logger.error({ error, workerId: worker.workerId }, "a session with a worker did not start"),
      );
      return session;
    },
  });

  const outside: Outside = {
    push: (workerId) => hub.push(workerId),
    jobChanged(jobId) {
      watches.changed(topicOf.job(jobId));
      for (let end = jobId.length; end !== -1; end = jobId.lastIndexOf("/", end - 1)) {
        watches.changed(topicOf.tree(jobId.slice(0, end)));
        if (end === 0) break;
      }
    },
    endpointsChanged: (endpointKey) => watches.changed(topicOf.endpoints(endpointKey)),
    probe(workerId, link, address) {
      const tell = async (): Promise<void> => {
        const answer = await o.prober.probe(address);
        await getEngine().run({ kind: "probed", workerId, link, answer });
      };
      // An engine that has ended meanwhile waits for the worker anew.
      void tell().catch((error) => logger.debug({ error, workerId }, "a probe's answer came too late"));
    },
    forgetLogs(taskIds) {
      void o.logs.forget(taskIds).catch((error) => logger.warn({ error, taskIds }, "logs could not be deleted"));
    },
  };

  const targets = new Map([
    [
      Control.name,
      serviceTarget(
        Control,
        controlHandlers({
          engine: getEngine,
          journal: () => journal.get(),
          logs: o.logs,
          watches,
          limits,
          clock,
          stopping: () => stopping.signal,
        }),
      ),
    ],
    [WorkerHubService.name, serviceTarget(WorkerHubService, hub.handlers())],
  ]);

  const engineService = service("engine", async ({ signal, ready }) => {
    const opened = o.openJournal();
    try {
      key.set(await opened.secret("task-tokens", () => random.bytes(KEY_BYTES)));
      const name = await opened.secret("state-id", () => random.bytes(STATE_ID_BYTES));
      stateId.set(Buffer.from(name).toString("hex"));
      journal.set(opened);
      const started = await Engine.start({ journal: opened, clock, random, logger, limits, outside });
      engine.set(started);
      ready();
      watches.changedAll();
      await Promise.race([aborted(signal), started.failed]);
      await started.stop();
    } finally {
      engine.clear();
      journal.clear();
      await opened.close();
    }
  });

  const listenerService = service("listener", async ({ signal, ready }) => {
    const opened = await SessionListener.listen({
      transport: o.transport,
      host: o.host,
      port,
      path: CONTROLLER_RPC_PATH,
      authenticate: (token) => identify(token, { token: o.token, key: () => key.get(), clock }),
      targets: (name) => targets.get(name),
      onPeer: (peer: Peer) => logger.debug({ peer: peer.address, kind: peer.identity.kind }, "somebody connected"),
      onHttp: (request, response) =>
        answerHttp(request, response, { token: o.token, phase: () => engine.current?.phase ?? "recovering" }),
      clock,
      random,
      logger,
    });
    port = opened.port;
    hub.isClosing = false;
    stopping = new AbortController();
    listener.set(opened);
    ready();
    await aborted(signal);
    hub.isClosing = true;
    stopping.abort();
    listener.clear();
    await opened.stop({ graceMs: DRAIN_MS });
  });

  const sessions = dynamic("sessions", (session: WorkerSession) =>
    service(
      "session",
      async ({ signal, ready }) => {
        ready();
        await session.run(signal);
      },
      { restart: "transient" },
    ),
  );

  const tree = supervise({
    name: "controller",
    strategy: "restForOne",
    children: [engineService, sessions, listenerService],
  });
  return {
    tree,
    engine,
    listener,
    attach(ref) {
      supervisor = ref;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
