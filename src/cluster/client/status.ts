/** How jobs, tasks, attempts and workers stand, as a client sees them. States are in capitals, as in the wire's enums. */
export type {
  AttemptStatus as Attempt,
  Cause,
  Endpoint,
  Health,
  JobState,
  JobStatus,
  Resources,
  TaskState,
  TaskStatus,
  WorkerStatus,
} from "../../net/wire/iris.ts";
