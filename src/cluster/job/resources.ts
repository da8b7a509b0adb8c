/** What tasks need and machines offer (pure): parsing of what people write, and arithmetic. */

import type { Resources } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";

/** What people write: cores, and bytes as numbers or as text like `"2GB"` or `"512MiB"`. */
export interface ResourceRequest {
  /** Cores, in thousandths; 0 to 4 000 000 thousandths. Default 1. */
  cpu?: number;
  /** Bytes, or text with a unit. Default 512 MiB. */
  memory?: number | string;
  /** Bytes, or text with a unit. Default 0. */
  disk?: number | string;
  /** Whole graphics processors. Default 0. */
  gpu?: number;
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};
const CPU_MAX = 4_000_000;
const BYTES_MAX = Number.MAX_SAFE_INTEGER;

export const DEFAULT_REQUEST = Object.freeze({ cpu: 1, memory: 512 * 1024 ** 2, disk: 0, gpu: 0 });

/** Bytes of `"2GB"` (2·10⁹), `"512MiB"` (512·2²⁰) or a plain number. Throws `INVALID_ARGUMENT`. */
export function parseBytes(size: number | string, what: string): number {
  const match = typeof size === "string" ? /^\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*$/.exec(size) : undefined;
  const unit = UNITS[(match?.[2] ?? "").toLowerCase()];
  const bytes = typeof size === "number" ? size : match && unit !== undefined ? Number(match[1]) * unit : Number.NaN;
  if (!(bytes >= 0 && bytes <= BYTES_MAX)) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `${what} ${JSON.stringify(size)} is no size: give bytes, or text such as "2GB" or "512MiB", from 0 to 8 PiB`,
    );
  }
  return Math.round(bytes);
}

/** What a job asks for, in the wire's units, defaults filled in. Throws `INVALID_ARGUMENT`. */
export function parseResources(request: ResourceRequest = {}): Resources {
  for (const key of Object.keys(request)) {
    if (!(key in DEFAULT_REQUEST)) {
      throw new IrisError("INVALID_ARGUMENT", `resources have no ${JSON.stringify(key)}: use cpu, memory, disk, gpu`);
    }
  }
  const cpu = request.cpu ?? DEFAULT_REQUEST.cpu;
  if (!(typeof cpu === "number" && cpu >= 0 && cpu <= CPU_MAX)) {
    throw new IrisError("INVALID_ARGUMENT", `cpu ${JSON.stringify(cpu)} is no number of cores from 0 to ${CPU_MAX}`);
  }
  const gpus = request.gpu ?? DEFAULT_REQUEST.gpu;
  if (!(Number.isInteger(gpus) && gpus >= 0 && gpus <= 1024)) {
    throw new IrisError("INVALID_ARGUMENT", `gpu ${JSON.stringify(gpus)} is no whole number from 0 to 1024`);
  }
  return {
    cpuMillis: Math.round(cpu * 1000),
    memoryBytes: parseBytes(request.memory ?? DEFAULT_REQUEST.memory, "memory"),
    diskBytes: parseBytes(request.disk ?? DEFAULT_REQUEST.disk, "disk"),
    gpus,
  };
}

export const NO_RESOURCES: Resources = Object.freeze({ cpuMillis: 0, memoryBytes: 0, diskBytes: 0, gpus: 0 });

export function addResources(a: Resources, b: Resources): Resources {
  return {
    cpuMillis: a.cpuMillis + b.cpuMillis,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    diskBytes: a.diskBytes + b.diskBytes,
    gpus: a.gpus + b.gpus,
  };
}

export const RESOURCE_KINDS = ["cpuMillis", "memoryBytes", "diskBytes", "gpus"] as const;

/** The kinds of which `free` has too little for `wanted`; empty when it fits. */
export function shortOf(wanted: Resources, free: Resources): (typeof RESOURCE_KINDS)[number][] {
  return RESOURCE_KINDS.filter((kind) => wanted[kind] > free[kind]);
}
