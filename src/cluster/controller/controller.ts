/**
 * The controller: one process's part of a cluster that knows every job and decides. This is its door; what is behind it
 * is named in `tree.ts`.
 */
import { join } from "node:path";
import type { Transport } from "../../net/transport.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { ExitReason } from "../../runtime/exit.ts";
import { type Clock, systemClock } from "../../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../../runtime/ports/logger.ts";
import { type Random, systemRandom } from "../../runtime/ports/random.ts";
import { ActorSystem } from "../../runtime/system.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import type { Journal } from "./journal.ts";
import { MemoryJournal } from "./journal-memory.ts";
import { SqliteJournal } from "./journal-sqlite.ts";
import type { Limits } from "./kernel/command.ts";
import { LogFiles } from "./log-files.ts";
import { LogMemory } from "./log-memory.ts";
import type { LogStore } from "./log-store.ts";
import type { ControllerState } from "./machines/controller.machine.ts";
import { type Prober, tcpProber } from "./prober.ts";
import { type ControllerParts, controllerTree } from "./tree.ts";

export interface ControllerOptions {
  readonly transport: Transport;
  /** Interface to bind. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** TCP port, 0 for any free one. Default 8080. */
  readonly port?: number | undefined;
  /** Directory for journal and logs, made when missing; `null` keeps everything in memory, for as long as this lives. */
  readonly stateDir: string | null;
  /** The cluster's token: who shows it is a user or a worker. */
  readonly token: string;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger?: Logger | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** How machines are asked whether a process is there. Default: by TCP. */
  readonly probe?: Prober | undefined;
  /** Another journal than that of `stateDir`, such as one in memory that a later controller goes on from. */
  readonly journal?: Journal | undefined;
}

export class Controller implements AsyncDisposable {
  readonly #system: ActorSystem;
  readonly #parts: ControllerParts;
  readonly #logs: LogStore;
  #address = "";
  #ended: Promise<ExitReason> = Promise.resolve({ kind: "shutdown", why: "it never started" });
  #stopping: Promise<void> | undefined;

  private constructor(system: ActorSystem, parts: ControllerParts, logs: LogStore) {
    this.#system = system;
    this.#parts = parts;
    this.#logs = logs;
  }

  /**
   * Starts a controller; resolves when its port takes clients and workers. Rejects with `ALREADY_EXISTS` when the port is
   * taken, `FAILED_PRECONDITION` when the state cannot be used, `INVALID_ARGUMENT` for an empty token; nothing is left
   * running then.
   */
  static async start(options: ControllerOptions): Promise<Controller> {
    const { clock = systemClock, random = systemRandom, logger = silentLogger, stateDir, token } = options;
    if (token === "") throw new IrisError("INVALID_ARGUMENT", "the token is empty: everybody would be let in");
    const limits: Limits = { ...CLUSTER_LIMITS, ...options.limits };
    // A journal in memory outlives a restart of the engine, or it would be none.
    const kept = options.journal ?? (stateDir === null ? new MemoryJournal() : undefined);
    const logs = stateDir === null ? new LogMemory() : await LogFiles.open({ directory: join(stateDir, "logs") });
    const parts = controllerTree({
      transport: options.transport,
      host: options.host ?? "127.0.0.1",
      port: options.port ?? CLUSTER_LIMITS.controllerPort,
      token,
      clock,
      random,
      logger,
      limits,
      prober: options.probe ?? tcpProber(clock),
      openJournal: () => kept ?? SqliteJournal.open(stateDir ?? "."),
      logs,
    });
    const system = new ActorSystem({ name: "controller", clock, random, logger });
    const controller = new Controller(system, parts, logs);
    try {
      const supervisor = await system.start(parts.tree);
      parts.attach(supervisor);
      controller.#ended = supervisor.ended;
      const { host, port } = parts.listener.get();
      controller.#address = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
      logger.info({ address: controller.#address }, "the controller listens");
      return controller;
    } catch (error) {
      await controller.stop();
      throw error;
    }
  }

  /** What clients and workers are given, such as `http://127.0.0.1:8080`. */
  get address(): string {
    return this.#address;
  }

  /** Where it stands in its own life. */
  get phase(): ControllerState {
    return this.#parts.engine.current?.phase ?? (this.#stopping === undefined ? "recovering" : "stopped");
  }

  /** Settles when it has ended: asked to, or because a part of it failed again and again and was given up. */
  get ended(): Promise<ExitReason> {
    return this.#ended;
  }

  /** Closes the port, keeps what is on the way, and ends. Tasks go on: they wait for the next controller. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#system.stop();
    await this.#logs.close();
  }
}
