/** Supervision trees: the sub-path `iris-runtime/supervisors`. */
export { type ActorChildOptions, actor } from "./actor-child.ts";
export type { SupervisionEvent, SupervisionFact } from "./events.ts";
export { SUPERVISION_LIMITS } from "./limits.ts";
export type { AutoShutdown, Backoff, ChildOptions, Intensity, Restart, Shutdown, Strategy } from "./options.ts";
export { type ChildView, type Decision, decide, type Flags } from "./policy.ts";
export { type ProcessChildOptions, processChild } from "./process-child.ts";
export {
  type LaunchedProcess,
  type LaunchOptions,
  nodeLauncher,
  type OutputSource,
  type ProcessExit,
  type ProcessLauncher,
} from "./process-launcher.ts";
export type { Prober, Readiness } from "./process-ready.ts";
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
