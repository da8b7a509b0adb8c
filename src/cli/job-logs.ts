/** `iris job logs`: what a job or a task printed, or prints. */
import type { Command } from "commander";
import type { LogEntry } from "../cluster/client/logs.ts";
import { parseId } from "../cluster/job/id.ts";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import { wholeNumber } from "./flags.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";

interface LogFlags extends ControllerFlags {
  follow?: boolean;
  tail: number;
  all?: boolean;
  task?: number;
  recursive?: boolean;
}

const TAIL_DEFAULT = 100;

export function addJobLogsCommand(job: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(job.command("logs"))
    .description("print what a job printed")
    .argument("<job>", "the job's id, or a task's")
    .option("-f, --follow", "go on with what is printed later, until the job ends")
    .option("--tail <n>", "only the last lines of what is there", wholeNumber(0, 1_000_000), TAIL_DEFAULT)
    .option("--all", "from the beginning")
    .option("--task <index>", "only this task", wholeNumber(0, 9_999))
    .option("-r, --recursive", "the job's descendants too")
    .addHelpText("after", "\nExample:\n  iris job logs -f k3f9x0q2m7ab\n")
    .action((id: string, flags: LogFlags) => run(() => printLogs(id, flags, terminal)));
}

async function printLogs(id: string, flags: LogFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const parsed = parseId(id);
    const index = flags.task ?? (parsed.kind === "task" ? parsed.index : undefined);
    const job = client.job(parsed.jobId);
    const query = {
      ...(flags.follow && { follow: true }),
      ...(!flags.all && { tail: flags.tail }),
      ...(flags.recursive && { recursive: true }),
    };
    const { replicas } = await job.status();
    const entries = index === undefined ? job.logs(query) : job.task(index).logs(query);
    const prefix = index === undefined && (replicas > 1 || flags.recursive === true);
    for await (const entry of entries) {
      if (terminal.interrupted.aborted) return EXIT.interrupted;
      terminal.out(logLine(entry, { json: flags.json === true, prefix }));
    }
    return EXIT.ok;
  });
}

/** One line of a log as text, with its task before it where several are mixed, or as JSON. */
export function logLine(entry: LogEntry, style: { json: boolean; prefix: boolean }): string {
  if (style.json) return `${JSON.stringify(entry)}\n`;
  return style.prefix ? `${entry.taskId} | ${entry.data}\n` : `${entry.data}\n`;
}
