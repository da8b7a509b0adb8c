import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { eventually, IRIS_BIN, Program, processesWith, runIris } from "../kit/programs.ts";

test.serial(
  "up brings a cluster with the token of this user, replaces a killed worker, and leaves nothing behind",
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "iris-up-"));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const marker = `up-${process.pid}`;
    const env = { IRIS_HOME: folder, IRIS_TOKEN: undefined, IRIS_TEST_MARKER: marker };
    await using up = new Program([process.execPath, IRIS_BIN, "up", "--port", "0", "--workers", "2"], { env });
    const [, address = ""] = await up.seen(/iris is up at (http:\S+) with 2 workers/);
    const iris = (...args: string[]) =>
      runIris([...args, "--controller", address], { env: { IRIS_HOME: folder, IRIS_TOKEN: undefined } });

    const run = () =>
      runIris(["job", "run", "--controller", address, "--cpu", "0.1", "--memory", "64MiB", "--", "echo", "one"], {
        env: { IRIS_HOME: folder, IRIS_TOKEN: undefined },
      });
    t.is((await run()).stdout, "one\n");

    const workers = JSON.parse((await iris("worker", "ls", "--json")).stdout) as { id: string; incarnation: string }[];
    t.deepEqual(
      workers.map(({ id }) => id),
      ["worker-0", "worker-1"],
    );
    const isWorker = (pid: number) => pid !== up.pid;
    const [victim] = processesWith("IRIS_TEST_MARKER", marker).filter(isWorker);
    process.kill(victim ?? 0, "SIGKILL");
    await eventually(async () => {
      const now = JSON.parse((await iris("worker", "ls", "--json")).stdout) as {
        id: string;
        incarnation: string;
        health: string;
      }[];
      const fresh = now.filter(({ incarnation }) => !workers.some((old) => old.incarnation === incarnation));
      return fresh.length === 1 && now.every(({ health }) => health === "ALIVE") ? true : undefined;
    }, "the supervisor has brought a new worker");
    t.is((await run()).stdout, "one\n");

    up.kill("SIGINT");
    t.is((await up.finished).status, 0);
    await eventually(() => processesWith("IRIS_TEST_MARKER", marker).length === 0 || undefined, "no process is left");
  },
);
