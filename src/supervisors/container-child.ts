/**
 * A container as a supervised child: asked to end by SIGTERM, ended by SIGKILL after the grace, and removed however it
 * ended before its end is told. What runs it is handed in as a `ContainerEngine`.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../runtime/exit.ts";
import type { ContainerEngine, ContainerExit, Mount, PublishedPort, StartedContainer } from "./container-engine.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { ChildOptions } from "./options.ts";
import { Output, type OutputSource } from "./output.ts";
import { type Outside, startOutside, type Watch } from "./outside-child.ts";
import {
  checkLiveness,
  checkReadiness,
  describePlace,
  type Liveness,
  look,
  nodeProber,
  type Prober,
  probeUntilReady,
  type Reachable,
  type Readiness,
} from "./probe.ts";
import type { ChildEnv, ChildSpec, RunningChild } from "./spec.ts";
import { childBasics } from "./spec-check.ts";

/** In a URL of `ready` or `live`, stands for wherever the container is reached. */
const CONTAINER_HOST = "container";

export interface ContainerChildOptions extends ChildOptions {
  /** Of the engine's own images: none is pulled. */
  image: string;
  /** Instead of the image's own command. Below a dynamic supervisor, the arguments of `startChild` follow it. */
  command?: readonly string[];
  /** Instead of the image's own entrypoint. */
  entrypoint?: readonly string[];
  /** Variables beside the image's own; nothing is inherited from this process. */
  env?: Readonly<Record<string, string>>;
  /** Working directory in the container. Default: the image's own. */
  cwd?: string;
  /** Name or number of the user, as the image knows it. Default: the image's own. */
  user?: string;
  /** Ports to publish on this machine: a number is the same one on 127.0.0.1. */
  ports?: readonly (number | { container: number; host: number; address?: string })[];
  mounts?: readonly Mount[];
  /** Such as `bridge`, `host`, `none`. Default: the engine's own. */
  network?: string;
  /** Default: no bound. Unit: bytes. */
  memoryBytes?: number;
  /** Default: no bound. Unit: thousandths of a core. */
  cpuMillis?: number;
  /** Whether a small init of the engine's is process 1: hands signals on and takes away zombies. Default true. */
  init?: boolean;
  /**
   * When it counts as ready: ports are the container's own, and a URL's host may be `container` for wherever it is
   * reached, as in `http://container:8080/health`. Default: as soon as it runs.
   */
  ready?: Readiness;
  /** Time to become ready; then it is killed and the start has failed. Default 30 000 ms. */
  readyTimeoutMs?: number;
  /** Where it must answer as long as it runs, as in `ready`; one that does not has crashed. Default: not looked at. */
  live?: Liveness;
  /** Called with each line that it prints. Default: the supervisor's logger, as `debug`. */
  onLine?: (line: string, source: OutputSource) => void;
  /** What runs it; asked for at each start. */
  engine: () => ContainerEngine | Promise<ContainerEngine>;
  prober?: Prober;
}

/** A child that is a container. Throws `INVALID_ARGUMENT` for unsound options. */
export function containerChild(id: string, options: ContainerChildOptions): ChildSpec {
  checkOptions(`container "${id}"`, options);
  return {
    ...childBasics(id, options),
    kind: "container",
    start: (env) => startContainer(options, env),
  };
}

async function startContainer(options: ContainerChildOptions, env: ChildEnv): Promise<RunningChild> {
  const output = new Output("container", options, env);
  const engine = await options.engine();
  env.signal.throwIfAborted();
  const { image, command, entrypoint, cwd, user, network, memoryBytes, cpuMillis } = options;
  const args = env.args.map(String);
  const started = await engine.start({
    path: env.path,
    image,
    command: command === undefined && args.length === 0 ? undefined : [...(command ?? []), ...args],
    entrypoint,
    env: { ...options.env },
    cwd,
    user,
    ports: publishedPorts(options),
    mounts: options.mounts ?? [],
    network,
    memoryBytes,
    cpuMillis,
    init: options.init ?? true,
    onLine: (source, line) => output.take(source, line),
  });
  let watch: Watch;
  try {
    watch = watchOf(options, started, output, env);
  } catch (error) {
    await started.remove();
    throw error;
  }
  return startOutside(new OutsideContainer(started, output, options, env), watch, env);
}

function watchOf(options: ContainerChildOptions, started: StartedContainer, output: Output, env: ChildEnv): Watch {
  const { clock } = env.system;
  const { ready, live, prober = nodeProber(clock), readyTimeoutMs = SUPERVISION_LIMITS.startTimeoutMs } = options;
  const readyPlace = ready === undefined || "line" in ready ? undefined : reached(ready, started, env.path);
  const livePlace = live && reached(live, started, env.path);
  return {
    readyTimeoutMs,
    isReady:
      ready &&
      ((signal) => (readyPlace === undefined ? output.saidReady : probeUntilReady(readyPlace, prober, clock, signal))),
    live: live && livePlace && { what: describePlace(livePlace), answers: () => look(livePlace, prober), pace: live },
  };
}

/** A place inside the container, as this process gets there. */
function reached(place: Reachable, started: StartedContainer, path: string): Reachable {
  if ("http" in place) {
    const url = new URL(place.http);
    if (url.hostname !== CONTAINER_HOST) return place;
    const at = need(started, Number(url.port || (url.protocol === "https:" ? 443 : 80)), path);
    url.host = at.host.includes(":") ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
    return { http: url.href };
  }
  return place.host === undefined ? need(started, place.port, path) : place;
}

function need(started: StartedContainer, port: number, path: string): { host: string; port: number } {
  const at = started.reach(port);
  if (at !== undefined) return at;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `port ${port} of container ${path} cannot be reached from here: name it in ports, or use ready: { line }`,
    { where: path },
  );
}

class OutsideContainer implements Outside {
  readonly name: string;
  readonly request = "SIGTERM";
  readonly gone: Promise<ExitReason>;
  readonly #started: StartedContainer;
  readonly #output: Output;
  readonly #memoryBytes: number | undefined;
  readonly #env: ChildEnv;

  constructor(started: StartedContainer, output: Output, { memoryBytes }: ContainerChildOptions, env: ChildEnv) {
    this.name = `container ${env.path} (${started.id.slice(0, 12)})`;
    this.#started = started;
    this.#output = output;
    this.#memoryBytes = memoryBytes;
    this.#env = env;
    this.gone = this.#end();
  }

  get quoted(): string {
    return this.#output.quoted;
  }

  ask(): void {
    this.#signal("SIGTERM");
  }

  force(): void {
    this.#signal("SIGKILL");
  }

  #signal(name: "SIGTERM" | "SIGKILL"): void {
    this.#started.signal(name).catch((thrown: unknown) => {
      const error = toIrisError(thrown, "UNAVAILABLE", this.#env.path);
      this.#env.logger.error({ container: this.#env.path, signal: name, error }, "container could not be signalled");
    });
  }

  async #end(): Promise<ExitReason> {
    const exit = await this.#started.exited.catch((thrown: unknown) => toIrisError(thrown, "UNAVAILABLE"));
    try {
      await this.#started.remove();
    } catch (thrown) {
      const error = toIrisError(thrown, "UNAVAILABLE", this.#env.path);
      this.#env.logger.error(
        { container: this.#env.path, id: this.#started.id, error },
        "container may still be there",
      );
    }
    if (exit instanceof IrisError) return { kind: "crashed", error: exit };
    return exit.code === 0 ? NORMAL : { kind: "crashed", error: this.#failure(exit) };
  }

  #failure({ code, signal, isOutOfMemory, message }: ContainerExit): IrisError {
    const where = this.#env.path;
    if (isOutOfMemory) {
      const limit = this.#memoryBytes === undefined ? "" : ` (its limit is ${this.#memoryBytes} bytes)`;
      const text = `${this.name} ran out of memory${limit}: raise memory, or let it hold less${this.quoted}`;
      return new IrisError("RESOURCE_EXHAUSTED", text, { where, retryable: false });
    }
    const status = code === undefined ? "with an unknown exit status" : `with exit status ${code}`;
    const how = signal === undefined ? status : `by ${signal}`;
    const told = message === "" ? "" : ` (${message})`;
    return new IrisError("INTERNAL", `${this.name} ended ${how}${told}${this.quoted}`, { where });
  }
}

function publishedPorts({ ports = [] }: ContainerChildOptions): PublishedPort[] {
  return ports.map((port) => {
    if (typeof port === "number") return { container: port, host: port, address: "127.0.0.1" };
    return { container: port.container, host: port.host, address: port.address ?? "127.0.0.1" };
  });
}

function checkOptions(what: string, options: ContainerChildOptions): void {
  const { image, command, entrypoint, env = {}, ready, live, readyTimeoutMs, memoryBytes, cpuMillis } = options;
  if (typeof image !== "string" || image === "") refuse(`image of ${what} is ${JSON.stringify(image)}: name one`);
  for (const [key, words] of Object.entries({ command, entrypoint })) {
    if (words === undefined) continue;
    if (Array.isArray(words) && words.every((word) => typeof word === "string")) continue;
    refuse(`${key} of ${what} is ${JSON.stringify(words)}: use ["command", "argument", …]`);
  }
  for (const [name, value] of Object.entries(env)) {
    if (name !== "" && !name.includes("=") && typeof value === "string") continue;
    refuse(`env of ${what} cannot have ${JSON.stringify(name)} as ${JSON.stringify(value)}: names and values are text`);
  }
  for (const { container, host } of publishedPorts(options)) {
    if (isPort(container) && isPort(host)) continue;
    refuse(`ports of ${what} have ${container} at ${host}: ports are 1 to 65535`);
  }
  if (memoryBytes !== undefined && !(Number.isInteger(memoryBytes) && memoryBytes > 0)) {
    refuse(`memory of ${what} is ${memoryBytes} bytes: use more than 0`);
  }
  if (cpuMillis !== undefined && !(Number.isInteger(cpuMillis) && cpuMillis > 0)) {
    refuse(`cpu of ${what} is ${cpuMillis} thousandths of a core: use more than 0`);
  }
  if (readyTimeoutMs !== undefined && !(readyTimeoutMs > 0)) {
    refuse(`readyTimeoutMs of ${what} is ${readyTimeoutMs}: use ms above 0`);
  }
  if (ready !== undefined) checkReadiness(what, ready);
  if (live !== undefined) checkLiveness(what, live);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function refuse(message: string): never {
  throw new IrisError("INVALID_ARGUMENT", message);
}
