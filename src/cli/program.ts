/**
 * The command line, put together: one file per command adds itself here. No logic lives in it; a command turns flags
 * into calls of the public API and their outcomes into text.
 */
import { Command } from "commander";
import { addBenchCommand } from "./bench.ts";
import { addCallCommand } from "./call.ts";
import type { CommandContext, RunAction } from "./command.ts";
import { addControllerCommand } from "./controller.ts";
import { addEndpointCommands } from "./endpoint.ts";
import { addGraphCommand } from "./graph.ts";
import { addJobLogsCommand } from "./job-logs.ts";
import { addJobLsCommand } from "./job-ls.ts";
import { addJobRunCommand } from "./job-run.ts";
import { addJobShowCommand } from "./job-show.ts";
import { addJobStopCommand } from "./job-stop.ts";
import { addJobWaitCommand } from "./job-wait.ts";
import { addJobWhyCommand } from "./job-why.ts";
import type { Terminal } from "./settings.ts";
import { addUpCommand } from "./up.ts";
import { addWorkerCommands } from "./worker.ts";

/** Builds `iris`. Running it sets no exit status by itself: `run` says what it is. */
export function irisProgram(terminal: Terminal, version: string, run: RunAction): Command {
  const program = new Command("iris")
    .description("Actors, supervision trees, distributed jobs and pools.")
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHelpWidth: () => terminal.columns ?? 100,
      getErrHelpWidth: () => terminal.columns ?? 100,
    })
    .addHelpText(
      "after",
      "\nExample:\n  iris up                         # a cluster on this machine\n  iris job run -- echo hello      # in another terminal\n",
    )
    .showHelpAfterError("(add --help for what there is)")
    .enablePositionalOptions();
  const context: CommandContext = { terminal, run };
  addUpCommand(program, context);
  addControllerCommand(program, context);
  addWorkerCommands(program, context);
  const job = program.command("job").description("run jobs and look at them").exitOverride();
  addJobRunCommand(job, context);
  addJobLsCommand(job, context);
  addJobShowCommand(job, context);
  addJobLogsCommand(job, context);
  addJobWaitCommand(job, context);
  addJobStopCommand(job, context);
  addJobWhyCommand(job, context);
  addEndpointCommands(program, context);
  addCallCommand(program, context);
  addGraphCommand(program, context);
  addBenchCommand(program, context);
  return program;
}
