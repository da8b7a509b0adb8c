/**
 * The worker daemon: runs on a machine what a controller wants there. Put together here, decided elsewhere: its tree is
 * in `tree.ts`, where it stands in `machines/worker.machine.ts`, what runs in `attempts.ts`, what is said in `controller-link.ts`.
 * The one invariant: when `stop` has resolved, no task and nothing else of this worker is left but outputs on disk.
 */
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { controllerRpcAddress } from "../../net/controller-address.ts";
import type { Transport } from "../../net/transport.ts";
import type { Resources } from "../../net/wire/iris.ts";
import { IrisError, toIrisError } from "../../runtime/errors.ts";
import type { ExitReason } from "../../runtime/exit.ts";
import { opaqueId, readableId } from "../../runtime/ids.ts";
import { type Clock, systemClock, type TimerHandle } from "../../runtime/ports/clock.ts";
import { type Environment, processEnvironment } from "../../runtime/ports/environment.ts";
import { type Logger, silentLogger } from "../../runtime/ports/logger.ts";
import { type Random, systemRandom } from "../../runtime/ports/random.ts";
import { ActorSystem } from "../../runtime/system.ts";
import type { SupervisorRef } from "../../supervisors/index.ts";
import { cause } from "../job/cause.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { AttemptDirectory, listAttemptDirectories } from "./attempt-directory.ts";
import { Attempts } from "./attempts.ts";
import { machineCapacity } from "./capacity.ts";
import { ControllerLink } from "./controller-link.ts";
import { type WorkerAction, type WorkerEvent, type WorkerState, workerTable } from "./machines/worker.machine.ts";
import { type PortProbe, TaskPorts } from "./ports.ts";
import { type ListenForProbes, listenForProbes, Probe } from "./probe-listener.ts";
import { canSweep, type TaskRuntime } from "./runtime/runtime.ts";
import { workerTree } from "./tree.ts";

/** Lengths of names that a worker makes for itself. */
const WORKER_ID_LENGTH = 8;
const INCARNATION_LENGTH = 16;
/** Names that can be part of paths and messages. */
const WORKER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** Addresses by which only this machine is reached. */
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "::1"]);

export interface WorkerOptions {
  /** The controller's URL, such as `http://127.0.0.1:8080`. */
  readonly controller: string;
  /** The user token by which the controller lets workers in. */
  readonly token: string;
  readonly transport: Transport;
  readonly runtime: TaskRuntime;
  /** Directory for what tasks write; made if it is not there, kept over restarts, never shared with another worker. */
  readonly workDir: string;
  /** Name, kept over restarts: 1 to 63 of letters, digits, ".", "_", "-". Default: a random one. */
  readonly workerId?: string | undefined;
  /** What it offers; what is left out is what the machine has. */
  readonly capacity?: Partial<Resources> | undefined;
  /** Facts about it that jobs can ask for. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** Address under which its tasks, and the sign of life, are reached. Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Variables of all its tasks, over the system's, below the jobs' own. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The system's variables. Default: this process's. Its `IRIS_*` never reach a task. */
  readonly environment?: Environment | undefined;
  /** How long it keeps its tasks while it cannot reach the controller. Default 600 000. Unit: ms. */
  readonly orphanAfterMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger?: Logger | undefined;
  /** Seams to the machine's network, for tests. */
  readonly listenForProbes?: ListenForProbes | undefined;
  readonly isPortFree?: PortProbe | undefined;
}

export class Worker implements AsyncDisposable {
  readonly workerId: string;
  /** This life of it. */
  readonly incarnation: string;
  readonly #options: WorkerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #system: ActorSystem;
  readonly #attempts: Attempts;
  readonly #link: ControllerLink;
  readonly #probe: Probe;
  readonly #root: string;
  readonly #joined = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<ExitReason>();
  #state: WorkerState = workerTable.initial;
  #tree: SupervisorRef | undefined;
  #orphanTimer: TimerHandle | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * Starts a worker; resolves when its controller has registered it. While the controller cannot be reached it keeps
   * trying. Rejects, leaving nothing behind, with `INVALID_ARGUMENT` for options that make no sense, and with
   * `UNAUTHENTICATED`, `PERMISSION_DENIED` or `VERSION_MISMATCH` when the controller will not have it.
   */
  static async start(options: WorkerOptions): Promise<Worker> {
    const worker = new Worker(options);
    try {
      await worker.#start();
      return worker;
    } catch (error) {
      await worker.stop();
      throw error;
    }
  }

  private constructor(options: WorkerOptions) {
    const { clock = systemClock, random = systemRandom, logger = silentLogger, host = "127.0.0.1" } = options;
    this.#options = options;
    this.#clock = clock;
    this.workerId = options.workerId ?? readableId(random, WORKER_ID_LENGTH);
    if (!WORKER_ID.test(this.workerId)) {
      const message = `worker id ${JSON.stringify(this.workerId)} is not allowed: use 1 to 63 of letters, digits, ".", "_", "-"`;
      throw new IrisError("INVALID_ARGUMENT", message);
    }
    this.incarnation = opaqueId(random, INCARNATION_LENGTH);
    this.#logger = logger.child({ workerId: this.workerId });
    this.#root = join(resolve(options.workDir), "attempts");
    const bindHost = LOOPBACK.has(host) ? host : "0.0.0.0";
    this.#system = new ActorSystem({ name: this.workerId, clock, random, logger: this.#logger });
    this.#probe = new Probe(options.listenForProbes ?? listenForProbes, bindHost);
    this.#link = new ControllerLink({
      address: controllerRpcAddress(options.controller),
      transport: options.transport,
      token: options.token,
      workerId: this.workerId,
      incarnation: this.incarnation,
      clock,
      random,
      logger: this.#logger,
      presentation: () => ({
        host: hostname(),
        probeAddress: `${host.includes(":") ? `[${host}]` : host}:${this.#probe.port}`,
        capacity: { ...machineCapacity(this.#root), ...options.capacity },
        attributes: { ...options.attributes },
      }),
      apply: (desired, speaker) => this.#attempts.apply(desired, speaker),
      observed: (uids) => this.#attempts.observed(uids),
      onRegistered: () => this.#step("registered"),
      onLost: (error) => {
        this.#logger.warn({ error }, "the controller cannot be reached: tasks go on");
        this.#step("linkLost");
      },
    });
    this.#attempts = new Attempts(
      {
        runtime: options.runtime,
        clock,
        logger: this.#logger,
        ports: new TaskPorts({ random, isFree: options.isPortFree }),
        store: this.#link,
        root: this.#root,
        host: {
          workerId: this.workerId,
          controller: options.controller,
          bindHost,
          advertiseHost: host,
          system: options.environment ?? processEnvironment,
          env: options.env ?? {},
        },
        onChange: (uid) => this.#link.report(uid),
      },
      options.orphanAfterMs,
    );
  }

  /** Where it stands with its controller. */
  get state(): WorkerState {
    return this.#state;
  }

  /** Settles when it has ended: because it was stopped, or because a part of it keeps failing. Never rejects. */
  get ended(): Promise<ExitReason> {
    return this.#ended.promise;
  }

  /**
   * Ends its tasks, each within its own grace or `graceMs` if that is shorter, tells the controller, says goodbye.
   * Resolves when nothing is left. Safe to call twice.
   */
  stop(options: { graceMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#leave(options.graceMs);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    await this.#sweep();
    const stopCause = cause("infrastructure", `worker ${this.workerId} was stopped`);
    const parts = { probe: this.#probe, link: this.#link, attempts: this.#attempts, stopCause };
    this.#tree = await this.#system.start(workerTree(parts));
    void this.#tree.ended.then((reason) => this.#treeEnded(reason));
    this.#link.refused.catch((error) => this.#joined.reject(error));
    await this.#joined.promise;
  }

  /** Nothing of an earlier life may run on beside this one: its attempts are void. */
  async #sweep(): Promise<void> {
    const { runtime } = this.#options;
    const left = await listAttemptDirectories(this.#root);
    if (left.length === 0) return;
    const directories = left.map((uid) => new AttemptDirectory(this.#root, uid));
    const ended = canSweep(runtime) ? await runtime.sweep(directories.map(({ outputDir }) => outputDir)) : 0;
    for (const directory of directories) await directory.remove();
    this.#logger.info({ attempts: left.length, processes: ended }, "swept what an earlier life left");
  }

  async #leave(graceMs: number | undefined): Promise<void> {
    this.#step("stop");
    if (graceMs !== undefined) {
      this.#attempts.stopAll(cause("infrastructure", `worker ${this.workerId} was stopped`), graceMs);
    }
    await this.#tree?.stop();
    await this.#attempts.forgetAll();
    await this.#system.stop();
    this.#step("left");
    this.#ended.resolve({ kind: "shutdown", why: "stopped" });
  }

  /** Also when nobody stopped it: then a part of it failed too often, and it cannot go on. */
  #treeEnded(reason: ExitReason): void {
    if (this.#stopping !== undefined) return;
    this.#logger.error({ reason }, "the worker cannot go on: a part of it keeps failing");
    this.#joined.reject(toIrisError(reason.kind === "crashed" ? reason.error : new IrisError("INTERNAL", "it ended")));
    this.#ended.resolve(reason);
    void this.stop();
  }

  #step(event: WorkerEvent): void {
    const next = workerTable.step(this.#state, event, undefined);
    if (next === undefined) return;
    this.#state = next.state;
    for (const action of next.actions) this.#carryOut(action as WorkerAction);
  }

  #carryOut(action: WorkerAction): void {
    const orphanAfterMs = this.#options.orphanAfterMs ?? CLUSTER_LIMITS.orphanAfterMs;
    switch (action) {
      case "announce":
        this.#joined.resolve();
        return;
      case "armOrphanTimer":
        this.#orphanTimer = this.#clock.setTimeout(() => this.#step("orphaned"), orphanAfterMs);
        return;
      case "disarmOrphanTimer":
        this.#clock.clearTimeout(this.#orphanTimer);
        return;
      case "stopAttempts":
        this.#logger.warn({ orphanAfterMs }, "cut off for too long: tasks are stopped");
        this.#attempts.stopAll(cause("infrastructure", `its worker was cut off for ${orphanAfterMs} ms`));
        return;
    }
  }
}
