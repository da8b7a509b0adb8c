/** Supervision trees: the sub-path `iris-runtime/supervisors`. */
export { type ActorChildOptions, actor } from "./actor-child.ts";
export { type ContainerChildOptions, containerChild } from "./container-child.ts";
export type {
  ContainerEngine,
  ContainerExit,
  ContainerLaunch,
  Mount,
  PublishedPort,
  StartedContainer,
} from "./container-engine.ts";
export type { SupervisionEvent, SupervisionFact } from "./events.ts";
export { SUPERVISION_LIMITS } from "./limits.ts";
export type { AutoShutdown, Backoff, ChildOptions, Intensity, Restart, Shutdown, Strategy } from "./options.ts";
export type { OutputSource } from "./output.ts";
export { type ChildView, type Decision, decide, type Flags } from "./policy.ts";
export type { Liveness, Pace, Prober, Reachable, Readiness } from "./probe.ts";
export { type ProcessChildOptions, processChild } from "./process-child.ts";
export {
  type LaunchedProcess,
  type LaunchOptions,
  nodeLauncher,
  type ProcessExit,
  type ProcessLauncher,
} from "./process-launcher.ts";
export { type ServiceContext, type ServiceOptions, service } from "./service-child.ts";
export type {
  ChildEnv,
  ChildInfo,
  ChildSpec,
  ChildState,
  ChildTemplate,
  Counts,
  DynamicChild,
  RunningChild,
  SupervisorRef,
  SupervisorSpec,
} from "./spec.ts";
export { dynamic, type SuperviseOptions, supervise } from "./supervise.ts";
export { type ThreadOptions, thread } from "./thread-child.ts";
export type { ThreadContext } from "./thread-context.ts";
export {
  type LaunchedThread,
  nodeThreads,
  type ThreadExit,
  type ThreadLaunch,
  type ThreadLauncher,
} from "./thread-launcher.ts";
export type { FromThread, ToThread } from "./thread-message.ts";
