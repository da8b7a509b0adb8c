/** What this machine has to offer: asked once, when a worker starts. */
import { statfsSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { Resources } from "../../net/wire/iris.ts";

/**
 * The cores and the memory that this process may use, control groups respected, and, for a directory that exists, the
 * disk that is free there. Graphics processors are not looked for.
 */
export function machineCapacity(directory?: string): Resources {
  const allowedBytes = process.constrainedMemory();
  return {
    cpuMillis: availableParallelism() * 1000,
    memoryBytes: allowedBytes > 0 ? Math.min(allowedBytes, totalmem()) : totalmem(),
    diskBytes: directory === undefined ? 0 : freeDiskBytes(directory),
    gpus: 0,
  };
}

function freeDiskBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

/** Cores that a cluster for development offers at least. */
const DEVELOPMENT_CPU_MILLIS = 16_000;

/**
 * What each worker of a cluster for development (`IrisClient.local()`, `iris up`) offers unless told otherwise: what the
 * machine has, but at least 16 cores. Parents hold their share while they wait for their children, so on a laptop a tree
 * of jobs deeper than it has cores would never start; its processes share the real cores as all programs do.
 */
export function developmentCapacity(): Resources {
  const machine = machineCapacity();
  return { ...machine, cpuMillis: Math.max(machine.cpuMillis, DEVELOPMENT_CPU_MILLIS) };
}
