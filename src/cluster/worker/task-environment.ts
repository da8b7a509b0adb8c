/**
 * A task's whole environment (pure): system < worker < job, and over all of them what tells the task who it is, which
 * nobody can override. The worker's own `IRIS_*` variables never reach a task: they hold its user's token.
 */
import type { AttemptSpec, JobSpec } from "../../net/wire/iris.ts";
import type { Environment } from "../../runtime/ports/environment.ts";
import { portVariable, TASK_ENV } from "../job/env.ts";
import { taskId } from "../job/id.ts";
import { NO_RESOURCES } from "../job/resources.ts";

/** What holds for all tasks of a worker. */
export interface TaskHost {
  readonly workerId: string;
  /** The controller's URL. */
  readonly controller: string;
  /** Address that tasks listen on, and the one under which others reach it. */
  readonly bindHost: string;
  readonly advertiseHost: string;
  /** The environment of the worker's process. */
  readonly system: Environment;
  /** What the worker's operator sets for all tasks. */
  readonly env: Readonly<Record<string, string>>;
}

export interface TaskPlace {
  readonly uid: string;
  readonly attempt: number;
  readonly workDir: string;
  readonly outputDir: string;
  readonly ports: Readonly<Record<string, number>>;
}

/** Of the worker's process, not of the system: a shell's own book-keeping, and Node's links to a parent. */
const PRIVATE = /^(?:IRIS_.*|PWD|OLDPWD|SHLVL|_|NODE_CHANNEL_.*|NODE_UNIQUE_ID|NODE_V8_COVERAGE)$/;
/** What a shell can hand on. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function taskEnvironment(
  spec: AttemptSpec,
  job: JobSpec,
  place: TaskPlace,
  host: TaskHost,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(host.system)) {
    if (value !== undefined && VARIABLE.test(name) && !PRIVATE.test(name)) env[name] = value;
  }
  Object.assign(env, host.env, job.env);
  const { cpuMillis, memoryBytes, diskBytes, gpus } = job.resources ?? NO_RESOURCES;
  const identity: Record<Exclude<keyof typeof TASK_ENV, "bundleId" | "workspace">, string> = {
    jobId: spec.jobId,
    taskId: taskId(spec.jobId, spec.taskIndex),
    taskIndex: String(spec.taskIndex),
    numTasks: String(job.replicas),
    attempt: String(place.attempt),
    attemptUid: place.uid,
    workerId: host.workerId,
    controllerAddress: host.controller,
    token: spec.token,
    bindHost: host.bindHost,
    advertiseHost: host.advertiseHost,
    workdir: place.workDir,
    outputDir: place.outputDir,
    resources: JSON.stringify({ cpu: cpuMillis / 1000, memory: memoryBytes, disk: diskBytes, gpu: gpus }),
    namespace: spec.namespace,
  };
  for (const [key, value] of Object.entries(identity)) env[TASK_ENV[key as keyof typeof identity]] = value;
  if (job.workspace) env[TASK_ENV.workspace] = job.workspace;
  for (const [name, port] of Object.entries(place.ports)) env[portVariable(name)] = String(port);
  env.PWD = place.workDir;
  return env;
}
