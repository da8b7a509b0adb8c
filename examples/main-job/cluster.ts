// A controller and workers, each a process of its own, kept alive by a supervision tree of this program.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ActorSystem, processChild, supervise } from "iris-runtime";

const IRIS = [process.execPath, fileURLToPath(new URL("../../bin/iris.js", import.meta.url))];

export interface Cluster extends AsyncDisposable {
  readonly address: string;
}

/** Starts a controller and `workers` workers; disposing of it ends them and leaves nothing behind. */
export async function startCluster(workers: number, token: string): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "iris-main-job-"));
  const env = { IRIS_TOKEN: token };
  const address = Promise.withResolvers<string>();
  const system = new ActorSystem({ name: "main-job" });
  const controller = processChild(
    "controller",
    [...IRIS, "controller", "--port", "0", "--state", join(folder, "state")],
    {
      env,
      ready: { line: /^controller at / },
      onLine: (line) => address.resolve(line.replace(/^controller at /, "")),
    },
  );
  await system.start(supervise({ name: "controllers", children: [controller] }));
  const url = await address.promise;
  const worker = (id: string) =>
    processChild(id, [...IRIS, "worker", "--controller", url, "--id", id, "--work-dir", join(folder, id)], {
      env,
      ready: { line: /^worker / },
      shutdownMs: 10_000,
    });
  const ids = Array.from({ length: workers }, (_, index) => `worker-${index}`);
  await system.start(supervise({ name: "workers", children: ids.map(worker) }));
  return {
    address: url,
    async [Symbol.asyncDispose]() {
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
