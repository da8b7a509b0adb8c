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
