import anyTest, { type TestFn } from "ava";
import { Entrypoint } from "../../src/cluster/client/entrypoint.ts";
import { job } from "../../src/cluster/client/job-child.ts";
import { IrisClient } from "../../src/cluster/iris-client.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import { type ChildSpec, supervise } from "../../src/supervisors/index.ts";
import { markedProcesses } from "../kit/marked-processes.ts";
import { battery } from "./battery.ts";
import { programArguments } from "./battery-program.ts";

const test = anyTest as TestFn;
const MARK = "IRIS_TEST_BATTERY";
const mark = `jobs-${process.pid}`;

const client = await IrisClient.local({ cpu: 2 });
test.after.always(() => client.close());

const request = (argv: string[]) => ({
  name: "player",
  entrypoint: Entrypoint.fromCommand(argv),
  resources: { cpu: 0.1, memory: "64MiB" },
  env: { [MARK]: mark },
});

/** Jobs that are not final, and processes of those that are. */
async function left(): Promise<unknown[]> {
  const live: unknown[] = markedProcesses(MARK, mark);
  for await (const { id } of client.jobs({ states: ["PENDING", "RUNNING"] })) live.push(id);
  return live;
}

/** A job runs before its program has come to the line from which on it hears nothing. */
function onceItIsDeaf(spec: ChildSpec): ChildSpec {
  return {
    ...spec,
    async start(env) {
      const started = await spec.start(env);
      for await (const { id } of client.jobs({ states: ["RUNNING"] })) {
        for await (const { data } of client.job(id).logs({ follow: true })) if (data === "up") break;
      }
      return started;
    },
  };
}

battery(test, {
  name: "job",
  child: (id, behaviour, options) => {
    const argv = behaviour === "cannot" ? ["no-such-program"] : [process.execPath, ...programArguments(behaviour)];
    const spec = job(id, request(argv), { ...options, client });
    return behaviour === "deaf" ? onceItIsDeaf(spec) : spec;
  },
  left,
  endsAs: "normal",
  cannot: { code: "JOB_FAILED", message: /ended as FAILED: .*command not found: no-such-program/ },
  crash: /job \w+ \(player\) ended as FAILED: .*exit.*3/s,
  forceMs: 20_000,
});

test.serial("job: one that waits for a place is terminated with its start", async (t) => {
  await using system = new ActorSystem();
  const huge = { ...request(["true"]), resources: { cpu: 1_000 } };
  const late = supervise({ name: "root", children: [job("child", huge, { client, readyTimeoutMs: 200 })] });
  await t.throwsAsync(system.start(late), {
    code: "DEADLINE_EXCEEDED",
    message: /job root\/child \(\w+\) was not ready/,
  });
  t.deepEqual(await left(), []);
});

test.serial("job: one that somebody else terminates ends as killed, with who did", async (t) => {
  await using system = new ActorSystem();
  const root = await system.start(supervise({ name: "root", children: [] }));
  const events = root.events();
  const argv = [process.execPath, ...programArguments("runs")];
  await root.startChild(job("child", request(argv), { client, restart: "temporary" }));
  for await (const { id } of client.jobs({ states: ["RUNNING"] })) await client.job(id).terminate();
  for await (const event of events) {
    if (event.kind !== "exited") continue;
    t.is(event.cause.kind, "killed");
    break;
  }
  t.deepEqual(await left(), []);
});

test.serial("job: outside a job it needs a client, and its request must be one that can be repeated", async (t) => {
  await using system = new ActorSystem();
  const homeless = supervise({ name: "root", children: [job("child", request(["true"]))] });
  await t.throwsAsync(system.start(homeless), { code: "FAILED_PRECONDITION", message: /pass \{ client \}/ });
  t.throws(() => job("child", { ...request(["true"]), idempotencyKey: "once" }), {
    code: "INVALID_ARGUMENT",
    message: /idempotencyKey, so its restart would be its first run again/,
  });
  t.throws(() => job("child", request(["true"]), { readyTimeoutMs: 0 }), { message: /readyTimeoutMs/ });
});
