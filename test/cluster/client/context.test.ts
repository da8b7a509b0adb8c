import test from "ava";
import type { Client } from "../../../src/cluster/client/client.ts";
import { type ContextPorts, irisCtx, taskContext } from "../../../src/cluster/client/context.ts";

const ENV = {
  IRIS_JOB_ID: "k3f9x0q2m7ab/child",
  IRIS_TASK_ID: "k3f9x0q2m7ab/child/2",
  IRIS_TASK_INDEX: "2",
  IRIS_NUM_TASKS: "3",
  IRIS_ATTEMPT: "1",
  IRIS_CONTROLLER_ADDRESS: "http://127.0.0.1:8080",
  IRIS_TOKEN: "the-task's",
  IRIS_OUTPUT_DIR: "/attempt/out",
  IRIS_WORKDIR: "/project",
  IRIS_WORKSPACE: "/project",
  IRIS_PORT_HTTP: "30001",
  IRIS_PORT_META_DATA: "30002",
};

interface Recorded extends ContextPorts {
  opened: ConstructorParameters<typeof Client>[0][];
  stops: (() => void)[];
}

function ports(cwd = "/project"): Recorded {
  const opened: Recorded["opened"] = [];
  const stops: Recorded["stops"] = [];
  return {
    opened,
    stops,
    cwd,
    onStop: (fn) => stops.push(fn),
    openClient: (options) => {
      opened.push(options);
      return { resolver: () => ({ marker: "resolver" }), endpointRegistry: { marker: "registry" } } as never;
    },
  };
}

test("a task knows itself by its environment", (t) => {
  const context = taskContext(ENV, ports());
  t.is(context.jobId, "k3f9x0q2m7ab/child");
  t.is(context.taskId, "k3f9x0q2m7ab/child/2");
  t.is(context.taskIndex, 2);
  t.is(context.numTasks, 3);
  t.is(context.attempt, 1);
  t.is(context.namespace, "k3f9x0q2m7ab");
  t.is(context.parentJobId, "k3f9x0q2m7ab");
  t.is(context.outputDir, "/attempt/out");
});

test("a root job has no parent, and a namespace that was given is taken", (t) => {
  const root = taskContext({ ...ENV, IRIS_JOB_ID: "k3f9x0q2m7ab", IRIS_NAMESPACE: "k3f9x0q2m7ab" }, ports());
  t.is(root.parentJobId, null);
  t.is(root.namespace, "k3f9x0q2m7ab");
});

test("the client is opened when it is first wanted, once, with the task's own token", (t) => {
  const recorded = ports();
  const context = taskContext(ENV, recorded);
  t.deepEqual(recorded.opened, []);
  t.is(context.client, context.client);
  t.is(context.resolver, context.resolver);
  t.truthy(context.controller.endpointRegistry);
  t.deepEqual(recorded.opened, [
    {
      url: "http://127.0.0.1:8080",
      token: "the-task's",
      workspace: undefined,
      parentWorkspace: "/project",
      cwd: "/project",
      isBackground: true,
    },
  ]);
});

test("a task without a workspace packs its children's functions against none", (t) => {
  const recorded = ports("/work");
  const { IRIS_WORKSPACE: _, ...without } = ENV;
  t.truthy(taskContext(without, recorded).client);
  t.is(recorded.opened[0]?.parentWorkspace, null);
});

test("a port is found by its name, and another names those that there are", (t) => {
  const context = taskContext(ENV, ports());
  t.is(context.port("http"), 30_001);
  t.is(context.port("meta-data"), 30_002);
  t.throws(() => context.port("grpc"), { code: "INVALID_ARGUMENT", message: /"grpc": it has http, meta_data/ });
  const { IRIS_PORT_HTTP: _, IRIS_PORT_META_DATA: __, ...without } = ENV;
  t.throws(() => taskContext(without, ports()).port("http"), {
    code: "INVALID_ARGUMENT",
    message: /names none in "ports"/,
  });
});

test("the signal aborts when the task is asked to stop, and is listened for only if wanted", (t) => {
  const recorded = ports();
  const context = taskContext(ENV, recorded);
  t.is(recorded.stops.length, 0);
  const { signal } = context;
  t.is(context.signal, signal);
  t.is(recorded.stops.length, 1);
  t.false(signal.aborted);
  recorded.stops[0]?.();
  t.true(signal.aborted);
  t.is((signal.reason as { code?: string }).code, "CANCELLED");
});

test("outside a job, and in half of one, there is no context", (t) => {
  const code = "FAILED_PRECONDITION";
  t.throws(() => irisCtx(), { code, message: /IRIS_JOB_ID is not set.*IrisClient\.remote/ });
  t.throws(() => taskContext({}, ports()), { code });
  t.throws(() => taskContext({ ...ENV, IRIS_TASK_ID: "" }, ports()), { code, message: /IRIS_TASK_ID is not set/ });
  t.throws(() => taskContext({ ...ENV, IRIS_ATTEMPT: "one" }, ports()), { code, message: /IRIS_ATTEMPT is "one"/ });
  t.throws(() => taskContext({ ...ENV, IRIS_JOB_ID: "Not An Id" }, ports()), { code: "INVALID_ARGUMENT" });
});
