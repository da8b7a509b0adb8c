/** A worker that does what a test tells it, over a real session: it keeps what it is asked to, and says what it is told. */
import { Connection } from "../../../src/net/connection.ts";
import { serviceClient, serviceTarget } from "../../../src/net/service.ts";
import type { Transport } from "../../../src/net/transport.ts";
import {
  type AttemptSpec,
  type DesiredAttempt,
  type ObservedAttempt,
  WorkerHub,
  WorkerNode,
} from "../../../src/net/wire/iris.ts";
import type { Clock } from "../../../src/runtime/ports/clock.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";
import { exitOf, resources } from "./journey.ts";

export interface ScriptedWorkerOptions {
  readonly address: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly token: string;
  readonly workerId?: string;
  readonly incarnation?: string;
  readonly cpu?: number;
}

export class ScriptedWorker {
  /** What runs here, and what has ended and is still asked about, by uid. */
  readonly attempts = new Map<string, ObservedAttempt>();
  readonly specs = new Map<string, AttemptSpec>();
  /** The last complete set that was wanted. */
  desired: readonly DesiredAttempt[] = [];
  exchanges = 0;
  /** Of each exchange, whether its controller only observed. */
  readonly observedOnly: boolean[] = [];
  /** A frozen one answers no exchange. */
  isFrozen = false;
  readonly connection: Connection;
  readonly workerId: string;
  readonly incarnation: string;

  constructor({
    address,
    transport,
    clock,
    token,
    workerId = "w",
    incarnation = "life1",
    cpu = 4,
  }: ScriptedWorkerOptions) {
    this.workerId = workerId;
    this.incarnation = incarnation;
    const node = serviceTarget(WorkerNode, {
      reconcile: async ({ desired, observeOnly = false }, { signal }) => {
        this.exchanges += 1;
        this.observedOnly.push(observeOnly);
        if (this.isFrozen) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { observed: this.#reconcile(desired) };
      },
    });
    this.connection = new Connection({
      address,
      token,
      transport,
      clock,
      random: new SeededRandom(7),
      targets: (name) => (name === WorkerNode.name ? node : undefined),
    });
    this.connection.onUp(() => {
      const registration = {
        workerId,
        incarnation,
        host: "h",
        probeAddress: "127.0.0.1:9",
        capacity: resources(cpu),
        attributes: {},
      };
      void this.hub.register(registration).catch(() => {});
    });
  }

  get hub() {
    return serviceClient(WorkerHub, this.connection);
  }

  /** Uids of what runs here. */
  running(): string[] {
    return [...this.attempts.values()]
      .filter(({ phase }) => phase === "RUNNING" || phase === "BUILDING")
      .map(({ uid }) => uid);
  }

  /** Says that an attempt runs. */
  async run(uid: string): Promise<void> {
    await this.#say({ uid, phase: "RUNNING", ports: {}, startedAtMs: 1 });
  }

  /** Says how an attempt ended. */
  async exit(uid: string, exit = exitOf()): Promise<void> {
    await this.#say({ uid, phase: "EXITED", ports: {}, exit: { ...exit, endedAtMs: 2 } });
  }

  async print(uid: string, ...lines: string[]): Promise<void> {
    const { workerId, incarnation } = this;
    const entries = lines.map((data, index) => ({
      timeMs: index,
      source: "STDOUT" as const,
      data,
      taskId: "",
      attempt: 0,
    }));
    await this.hub.appendLogs({ workerId, incarnation, uid, firstSequence: 0, entries });
  }

  async #say(observed: ObservedAttempt): Promise<void> {
    this.attempts.set(observed.uid, observed);
    const { workerId, incarnation } = this;
    await this.hub.report({ workerId, incarnation, observed: [observed] });
  }

  #reconcile(desired: readonly DesiredAttempt[]): ObservedAttempt[] {
    this.desired = desired;
    const wanted = new Set(desired.map(({ uid }) => uid));
    for (const { uid, run, spec } of desired) {
      const known = this.attempts.get(uid);
      if (spec !== undefined) this.specs.set(uid, spec);
      if (known === undefined && run && spec !== undefined) {
        this.attempts.set(uid, { uid, phase: "BUILDING", ports: {} });
      } else if (known === undefined) {
        this.attempts.set(uid, { uid, phase: "MISSING", ports: {} });
      } else if (!run && known.phase !== "EXITED" && known.phase !== "MISSING") {
        const cause = { kind: "killed-by-user", message: "stopped", causeEventId: 0 };
        this.attempts.set(uid, { uid, phase: "EXITED", ports: {}, exit: exitOf({ ok: false, cause, endedAtMs: 3 }) });
      }
    }
    // What is not wanted must not run; what has ended and is not asked about any more was heard.
    for (const uid of this.attempts.keys()) if (!wanted.has(uid)) this.attempts.delete(uid);
    return [...this.attempts.values()];
  }
}
