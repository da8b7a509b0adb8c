/** Pools of functions: the sub-path `iris-runtime/pool`. */
export { type PoolContext, poolContext } from "./context.ts";
export type {
  MapOptions,
  PoolProgress,
  PoolStatus,
  PoolWorkerStatus,
  TaskExecutor,
  TaskFuture,
  TaskOptions,
  TaskSender,
} from "./executor.ts";
export { LocalPool, type LocalPoolConfig } from "./local-pool.ts";
export type { Shared } from "./shared.ts";
export { WorkerPool, type WorkerPoolConfig } from "./worker-pool.ts";
