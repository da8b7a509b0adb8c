/** The environment variables by which a task knows itself. Names are part of the public surface. */
export const TASK_ENV = {
  jobId: "IRIS_JOB_ID",
  taskId: "IRIS_TASK_ID",
  taskIndex: "IRIS_TASK_INDEX",
  numTasks: "IRIS_NUM_TASKS",
  attempt: "IRIS_ATTEMPT",
  attemptUid: "IRIS_ATTEMPT_UID",
  workerId: "IRIS_WORKER_ID",
  controllerAddress: "IRIS_CONTROLLER_ADDRESS",
  token: "IRIS_TOKEN",
  bindHost: "IRIS_BIND_HOST",
  advertiseHost: "IRIS_ADVERTISE_HOST",
  workdir: "IRIS_WORKDIR",
  outputDir: "IRIS_OUTPUT_DIR",
  bundleId: "IRIS_BUNDLE_ID",
  resources: "IRIS_RESOURCES",
  namespace: "IRIS_NAMESPACE",
  /** The job's directory, where its children's modules are found too; absent where the job has none. */
  workspace: "IRIS_WORKSPACE",
} as const;

/** `IRIS_PORT_<NAME>`: the name in capitals, with everything but letters and digits as `_`. */
export function portVariable(name: string): string {
  return `IRIS_PORT_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}
