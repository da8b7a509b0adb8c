// What a task knows about itself.
import { irisCtx } from "iris-runtime";

export function introduce(): void {
  const { taskIndex, numTasks, attempt, jobId, taskId, namespace, parentJobId } = irisCtx();
  console.log(`task ${taskIndex} of ${numTasks}, attempt ${attempt}`);
  console.log(`task id is job id and index: ${taskId === `${jobId}/${taskIndex}`}`);
  console.log(`namespace is the root job: ${namespace === jobId && parentJobId === null}`);
  console.log(
    `port web is ${irisCtx().port("web") === Number(process.env["IRIS_PORT_WEB"]) ? "in the environment too" : "lost"}`,
  );
  console.log(`GREETING=${process.env["GREETING"]}`);
  for (const name of [
    "IRIS_JOB_ID",
    "IRIS_TASK_ID",
    "IRIS_WORKER_ID",
    "IRIS_CONTROLLER_ADDRESS",
    "IRIS_WORKDIR",
    "IRIS_OUTPUT_DIR",
  ]) {
    console.log(`${name} is ${process.env[name] ? "set" : "missing"}`);
  }
}
