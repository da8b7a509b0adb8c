import test from "ava";
import { Client } from "../../../src/cluster/client/client.ts";
import { Entrypoint } from "../../../src/cluster/client/entrypoint.ts";
import { type JobChildOptions, job } from "../../../src/cluster/client/job-child.ts";
import type { JobStatus } from "../../../src/net/wire/iris.ts";
import { ActorSystem } from "../../../src/runtime/system.ts";
import { supervise } from "../../../src/supervisors/index.ts";
import { FAKE_TOKEN, FakeControl, jobStatus, submissions, taskStatus } from "../../kit/fake-control.ts";
import { settle } from "../../kit/manual-clock.ts";
import { RecordingLogger } from "../../kit/recording-logger.ts";

const ID = "job000000000";
const REQUEST = { name: "train", entrypoint: Entrypoint.fromCommand(["true"]) };

/** A controller that shows what the test sets, and a tree whose one child is a job there. */
async function room(options: JobChildOptions = {}) {
  const { jobs, submit } = submissions();
  const shown: JobStatus[] = [];
  let wake = () => {};
  const held = { attempt: true };
  const control = new FakeControl({
    submit,
    terminateJob: () => jobStatus(ID, "KILLED", 9),
    listTasks: () => ({ tasks: [taskStatus(ID, 0)], cursor: "" }),
    listJobs: () => ({ jobs: [], cursor: "" }),
    listAttempts: () => ({
      attempts: [
        {
          attempt: 0,
          uid: "u",
          taskId: `${ID}/0`,
          state: "KILLED",
          workerId: "w",
          assignedAtMs: 1,
          ...(held.attempt ? {} : { endedAtMs: 2 }),
        },
      ],
    }),
    async *watchJob(_, call) {
      call.signal.addEventListener("abort", () => wake(), { once: true });
      for (let next = 0; !call.signal.aborted; ) {
        const status = shown[next];
        if (status !== undefined) {
          next++;
          yield status;
        } else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  });
  await control.start();
  const { url, clock, random, network } = control;
  const transport = network.transport("laptop");
  const client = new Client({ url, token: FAKE_TOKEN, workspace: null, cwd: "/", transport, clock, random });
  const logger = new RecordingLogger();
  const system = new ActorSystem({ clock, random, logger });
  const starting = supervise({ name: "root", children: [job("train", REQUEST, { client, ...options })] }).startIn(
    system,
  );
  starting.catch(() => {});
  return {
    control,
    logger,
    starting,
    jobs,
    show(...statuses: JobStatus[]) {
      shown.push(...statuses);
      wake();
    },
    letGo: () => {
      held.attempt = false;
    },
    async leave() {
      await client.close();
      await control.stop();
      return clock.pending;
    },
  };
}

test("a job is ready when it runs, its tasks get the shutdown time as grace, and its end waits for its workers", async (t) => {
  const r = await room({ shutdownMs: 7_000 });
  let isReady = false;
  void r.starting.then(() => {
    isReady = true;
  });
  r.show(jobStatus(ID, "PENDING", 1));
  await r.control.clock.advance(1_000);
  t.false(isReady);
  t.is([...r.jobs.values()][0]?.spec?.graceMs, 7_000);
  r.show(jobStatus(ID, "RUNNING", 2));
  const root = await r.control.within(1_000, r.starting);
  let hasStopped = false;
  const stopped = root.stop().then(() => {
    hasStopped = true;
  });
  await settle();
  r.show(jobStatus(ID, "KILLED", 3));
  await r.control.clock.advance(3_000);
  t.false(hasStopped, "it is final, but an attempt is still held");
  r.letGo();
  await r.control.within(2_000, stopped);
  t.is(root.whichChildren()[0]?.lastExit?.kind, "shutdown");
  t.is(r.control.requests("terminateJob").length, 1);
  t.is(await r.leave(), 0);
});

test("one that was over before anybody saw it run has run", async (t) => {
  const r = await room({ restart: "temporary" });
  r.letGo();
  r.show(jobStatus(ID, "SUCCEEDED", 4, { startedAtMs: 5 }));
  const root = await r.control.within(1_000, r.starting);
  await r.control.clock.advance(100);
  t.is(root.whichChildren().length, 0, "it has ended, and is temporary");
  await root.stop();
  t.is(await r.leave(), 0);
});

test("a job whose end nobody confirms is given up after its grace and 30 s more, and that is logged", async (t) => {
  const r = await room({ shutdownMs: 500 });
  r.show(jobStatus(ID, "RUNNING", 1));
  const root = await r.control.within(1_000, r.starting);
  const stopped = root.stop();
  await r.control.stop();
  let hasStopped = false;
  void stopped.then(() => {
    hasStopped = true;
  });
  await r.control.clock.advance(30_900);
  t.false(hasStopped);
  await r.control.clock.advance(200);
  await stopped;
  t.is(root.whichChildren()[0]?.lastExit?.kind, "killed");
  t.true(r.logger.lines.some(({ message }) => /job is given up/.test(message)));
  t.is(await r.leave(), 0);
});
