/**
 * Containers by Docker, or by what speaks its protocol, at DOCKER_HOST or the usual socket. Each is labelled with the
 * process that owns it; a reaper removes them when that ends, and the first start of an owner sweeps what is left of
 * others that are gone.
 */
import { type Duplex, PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import Docker from "dockerode";
import { type Clock, systemClock } from "../../../../runtime/ports/clock.ts";
import { type Logger, silentLogger } from "../../../../runtime/ports/logger.ts";
import type { ContainerEngine, ContainerLaunch, StartedContainer } from "../../../../supervisors/container-engine.ts";
import { LineSplitter } from "../../../../supervisors/line-splitter.ts";
import type { OutputSource } from "../../../../supervisors/output.ts";
import { type ContainerOutput, DockerContainer } from "./container.ts";
import { engineError, statusOf } from "./engine-error.ts";
import { isLeftOver, OWNER_LABELS, ownLabels } from "./owner.ts";
import { Reaper } from "./reaper.ts";

export interface DockerEngineOptions {
  /** Path of the engine's socket. Default: DOCKER_HOST, or the usual one. */
  readonly socketPath?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
}

/** Connects to nobody until something is asked of it. */
export function dockerEngine(options: DockerEngineOptions = {}): ContainerEngine {
  return new DockerEngine(options);
}

class DockerEngine implements ContainerEngine {
  readonly #docker: Docker;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #reaper: Reaper;
  #swept: Promise<unknown> | undefined;

  constructor({ socketPath, clock = systemClock, logger = silentLogger }: DockerEngineOptions) {
    this.#docker = new Docker(socketPath === undefined ? undefined : { socketPath });
    this.#clock = clock;
    this.#logger = logger;
    this.#reaper = new Reaper(logger);
  }

  async start(launch: ContainerLaunch): Promise<StartedContainer> {
    await this.#sweepOnce();
    this.#reaper.add();
    let made: Docker.Container | undefined;
    try {
      made = await this.#docker.createContainer(creation(launch));
      const output = await this.#attach(made, launch);
      await made.start();
      const ip = await this.#addressOf(made);
      return new DockerContainer({
        container: made,
        output,
        ports: launch.ports,
        ip,
        address: await this.#address(),
        path: launch.path,
        clock: this.#clock,
        onRemoved: () => this.#reaper.drop(),
      });
    } catch (thrown) {
      await made?.remove({ force: true, v: true }).catch(() => {});
      this.#reaper.drop();
      throw engineError(thrown, `start container ${launch.path}`, await this.#address(), launch.image);
    }
  }

  async sweep(): Promise<number> {
    const doing = "sweep containers";
    try {
      const found = await this.#docker.listContainers({ all: true, filters: { label: [OWNER_LABELS.owner] } });
      const left = found.filter(({ Labels, State }) => isLeftOver(Labels, State === "running"));
      await Promise.all(left.map(({ Id }) => this.#removeLeft(Id)));
      if (left.length > 0) this.#logger.info({ containers: left.length }, "removed containers of owners that are gone");
      return left.length;
    } catch (thrown) {
      throw engineError(thrown, doing, await this.#address());
    }
  }

  /** At the first start; one that fails is tried again with the next. */
  async #sweepOnce(): Promise<void> {
    this.#swept ??= this.sweep();
    try {
      await this.#swept;
    } catch (error) {
      this.#swept = undefined;
      throw error;
    }
  }

  async #removeLeft(id: string): Promise<void> {
    try {
      await this.#docker.getContainer(id).remove({ force: true, v: true });
    } catch (thrown) {
      // Somebody else who sweeps was faster.
      if (statusOf(thrown) !== 404 && statusOf(thrown) !== 409) throw thrown;
    }
  }

  /** Before it runs, so that no line is missed. */
  async #attach(container: Docker.Container, { onLine }: ContainerLaunch): Promise<ContainerOutput> {
    const stream = await container.attach({ stream: true, stdout: true, stderr: true });
    const sinks = { stdout: lineSink("stdout", onLine), stderr: lineSink("stderr", onLine) };
    this.#docker.modem.demuxStream(stream, sinks.stdout, sinks.stderr);
    const closed = finished(stream).catch(() => {});
    const read = closed.then(async () => {
      for (const sink of Object.values(sinks)) sink.end();
      await Promise.all(Object.values(sinks).map((sink) => finished(sink)));
    });
    return { read, close: () => (stream as Duplex).destroy() };
  }

  /** Only a local engine on Linux shares its network with this process. */
  async #addressOf(container: Docker.Container): Promise<string | undefined> {
    const { NetworkSettings, HostConfig } = await container.inspect();
    if (HostConfig.NetworkMode === "host") return "127.0.0.1";
    if (process.platform !== "linux" || this.#modem.socketPath === undefined) return undefined;
    return Object.values(NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== "")?.IPAddress;
  }

  /** What it knows of its engine, though its types do not say so. */
  get #modem(): { host?: string; port?: string; socketPath?: string | (() => Promise<string>) } {
    return this.#docker.modem as unknown as { host?: string; port?: string; socketPath?: string };
  }

  /** Where the engine is, for messages. */
  async #address(): Promise<string> {
    const { host, port, socketPath } = this.#modem;
    if (host !== undefined) return `${host}:${port}`;
    return typeof socketPath === "function" ? await socketPath() : String(socketPath);
  }
}

function creation(launch: ContainerLaunch): Docker.ContainerCreateOptions {
  const { image, command, entrypoint, env, cwd, user, ports, mounts, network, memoryBytes, cpuMillis, init } = launch;
  const exposed = ports.map(({ container }) => [`${container}/tcp`, {}] as const);
  const bindings = ports.map(
    ({ container, host, address }) => [`${container}/tcp`, [{ HostIp: address, HostPort: String(host) }]] as const,
  );
  return {
    Image: image,
    ...(command === undefined ? {} : { Cmd: [...command] }),
    ...(entrypoint === undefined ? {} : { Entrypoint: [...entrypoint] }),
    ...(cwd === undefined ? {} : { WorkingDir: cwd }),
    ...(user === undefined ? {} : { User: user }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...ownLabels(), [OWNER_LABELS.path]: launch.path },
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: Object.fromEntries(exposed),
    HostConfig: {
      Init: init,
      PortBindings: Object.fromEntries(bindings),
      Mounts: mounts.map(({ source, target, readOnly = false }) => ({
        Type: "bind" as const,
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      ...(network === undefined ? {} : { NetworkMode: network }),
      // The same bound for both: no swap is added.
      ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
      ...(cpuMillis === undefined ? {} : { NanoCpus: cpuMillis * 1_000_000 }),
    },
  };
}

function lineSink(source: OutputSource, onLine: ContainerLaunch["onLine"]): PassThrough {
  const sink = new PassThrough();
  const lines = new LineSplitter((line) => onLine(source, line));
  sink.on("data", (bytes: Buffer) => lines.push(bytes));
  sink.once("end", () => lines.end());
  return sink;
}
