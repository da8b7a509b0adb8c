/**
 * A whole cluster in this process: a controller that keeps its state in memory, and workers that run tasks as
 * processes. The same parts, started in the same way, as on many machines; nothing is left when it is stopped.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wsTransport } from "../net/transport-ws.ts";
import type { Resources } from "../net/wire/iris.ts";
import { IrisError } from "../runtime/errors.ts";
import { opaqueId } from "../runtime/ids.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import { systemRandom } from "../runtime/ports/random.ts";
import { Controller } from "./controller/controller.ts";
import { parseResources } from "./job/resources.ts";
import { developmentCapacity } from "./worker/capacity.ts";
import { processRuntime } from "./worker/runtime/process.ts";
import { Worker } from "./worker/worker.ts";

/** Workers of a local cluster, at most: each is a supervision tree and a connection of its own. */
const WORKERS_MAX = 64;
/** Length of the token that only this process and its tasks know. */
const TOKEN_LENGTH = 32;

export interface LocalOptions {
  /** Workers, 1 to 64. Default 1. */
  workers?: number;
  /** Cores that each worker offers. Default: the machine's, at least 16. */
  cpu?: number;
  /** Memory that each worker offers: bytes, or text such as `"2GB"`. Default: the machine's. */
  memory?: number | string;
  /** Default: silent. */
  logger?: Logger;
}

export interface LocalCluster {
  /** The controller's URL. */
  readonly url: string;
  readonly token: string;
  /** Ends workers, with their tasks, and the controller, and removes what they wrote. */
  stop(): Promise<void>;
}

/** Starts it, ready to take jobs. Rejects with `INVALID_ARGUMENT`; whatever was started by then is stopped. */
export async function startLocal(options: LocalOptions = {}): Promise<LocalCluster> {
  const { workers = 1, logger } = options;
  if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) {
    throw new IrisError("INVALID_ARGUMENT", `workers ${String(workers)} is not allowed: use 1 to ${WORKERS_MAX}`);
  }
  const capacity = capacityOf(options);
  const transport = wsTransport();
  const token = opaqueId(systemRandom, TOKEN_LENGTH);
  // Stopped last first: workers before the controller that they report to, the directory when nobody writes any more.
  const started = new AsyncDisposableStack();
  try {
    const directory = await mkdtemp(join(tmpdir(), "iris-local-"));
    started.defer(() => rm(directory, { recursive: true, force: true }));
    const controller = await Controller.start({
      transport,
      host: "127.0.0.1",
      port: 0,
      stateDir: null,
      token,
      ...(logger === undefined ? {} : { logger }),
    });
    started.defer(() => controller.stop());
    for (let index = 0; index < workers; index++) {
      const worker = await Worker.start({
        controller: controller.address,
        token,
        transport,
        runtime: processRuntime(),
        workDir: join(directory, `worker-${index}`),
        workerId: `local-${index}`,
        capacity,
        ...(logger === undefined ? {} : { logger }),
      });
      started.defer(() => worker.stop());
    }
    return { url: controller.address, token, stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

function capacityOf(options: LocalOptions): Resources {
  const { cpu, memory } = options;
  const { cpuMillis, memoryBytes } = parseResources({
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
  });
  return {
    ...developmentCapacity(),
    ...(cpu === undefined ? {} : { cpuMillis }),
    ...(memory === undefined ? {} : { memoryBytes }),
  };
}
