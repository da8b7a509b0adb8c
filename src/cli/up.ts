/**
 * `iris up`: a whole cluster on this machine, in the foreground. The controller runs in this process, each worker in its
 * own, under a supervisor that brings one back when it dies.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { Controller } from "../cluster/controller/controller.ts";
import { CLUSTER_LIMITS } from "../cluster/job/limits.ts";
import { developmentCapacity } from "../cluster/worker/capacity.ts";
import { userToken } from "../net/token.ts";
import { wsTransport } from "../net/transport-ws.ts";
import { ActorSystem } from "../runtime/system.ts";
import { processChild, supervise } from "../supervisors/index.ts";
import type { CommandContext } from "./command.ts";
import { cores, wholeNumber } from "./flags.ts";
import { irisHome, type ServiceFlags, untilEnded, withServiceFlags } from "./service-flags.ts";
import { serviceLog } from "./service-log.ts";
import type { Terminal } from "./settings.ts";

interface UpFlags extends ServiceFlags {
  host: string;
  port: number;
  workers: number;
  cpu: number;
  memory: string;
  state?: string;
}

const IRIS_BIN = fileURLToPath(new URL("../../bin/iris.js", import.meta.url));
/** A worker ends its tasks first, which may take their whole grace. */
const WORKER_SHUTDOWN_MS = CLUSTER_LIMITS.graceMs + 5_000;

export function addUpCommand(program: Command, { terminal, run }: CommandContext): void {
  const offered = developmentCapacity();
  withServiceFlags(program.command("up"))
    .description("run a whole cluster on this machine, in the foreground")
    .option("--host <address>", "address to listen at; 0.0.0.0 for all", "127.0.0.1")
    .option("--port <n>", "port of the controller; 0 picks one", wholeNumber(0, 65_535), CLUSTER_LIMITS.controllerPort)
    .option("--workers <n>", "how many workers", wholeNumber(1, 64), 1)
    .option(
      "--cpu <cores>",
      "cores that each worker offers: the machine's, at least 16",
      cores,
      offered.cpuMillis / 1000,
    )
    .option("--memory <size>", "memory that each worker offers, such as 8GiB", String(offered.memoryBytes))
    .option(
      "--state <dir>",
      "directory that keeps jobs and logs (default: $IRIS_HOME/controller or ~/.iris/controller)",
    )
    .addHelpText("after", "\nExample:\n  iris up --workers 2\n")
    .action((flags: UpFlags) => run(() => up(flags, terminal)));
}

async function up(flags: UpFlags, terminal: Terminal): Promise<number> {
  const logger = serviceLog("up", flags.logLevel);
  const token = flags.token ?? userToken(terminal.environment);
  const stateDir = flags.state ?? join(irisHome(terminal.environment), "controller");
  await using controller = await Controller.start({
    transport: wsTransport(),
    host: flags.host,
    port: flags.port,
    stateDir,
    token,
    logger: logger.child({ part: "controller" }),
  });
  await using system = new ActorSystem({ name: "up", logger });
  const workers = await system.start(
    supervise({
      name: "workers",
      children: Array.from({ length: flags.workers }, (_, index) =>
        processChild(
          `worker-${index}`,
          [
            ...[process.execPath, IRIS_BIN, "worker", "--id", `worker-${index}`, "--log-level", flags.logLevel],
            ...["--controller", controller.address, "--work-dir", join(stateDir, "workers", `worker-${index}`)],
            ...["--cpu", String(flags.cpu)],
            ...["--memory", flags.memory],
          ],
          { env: { IRIS_TOKEN: token }, ready: { line: /^worker / }, shutdownMs: WORKER_SHUTDOWN_MS },
        ),
      ),
    }),
  );
  terminal.out(
    flags.json
      ? `${JSON.stringify({ address: controller.address, workers: flags.workers })}\n`
      : `iris is up at ${controller.address} with ${flags.workers} ${flags.workers === 1 ? "worker" : "workers"}; stop it with Ctrl-C\n`,
  );
  return await untilEnded(Promise.race([workers.ended, controller.ended]), "cluster", terminal);
}
