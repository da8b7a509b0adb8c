/**
 * What a task knows of itself and its cluster, from its environment. One per process; it connects to the controller only
 * when something of it needs to, and never keeps the process alive by itself.
 */
import { IrisError } from "../../runtime/errors.ts";
import { type Environment, processEnvironment } from "../../runtime/ports/environment.ts";
import { portVariable, TASK_ENV } from "../job/env.ts";
import { parseId } from "../job/id.ts";
import { Client, type EndpointRegistry } from "./client.ts";
import type { ClusterResolver } from "./resolver.ts";

export interface IrisContext {
  readonly jobId: string;
  readonly taskId: string;
  /** Place among the job's tasks, from 0. */
  readonly taskIndex: number;
  readonly numTasks: number;
  /** Number of this try, from 0. */
  readonly attempt: number;
  /** Root job: where endpoints are registered and looked up. */
  readonly namespace: string;
  /** Null at a root job. */
  readonly parentJobId: string | null;
  /** Submits children of this job, and sees its hierarchy. The same one each time; do not close it. */
  readonly client: Client;
  /** Finds the actors of this hierarchy. The same one each time; do not close it. */
  readonly resolver: ClusterResolver;
  readonly controller: { readonly endpointRegistry: EndpointRegistry };
  /** The port that was picked for `name`, one of the request's `ports`. Throws `INVALID_ARGUMENT` for another. */
  port(name: string): number;
  /**
   * Aborts when the task is asked to stop (SIGTERM); the rest of its grace is for you. Once this was read, the process no
   * longer ends by itself at the first SIGTERM.
   */
  readonly signal: AbortSignal;
  /** Directory for what the task wants to leave. */
  readonly outputDir: string;
}

/** What a context needs beside the environment. */
export interface ContextPorts {
  /** Calls `fn` at the process's first request to stop. */
  readonly onStop: (fn: () => void) => void;
  /** The task's directory: absolute. */
  readonly cwd: string;
  readonly openClient: (options: ConstructorParameters<typeof Client>[0]) => Client;
}

let current: IrisContext | undefined;

/** This task's context. Throws `FAILED_PRECONDITION` outside a job. */
export function irisCtx(): IrisContext {
  current ??= taskContext(processEnvironment, {
    onStop: (fn) => process.once("SIGTERM", fn),
    cwd: process.cwd(),
    openClient: (options) => new Client(options),
  });
  return current;
}

/** Whether this process is a task of a job. */
export function isInJob(env: Environment = processEnvironment): boolean {
  return (env[TASK_ENV.jobId] ?? "") !== "";
}

/** The context that `env` describes. Throws `FAILED_PRECONDITION` where that is no task's, or not a whole one. */
export function taskContext(env: Environment, ports: ContextPorts): IrisContext {
  if (!isInJob(env)) {
    throw new IrisError(
      "FAILED_PRECONDITION",
      `irisCtx() is for code that runs in a job (${TASK_ENV.jobId} is not set): outside one, use IrisClient.remote(url)`,
    );
  }
  const variable = (name: string): string => {
    const value = env[name];
    if (value !== undefined && value !== "") return value;
    throw new IrisError(
      "FAILED_PRECONDITION",
      `${name} is not set, so this task is no task: do not clear IRIS_* variables`,
    );
  };
  const count = (name: string): number => {
    const value = Number(variable(name));
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new IrisError("FAILED_PRECONDITION", `${name} is ${JSON.stringify(env[name])}, not a whole number`);
  };
  const jobId = variable(TASK_ENV.jobId);
  const { rootId } = parseId(jobId);
  const slash = jobId.lastIndexOf("/");
  let client: Client | undefined;
  let resolver: ClusterResolver | undefined;
  let stopping: AbortController | undefined;
  return {
    jobId,
    taskId: variable(TASK_ENV.taskId),
    taskIndex: count(TASK_ENV.taskIndex),
    numTasks: count(TASK_ENV.numTasks),
    attempt: count(TASK_ENV.attempt),
    namespace: env[TASK_ENV.namespace] || rootId,
    parentJobId: slash === -1 ? null : jobId.slice(0, slash),
    outputDir: variable(TASK_ENV.outputDir),
    get client() {
      client ??= ports.openClient({
        url: variable(TASK_ENV.controllerAddress),
        token: variable(TASK_ENV.token),
        workspace: undefined,
        parentWorkspace: env[TASK_ENV.workspace] || null,
        cwd: ports.cwd,
        isBackground: true,
      });
      return client;
    },
    get resolver() {
      resolver ??= this.client.resolver();
      return resolver;
    },
    get controller() {
      return { endpointRegistry: this.client.endpointRegistry };
    },
    port(name) {
      const port = Number(env[portVariable(name)]);
      if (Number.isInteger(port) && port > 0) return port;
      const known = Object.keys(env)
        .filter((key) => key.startsWith(PORT_PREFIX))
        .sort();
      throw new IrisError(
        "INVALID_ARGUMENT",
        `this job has no port ${JSON.stringify(name)}: ${known.length === 0 ? 'its request names none in "ports"' : `it has ${known.map((key) => key.slice(PORT_PREFIX.length).toLowerCase()).join(", ")}`}`,
      );
    },
    get signal() {
      if (stopping === undefined) {
        const controller = new AbortController();
        stopping = controller;
        ports.onStop(() =>
          controller.abort(new IrisError("CANCELLED", `task ${variable(TASK_ENV.taskId)} is stopped`)),
        );
      }
      return stopping.signal;
    },
  };
}

const PORT_PREFIX = portVariable("");
