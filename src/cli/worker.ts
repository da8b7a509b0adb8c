/** `iris worker`: runs a worker in the foreground. `iris worker ls`: the workers that a controller knows. */
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { parseResources } from "../cluster/job/resources.ts";
import { machineCapacity } from "../cluster/worker/capacity.ts";
import { processRuntime } from "../cluster/worker/runtime/process.ts";
import { Worker } from "../cluster/worker/worker.ts";
import { wsTransport } from "../net/transport-ws.ts";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import { cores } from "./flags.ts";
import { irisHome, type ServiceFlags, untilEnded, withServiceFlags } from "./service-flags.ts";
import { serviceLog } from "./service-log.ts";
import { type ControllerFlags, controllerSettings, type Terminal } from "./settings.ts";
import { bytesText, durationText, printTable } from "./table.ts";

interface WorkerFlags extends ServiceFlags {
  controller?: string;
  id?: string;
  cpu?: number;
  memory?: string;
  workDir?: string;
}

export function addWorkerCommands(program: Command, { terminal, run }: CommandContext): void {
  const worker = withServiceFlags(program.command("worker"))
    .description("run a worker in the foreground")
    .option(
      "--controller <url>",
      "the controller to work for (default: $IRIS_CONTROLLER, iris.config.json, http://127.0.0.1:8080)",
    )
    .option("--id <name>", "name of this worker, kept over restarts (default: a random one)", workerName)
    .option("--cpu <cores>", "cores to offer (default: all)", cores)
    .option("--memory <size>", "memory to offer, such as 8GiB (default: all)")
    .option("--work-dir <dir>", "directory for what tasks write (default: $IRIS_HOME/worker or ~/.iris/worker)")
    .addHelpText("after", "\nExample:\n  iris worker --controller http://10.0.0.5:8080 --cpu 4 --memory 8GiB\n")
    .action((flags: WorkerFlags) => run(() => runWorker(flags, terminal)));
  withControllerFlags(worker.command("ls"))
    .description("list the workers that a controller knows")
    .addHelpText("after", "\nExample:\n  iris worker ls\n")
    .action((_flags: ControllerFlags, command: Command) =>
      // `--controller`, `--token` and `--json` are flags of `iris worker` too: whichever place took them counts.
      run(() => listWorkers(command.optsWithGlobals<ControllerFlags>(), terminal)),
    );
}

async function runWorker(flags: WorkerFlags, terminal: Terminal): Promise<number> {
  const { url, token } = controllerSettings(flags, terminal);
  const machine = machineCapacity();
  const wanted = parseResources({ cpu: flags.cpu ?? 0, memory: flags.memory ?? 0 });
  await using worker = await Worker.start({
    controller: url,
    token,
    transport: wsTransport(),
    runtime: processRuntime(),
    workDir: flags.workDir ?? join(irisHome(terminal.environment), "worker"),
    capacity: {
      ...machine,
      ...(flags.cpu !== undefined && { cpuMillis: wanted.cpuMillis }),
      ...(flags.memory !== undefined && { memoryBytes: wanted.memoryBytes }),
    },
    ...(flags.id !== undefined && { workerId: flags.id }),
    logger: serviceLog("worker", flags.logLevel),
  });
  terminal.out(
    flags.json
      ? `${JSON.stringify({ workerId: worker.workerId, controller: url })}\n`
      : `worker ${worker.workerId} for ${url}\n`,
  );
  return await untilEnded(worker.ended, "worker", terminal);
}

function workerName(text: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(text))
    throw new InvalidArgumentError("use 1 to 63 of a-z, 0-9, '.', '_', '-'.");
  return text;
}

async function listWorkers(flags: ControllerFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const workers = await client.workers();
    if (flags.json) {
      terminal.out(`${JSON.stringify(workers)}\n`);
      return EXIT.ok;
    }
    const now = terminal.clock.now();
    const rows = workers.map(({ id, host, health, liveAttempts, capacity, used, lastSeenAtMs }) => [
      id,
      host,
      health,
      String(liveAttempts),
      `${(used?.cpuMillis ?? 0) / 1000}/${(capacity?.cpuMillis ?? 0) / 1000}`,
      `${bytesText(used?.memoryBytes ?? 0)}/${bytesText(capacity?.memoryBytes ?? 0)}`,
      durationText(Math.max(0, now - lastSeenAtMs)),
    ]);
    printTable(terminal, ["WORKER", "HOST", "HEALTH", "TASKS", "CPU", "MEMORY", "SEEN"], rows);
    return EXIT.ok;
  });
}
