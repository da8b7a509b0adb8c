/** `iris job wait`: waits for a job's end; the exit status says how it ended. */
import type { Command } from "commander";
import { JobFailedError } from "../cluster/client/job-failed.ts";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import { duration } from "./flags.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";

interface WaitFlags extends ControllerFlags {
  timeout?: number;
}

export function addJobWaitCommand(job: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(job.command("wait"))
    .description("wait until a job has ended; status 0 if it succeeded, 1 if not, 124 if the time was up first")
    .argument("<job>", "the job's id")
    .option("--timeout <time>", "wait at most so long, such as 30s", duration)
    .addHelpText("after", "\nExample:\n  iris job wait k3f9x0q2m7ab --timeout 5m\n")
    .action((id: string, flags: WaitFlags) => run(() => waitForJob(id, flags, terminal)));
}

async function waitForJob(id: string, flags: WaitFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const job = client.job(id);
    try {
      await job.wait({
        signal: terminal.interrupted,
        ...(flags.timeout !== undefined && { timeoutMs: flags.timeout }),
      });
    } catch (error) {
      if (!(error instanceof JobFailedError)) throw error;
      if (!flags.json) terminal.err(`${error.message}\n`);
    }
    const status = await job.status();
    terminal.out(flags.json ? `${JSON.stringify(status)}\n` : `${id} ${status.state}\n`);
    return status.state === "SUCCEEDED" ? EXIT.ok : EXIT.jobFailed;
  });
}
