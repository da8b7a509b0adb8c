/** `container()`: a supervised container, run by Docker, which is loaded only when the first one starts. */

import { IrisError } from "../runtime/errors.ts";
import { type ContainerChildOptions, containerChild } from "../supervisors/container-child.ts";
import type { ContainerEngine } from "../supervisors/container-engine.ts";
import type { ChildSpec } from "../supervisors/spec.ts";
import { parseBytes } from "./job/resources.ts";

export interface ContainerOptions extends Omit<ContainerChildOptions, "memoryBytes" | "cpuMillis" | "engine"> {
  /** More ends it as out of memory: bytes, or text such as `"512MiB"`. Default: no bound. */
  memory?: number | string;
  /** Cores, such as 0.5. Default: no bound. */
  cpu?: number;
  /** What runs it. Default: Docker, at DOCKER_HOST or the usual socket. */
  engine?: () => ContainerEngine | Promise<ContainerEngine>;
}

let docker: Promise<ContainerEngine> | undefined;

/**
 * A child that is a container:
 * `container("db", { image: "postgres:17", env: { POSTGRES_PASSWORD: … }, ports: [5432], ready: { port: 5432 } })`.
 * Throws `INVALID_ARGUMENT` for unsound options.
 */
export function container(id: string, options: ContainerOptions): ChildSpec {
  const { memory, cpu, engine = loadDocker, ...rest } = options;
  if (cpu !== undefined && !(typeof cpu === "number" && cpu >= 0.001)) {
    throw new IrisError("INVALID_ARGUMENT", `cpu of container "${id}" is ${cpu}: use a number of cores from 0.001`);
  }
  return containerChild(id, {
    ...rest,
    ...(memory === undefined ? {} : { memoryBytes: parseBytes(memory, `memory of container "${id}"`) }),
    ...(cpu === undefined ? {} : { cpuMillis: Math.round(cpu * 1_000) }),
    engine,
  });
}

/** One engine for all of this process: it knows what it has made, and sweeps once. */
function loadDocker(): Promise<ContainerEngine> {
  docker ??= import("./worker/runtime/docker/engine.ts").then(({ dockerEngine }) => dockerEngine());
  return docker;
}
