/** How jobs, tasks, attempts and workers stand, and why, as a client sees them. States are in capitals, as in the wire's enums. */
export type {
  AttemptStatus as Attempt,
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
} from "../../net/wire/iris.ts";
