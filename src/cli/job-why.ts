/** `iris job why`: why a job or a task waits, was tried again, or ended. */
import type { Command } from "commander";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";

export function addJobWhyCommand(job: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(job.command("why"))
    .description("say why a job or a task waits, was tried again, or ended")
    .argument("<id>", "the job's id, or a task's: the job's, a slash and the task's index")
    .addHelpText("after", "\nExample:\n  iris job why k3f9x0q2m7ab\n  iris job why k3f9x0q2m7ab/0 --json\n")
    .action((id: string, flags: ControllerFlags) => run(() => explainJob(id, flags, terminal)));
}

async function explainJob(id: string, flags: ControllerFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const explanation = await client.why(id, { signal: terminal.interrupted });
    terminal.out(`${flags.json ? JSON.stringify(explanation) : explanation.text}\n`);
    return EXIT.ok;
  });
}
