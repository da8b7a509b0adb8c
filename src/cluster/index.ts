/** Clusters from a program: clients, jobs, the context of a task. The sub-path `iris-runtime/cluster`. */
export { Client, type ClientOptions, type EndpointRegistry, type JobFilter } from "./client/client.ts";
export { type IrisContext, irisCtx } from "./client/context.ts";
export type { Job, WaitOptions } from "./client/job.ts";
export { type JobChildOptions, job } from "./client/job-child.ts";
export { JobFailedError, type JobFailure } from "./client/job-failed.ts";
export type { LogDestination } from "./client/log-printer.ts";
export type { LogEntry, LogQuery, LogSource } from "./client/logs.ts";
export { ClusterResolver, type ClusterResolverOptions } from "./client/resolver.ts";
export type {
  Attempt,
  AttemptStory,
  CausalEvent,
  Cause,
  Endpoint,
  Explanation,
  Health,
  JobState,
  JobStatus,
  Obstacle,
  Resources,
  TaskState,
  TaskStatus,
  TaskStory,
  WorkerStatus,
} from "./client/status.ts";
export type { Task } from "./client/task.ts";
export { type ContainerOptions, container } from "./container.ts";
export { IrisClient, type RemoteOptions } from "./iris-client.ts";
export { Entrypoint } from "./job/entrypoint.ts";
export type { JobRequest } from "./job/request.ts";
export type { ResourceRequest } from "./job/resources.ts";
export type { LocalOptions } from "./local.ts";
