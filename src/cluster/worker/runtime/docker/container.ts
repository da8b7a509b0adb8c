/** One container of Docker's, from its start to its removal. */
import { constants } from "node:os";
import type { Container } from "dockerode";
import { IrisError } from "../../../../runtime/errors.ts";
import { type Clock, sleep } from "../../../../runtime/ports/clock.ts";
import type { ContainerExit, PublishedPort, StartedContainer } from "../../../../supervisors/container-engine.ts";
import { engineError, statusOf } from "./engine-error.ts";

/** How long an engine may be away before its containers are given up: it may be restarting. Unit: ms. */
const AWAY_MS = 30_000;
/** Pause between two tries to reach it again. Unit: ms. */
const AWAY_LOOK_MS = 250;
/** How long the last lines of a container that has ended are waited for. Unit: ms. */
const LAST_LINES_MS = 2_000;

/** What a container prints, being handed on. */
export interface ContainerOutput {
  /** Resolves when there is nothing more. Never rejects. */
  readonly read: Promise<void>;
  /** Reads no more. */
  close(): void;
}

export interface DockerContainerOptions {
  readonly container: Container;
  readonly output: ContainerOutput;
  readonly ports: readonly PublishedPort[];
  /** Its own address, where this process can reach it. */
  readonly ip: string | undefined;
  readonly address: string;
  readonly path: string;
  readonly clock: Clock;
  readonly onRemoved: () => void;
}

export class DockerContainer implements StartedContainer {
  readonly id: string;
  readonly exited: Promise<ContainerExit>;
  readonly #options: DockerContainerOptions;
  #removing: Promise<void> | undefined;

  constructor(options: DockerContainerOptions) {
    this.id = options.container.id;
    this.#options = options;
    this.exited = this.#exit();
    this.exited.catch(() => {});
  }

  reach(port: number): { host: string; port: number } | undefined {
    const { ip, ports } = this.#options;
    // Its own address first: at a published port the engine's proxy accepts connections before anybody listens behind it.
    if (ip !== undefined) return { host: ip, port };
    const published = ports.find(({ container }) => container === port);
    if (published === undefined) return undefined;
    return { host: published.address === "0.0.0.0" ? "127.0.0.1" : published.address, port: published.host };
  }

  async signal(name: "SIGTERM" | "SIGKILL"): Promise<void> {
    const { container, path } = this.#options;
    try {
      await container.kill({ signal: name });
    } catch (thrown) {
      // 404: it is removed; 409: it has ended, or has not begun to run.
      if (statusOf(thrown) === 404 || statusOf(thrown) === 409) return;
      throw this.#error(thrown, `send ${name} to container ${path}`);
    }
  }

  remove(): Promise<void> {
    this.#removing ??= this.#remove();
    return this.#removing;
  }

  async #remove(): Promise<void> {
    const { container, path, output, onRemoved } = this.#options;
    try {
      await container.remove({ force: true, v: true });
    } catch (thrown) {
      // 409: somebody else is at it already.
      if (statusOf(thrown) !== 404 && statusOf(thrown) !== 409) {
        this.#removing = undefined;
        throw this.#error(thrown, `remove container ${path}`);
      }
    }
    output.close();
    onRemoved();
  }

  async #exit(): Promise<ContainerExit> {
    const exit = await this.#ended();
    const { clock, output } = this.#options;
    const late = new AbortController();
    await Promise.race([output.read, sleep(clock, LAST_LINES_MS, late.signal).catch(() => {})]);
    late.abort();
    return exit;
  }

  /** Waits for the end, over restarts of the engine. */
  async #ended(): Promise<ContainerExit> {
    const { container, clock, path } = this.#options;
    for (let awaySince: number | undefined; ; ) {
      try {
        await container.wait();
        return await this.#inspect();
      } catch (thrown) {
        const status = statusOf(thrown);
        if (status === 404) {
          return { code: undefined, signal: undefined, isOutOfMemory: false, message: "somebody else removed it" };
        }
        awaySince ??= clock.now();
        if (clock.now() - awaySince >= AWAY_MS) throw this.#error(thrown, `follow container ${path}`);
        await sleep(clock, AWAY_LOOK_MS);
      }
    }
  }

  async #inspect(): Promise<ContainerExit> {
    const { State: state } = await this.#options.container.inspect();
    if (state.Running) throw new IrisError("UNAVAILABLE", "the engine said that it has ended, and that it runs");
    return {
      code: state.ExitCode,
      signal: signalOf(state.ExitCode),
      isOutOfMemory: state.OOMKilled && state.ExitCode !== 0,
      message: state.Error,
    };
  }

  #error(thrown: unknown, doing: string): IrisError {
    return engineError(thrown, doing, this.#options.address);
  }
}

/** The signal that an exit status stands for, as shells and inits tell it: 128 and its number. */
export function signalOf(code: number): string | undefined {
  const number = code - 128;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
