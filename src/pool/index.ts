/** Pools of functions: the sub-path `iris-runtime/pool`. */
export type { MapOptions, PoolStatus, PoolWorkerStatus, TaskExecutor, TaskFuture } from "./executor.ts";
export { LocalPool, type LocalPoolConfig } from "./local-pool.ts";
export { WorkerPool, type WorkerPoolConfig } from "./worker-pool.ts";
