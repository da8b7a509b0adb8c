/** `iris endpoint ls`: who serves what in a namespace. */
import type { Command } from "commander";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";
import { printTable } from "./table.ts";

interface EndpointFlags extends ControllerFlags {
  namespace?: string;
  prefix: string;
}

export function addEndpointCommands(program: Command, { terminal, run }: CommandContext): void {
  const endpoint = program.command("endpoint").description("look at registered actors").exitOverride();
  withControllerFlags(endpoint.command("ls"))
    .description("list the endpoints of a namespace")
    .option("--namespace <name>", "a root job's id, or default")
    .option("--prefix <text>", "only names that begin so", "")
    .addHelpText("after", "\nExample:\n  iris endpoint ls --namespace k3f9x0q2m7ab\n")
    .action((flags: EndpointFlags) => run(() => listEndpoints(flags, terminal)));
}

async function listEndpoints(flags: EndpointFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const endpoints = await client.endpoints(
      flags.prefix,
      flags.namespace === undefined ? {} : { namespace: flags.namespace },
    );
    // Access tokens are for callers' programs, not for screens and logs.
    const shown = endpoints.map(({ token: _secret, ...endpoint }) => endpoint);
    if (flags.json) {
      terminal.out(`${JSON.stringify(shown)}\n`);
      return EXIT.ok;
    }
    const rows = shown.map((one) => [one.namespace, one.name, one.address, one.taskId || "-", one.endpointId]);
    printTable(terminal, ["NAMESPACE", "NAME", "ADDRESS", "TASK", "ID"], rows);
    return EXIT.ok;
  });
}
