/** `iris job show`: one job with its tasks. */
import type { Command } from "commander";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";
import { durationText, printTable } from "./table.ts";

export function addJobShowCommand(job: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(job.command("show"))
    .description("show a job, its tasks and its children")
    .argument("<job>", "the job's id")
    .addHelpText("after", "\nExample:\n  iris job show k3f9x0q2m7ab\n")
    .action((id: string, flags: ControllerFlags) => run(() => showJob(id, flags, terminal)));
}

async function showJob(id: string, flags: ControllerFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const job = client.job(id);
    const status = await job.status();
    const tasks = await Promise.all((await job.tasks()).map((task) => task.status()));
    const children = await Promise.all((await job.children()).map((child) => child.status()));
    if (flags.json) {
      terminal.out(`${JSON.stringify({ job: status, tasks, children })}\n`);
      return EXIT.ok;
    }
    const now = terminal.clock.now();
    const runFor = (from: number | undefined, to: number | undefined) =>
      from === undefined ? "-" : durationText((to ?? now) - from);
    const facts: [string, string | undefined][] = [
      ["id", status.id],
      ["name", status.name],
      ["state", status.state],
      ["why", status.cause?.message],
      ["waits for", status.pendingReason || undefined],
      ["parent", status.parentId],
      ["submitted", new Date(status.submittedAtMs).toISOString()],
      ["ran", runFor(status.startedAtMs, status.endedAtMs)],
    ];
    for (const [name, value] of facts) if (value !== undefined) terminal.out(`${name.padEnd(10)} ${value}\n`);
    const taskRows = tasks.map((task) => [
      task.id,
      task.state,
      task.attempt === undefined ? "-" : String(task.attempt),
      task.workerId ?? "-",
      runFor(task.startedAtMs, task.endedAtMs),
      task.cause?.message ?? "",
    ]);
    terminal.out("\n");
    printTable(terminal, ["TASK", "STATE", "ATTEMPT", "WORKER", "RAN", "WHY"], taskRows);
    if (children.length > 0) {
      terminal.out("\n");
      const childRows = children.map((child) => [
        child.id,
        child.state,
        runFor(child.startedAtMs, child.endedAtMs),
        child.cause?.message ?? "",
      ]);
      printTable(terminal, ["CHILD", "STATE", "RAN", "WHY"], childRows);
    }
    return EXIT.ok;
  });
}
