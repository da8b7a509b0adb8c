/** `iris job stop`: ends jobs with all their descendants. */
import type { Command } from "commander";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";

export function addJobStopCommand(job: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(job.command("stop"))
    .description("end jobs with all their descendants")
    .argument("<job...>", "the jobs' ids")
    .addHelpText("after", "\nExample:\n  iris job stop k3f9x0q2m7ab\n")
    .action((ids: string[], flags: ControllerFlags) => run(() => stopJobs(ids, flags, terminal)));
}

async function stopJobs(ids: string[], flags: ControllerFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    for (const id of ids) {
      const job = client.job(id);
      await job.terminate();
      const { state } = await job.status();
      terminal.out(flags.json ? `${JSON.stringify({ id, state })}\n` : `${id} ${state}\n`);
    }
    return EXIT.ok;
  });
}
