import test from "ava";
import { type TaskHost, taskEnvironment } from "../../../src/cluster/worker/task-environment.ts";
import { attemptSpec, jobSpec } from "./worker-room.ts";

const HOST: TaskHost = {
  workerId: "w1",
  controller: "http://c:8080",
  bindHost: "0.0.0.0",
  advertiseHost: "10.0.0.7",
  system: {},
  env: {},
};
const PLACE = { uid: "uid1", attempt: 2, workDir: "/w/work", outputDir: "/w/output", ports: {} };

test("a task knows itself by exactly these variables", (t) => {
  const job = jobSpec(["true"], {
    replicas: 4,
    resources: { cpuMillis: 1500, memoryBytes: 1024, diskBytes: 7, gpus: 1 },
  });
  const spec = { ...attemptSpec(job), jobId: "abc/train", taskIndex: 3, namespace: "abc", token: "secret" };
  const place = { ...PLACE, ports: { http: 30_001, "my-port": 30_002 } };
  t.deepEqual(taskEnvironment(spec, job, place, HOST), {
    IRIS_JOB_ID: "abc/train",
    IRIS_TASK_ID: "abc/train/3",
    IRIS_TASK_INDEX: "3",
    IRIS_NUM_TASKS: "4",
    IRIS_ATTEMPT: "2",
    IRIS_ATTEMPT_UID: "uid1",
    IRIS_WORKER_ID: "w1",
    IRIS_CONTROLLER_ADDRESS: "http://c:8080",
    IRIS_TOKEN: "secret",
    IRIS_BIND_HOST: "0.0.0.0",
    IRIS_ADVERTISE_HOST: "10.0.0.7",
    IRIS_PORT_HTTP: "30001",
    IRIS_PORT_MY_PORT: "30002",
    IRIS_WORKDIR: "/w/work",
    IRIS_OUTPUT_DIR: "/w/output",
    IRIS_RESOURCES: '{"cpu":1.5,"memory":1024,"disk":7,"gpu":1}',
    IRIS_NAMESPACE: "abc",
    PWD: "/w/work",
  });
});

test("the system's variables give way to the worker's, those to the job's, and all to who the task is", (t) => {
  const host = { ...HOST, system: { A: "system", B: "system", C: "system" }, env: { B: "worker", C: "worker" } };
  const job = jobSpec(["true"], { env: { C: "job", IRIS_JOB_ID: "forged", EMPTY: "" } });
  const env = taskEnvironment(attemptSpec(job), job, PLACE, host);
  t.like(env, { A: "system", B: "worker", C: "job", IRIS_JOB_ID: "job0", EMPTY: "" });
});

test("nothing of the worker's own reaches a task: its token, its shell's book-keeping, names a shell cannot hand on", (t) => {
  const system = {
    PATH: "/bin",
    IRIS_TOKEN: "the user's",
    IRIS_HOME: "/h",
    PWD: "/elsewhere",
    OLDPWD: "/x",
    SHLVL: "3",
    _: "/bin/node",
    NODE_CHANNEL_FD: "3",
    "npm_config_//registry": "x",
    GONE: undefined,
  };
  const job = jobSpec(["true"]);
  const env = taskEnvironment(attemptSpec(job), job, PLACE, { ...HOST, system });
  t.deepEqual(
    Object.keys(env).filter((name) => !name.startsWith("IRIS_")),
    ["PATH", "PWD"],
  );
  t.is(env.IRIS_TOKEN, "token0");
  t.is(env.IRIS_HOME, undefined);
});

test("a job's workspace is told to its tasks, no workspace is not", (t) => {
  const inOne = jobSpec(["true"], { workspace: "/src" });
  t.is(taskEnvironment(attemptSpec(inOne), inOne, PLACE, HOST).IRIS_WORKSPACE, "/src");
  const inNone = jobSpec(["true"], { workspace: "" });
  t.false("IRIS_WORKSPACE" in taskEnvironment(attemptSpec(inNone), inNone, PLACE, HOST));
});
