/** `iris job ls`: the jobs that are known. */
import type { Command } from "commander";
import type { JobStatus } from "../cluster/client/status.ts";
import type { JobState } from "../cluster/job/status.ts";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import { wholeNumber } from "./flags.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";
import { durationText, printTable } from "./table.ts";

interface LsFlags extends ControllerFlags {
  live?: boolean;
  limit: number;
}

const LIVE: JobState[] = ["PENDING", "RUNNING"];

export function addJobLsCommand(job: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(job.command("ls"))
    .description("list jobs, newest first, children included")
    .option("--live", "only those that have not ended")
    .option("--limit <n>", "at most so many", wholeNumber(1, 100_000), 50)
    .addHelpText("after", "\nExample:\n  iris job ls --live\n")
    .action((flags: LsFlags) => run(() => listJobs(flags, terminal)));
}

async function listJobs(flags: LsFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const jobs: JobStatus[] = [];
    for await (const status of client.jobs({ recursive: true, ...(flags.live && { states: LIVE }) })) {
      jobs.push(status);
      if (jobs.length >= flags.limit) break;
    }
    if (flags.json) {
      terminal.out(`${JSON.stringify(jobs)}\n`);
      return EXIT.ok;
    }
    const now = terminal.clock.now();
    const rows = jobs.map((status) => [
      status.id,
      status.name,
      status.state,
      `${status.taskCounts["SUCCEEDED"] ?? 0}/${status.replicas}`,
      durationText(Math.max(0, now - status.submittedAtMs)),
      status.cause?.message ?? status.pendingReason,
    ]);
    printTable(terminal, ["ID", "NAME", "STATE", "DONE", "AGE", "WHY"], rows);
    return EXIT.ok;
  });
}
