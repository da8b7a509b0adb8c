/** `iris controller`: runs a controller in the foreground. */
import { join } from "node:path";
import type { Command } from "commander";
import { Controller } from "../cluster/controller/controller.ts";
import { CLUSTER_LIMITS } from "../cluster/job/limits.ts";
import { userToken } from "../net/token.ts";
import { wsTransport } from "../net/transport-ws.ts";
import type { CommandContext } from "./command.ts";
import { wholeNumber } from "./flags.ts";
import { irisHome, type ServiceFlags, untilEnded, withServiceFlags } from "./service-flags.ts";
import { serviceLog } from "./service-log.ts";
import type { Terminal } from "./settings.ts";

interface ControllerCommandFlags extends ServiceFlags {
  host: string;
  port: number;
  state?: string;
}

export function addControllerCommand(program: Command, { terminal, run }: CommandContext): void {
  withServiceFlags(program.command("controller"))
    .description("run a controller in the foreground")
    .option("--host <address>", "address to listen at; 0.0.0.0 for all", "127.0.0.1")
    .option("--port <n>", "port to listen at; 0 picks one", wholeNumber(0, 65_535), CLUSTER_LIMITS.controllerPort)
    .option(
      "--state <dir>",
      "directory that keeps jobs and logs (default: $IRIS_HOME/controller or ~/.iris/controller)",
    )
    .addHelpText("after", "\nExample:\n  iris controller --port 8080 --state ./state\n")
    .action((flags: ControllerCommandFlags) => run(() => runController(flags, terminal)));
}

async function runController(flags: ControllerCommandFlags, terminal: Terminal): Promise<number> {
  await using controller = await Controller.start({
    transport: wsTransport(),
    host: flags.host,
    port: flags.port,
    stateDir: flags.state ?? join(irisHome(terminal.environment), "controller"),
    token: flags.token ?? userToken(terminal.environment),
    logger: serviceLog("controller", flags.logLevel),
  });
  terminal.out(
    flags.json ? `${JSON.stringify({ address: controller.address })}\n` : `controller at ${controller.address}\n`,
  );
  return await untilEnded(controller.ended, "controller", terminal);
}
