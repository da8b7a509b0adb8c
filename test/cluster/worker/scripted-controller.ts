/** The controller's side of a worker's session, by script: it hears everything and asks what the test asks. */
import type { Peer } from "../../../src/net/channel.ts";
import { type ServiceClient, serviceClient, serviceTarget } from "../../../src/net/service.ts";
import { SessionListener } from "../../../src/net/session-listener.ts";
import type { MemoryNetwork } from "../../../src/net/transport-memory.ts";
import {
  type DesiredAttempt,
  type ObservedAttempt,
  type ReconcileRequest,
  type RegisterWorkerRequest,
  WorkerHub,
  WorkerNode,
  type WorkerNodeMethods,
} from "../../../src/net/wire/iris.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import type { ManualClock } from "../../kit/manual-clock.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";

export class ScriptedController {
  readonly heard: string[] = [];
  readonly registrations: RegisterWorkerRequest[] = [];
  readonly observed: ObservedAttempt[] = [];
  /** Thrown at who registers or reports. */
  registerError: IrisError | undefined;
  reportError: IrisError | undefined;
  #listener: SessionListener | undefined;
  #node: ServiceClient<WorkerNodeMethods> | undefined;
  #peer: Peer | undefined;

  async listen(network: MemoryNetwork, clock: ManualClock): Promise<void> {
    const hub = serviceTarget(WorkerHub, {
      register: async (request) => {
        if (this.registerError !== undefined) throw this.registerError;
        this.registrations.push(request);
        this.heard.push("register");
        return { reconcileEveryMs: 2_000 };
      },
      report: async ({ observed }) => {
        if (this.reportError !== undefined) throw this.reportError;
        this.observed.push(...observed);
        for (const { uid, phase } of observed) this.heard.push(`${uid} ${phase}`);
        return {};
      },
      appendLogs: async ({ uid, firstSequence, entries }) => {
        for (const { data } of entries) this.heard.push(`${uid} says ${data}`);
        return { nextSequence: firstSequence + entries.length };
      },
    });
    this.#listener = await SessionListener.listen({
      transport: network.transport("controller"),
      port: 8080,
      path: "/rpc",
      clock,
      random: new SeededRandom(2),
      authenticate: (token) => {
        if (token !== "secret") throw new IrisError("UNAUTHENTICATED", "wrong token");
        return { kind: "user", namespace: "default" };
      },
      targets: (name) => (name === WorkerHub.name ? hub : undefined),
      onPeer: (peer) => {
        this.#peer = peer;
        this.#node = serviceClient(WorkerNode, peer.channel);
        peer.closed.addEventListener("abort", () => this.heard.push("gone"));
      },
    });
  }

  async stop(): Promise<void> {
    await this.#listener?.stop({ graceMs: 0 });
  }

  get isConnected(): boolean {
    return this.#peer !== undefined && !this.#peer.closed.aborted;
  }

  async reconcile(desired: DesiredAttempt[], more: Partial<Omit<ReconcileRequest, "desired">> = {}) {
    const { workerId, incarnation } = this.registrations.at(-1) ?? { workerId: "", incarnation: "" };
    const reply = await this.#node?.reconcile({ workerId, incarnation, desired, ...more });
    return reply?.observed ?? [];
  }

  async phases(desired: DesiredAttempt[]): Promise<Record<string, string>> {
    return Object.fromEntries((await this.reconcile(desired)).map(({ uid, phase }) => [uid, phase]));
  }
}
