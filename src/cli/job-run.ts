/** `iris job run`: submits a command as a job, streams what it prints, ends with its exit status. */
import type { Command } from "commander";
import { Entrypoint } from "../cluster/client/entrypoint.ts";
import type { Job } from "../cluster/client/job.ts";
import { isFinalJob } from "../cluster/job/status.ts";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import { collect, cores, duration, keyValue, wholeNumber } from "./flags.ts";
import { logLine } from "./job-logs.ts";
import type { ControllerFlags, Terminal } from "./settings.ts";

interface RunFlags extends ControllerFlags {
  name: string;
  cpu?: number;
  memory?: string;
  disk?: string;
  gpu?: number;
  replicas: number;
  env?: Record<string, string>;
  port?: string[];
  retries: number;
  timeout?: number;
  wait: boolean;
}

export function addJobRunCommand(job: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(job.command("run"))
    .description("run a command as a job; its output is streamed, its exit status is this command's")
    .usage("[options] -- COMMAND [ARG…]")
    .argument("<command...>", "the program and its arguments, after --")
    .option("--name <name>", "name for people: a-z, 0-9, '.', '_', '-'", "job")
    .option("--cpu <cores>", "cores that each task needs", cores)
    .option("--memory <size>", "memory that each task needs, such as 512MiB")
    .option("--disk <size>", "disk that each task needs")
    .option("--gpu <n>", "graphics processors that each task needs", wholeNumber(0, 1024))
    .option("--replicas <n>", "how many tasks", wholeNumber(1, 10_000), 1)
    .option("--env <K=V>", "environment variable; may be repeated", keyValue)
    .option("--port <name>", "port to pick for each task, found as $IRIS_PORT_<NAME>; may be repeated", collect)
    .option("--retries <n>", "tries after the first when the command fails", wholeNumber(0, 1_000), 0)
    .option("--timeout <time>", "end a try that runs longer, such as 30s or 2h", duration)
    .option("--no-wait", "print the job's id and leave")
    .addHelpText("after", "\nExample:\n  iris job run --name hello --cpu 0.5 -- echo hello\n")
    .action((argv: string[], flags: RunFlags) => run(() => runJob(argv, flags, terminal)));
}

async function runJob(argv: string[], flags: RunFlags, terminal: Terminal): Promise<number> {
  return await withClient(flags, terminal, async (client) => {
    const job = await client.submit({
      name: flags.name,
      entrypoint: Entrypoint.fromCommand(argv),
      resources: {
        ...(flags.cpu !== undefined && { cpu: flags.cpu }),
        ...(flags.memory !== undefined && { memory: flags.memory }),
        ...(flags.disk !== undefined && { disk: flags.disk }),
        ...(flags.gpu !== undefined && { gpu: flags.gpu }),
      },
      replicas: flags.replicas,
      maxRetriesFailure: flags.retries,
      ...(flags.env !== undefined && { env: flags.env }),
      ...(flags.port !== undefined && { ports: flags.port }),
      ...(flags.timeout !== undefined && { timeoutMs: flags.timeout }),
    });
    if (!flags.wait) {
      terminal.out(flags.json ? `${JSON.stringify({ id: job.id })}\n` : `${job.id}\n`);
      return EXIT.ok;
    }
    terminal.err(`job ${job.id}\n`);
    return await follow(job, flags, terminal);
  });
}

/** Streams the job's output to its end. The first interrupt asks the job to stop, then its end is awaited. */
async function follow(job: Job<unknown>, flags: RunFlags, terminal: Terminal): Promise<number> {
  let interrupted = false;
  const onInterrupt = () => {
    interrupted = true;
    terminal.err(`\nstopping job ${job.id}; interrupt again to leave it\n`);
    job.terminate().catch((error: Error) => terminal.err(`could not stop it: ${error.message}\n`));
  };
  terminal.interrupted.addEventListener("abort", onInterrupt, { once: true });
  try {
    for await (const entry of job.logs({ follow: true })) {
      const text = logLine(entry, { json: flags.json === true, prefix: flags.replicas > 1 });
      if (flags.json || entry.source === "stdout") terminal.out(text);
      else terminal.err(text);
    }
    let status = await job.status();
    for await (const update of job.watch()) {
      status = update;
      if (isFinalJob(update.state)) break;
    }
    if (flags.json) terminal.out(`${JSON.stringify({ job: status })}\n`);
    if (interrupted) return EXIT.interrupted;
    if (status.state === "SUCCEEDED") return EXIT.ok;
    terminal.err(`job ${job.id} ${status.state}: ${status.cause?.message ?? "no cause is known"}\n`);
    const exitCode = status.firstFailed?.cause?.exitCode ?? status.cause?.exitCode;
    return exitCode !== undefined && exitCode > 0 ? exitCode : EXIT.jobFailed;
  } finally {
    terminal.interrupted.removeEventListener("abort", onInterrupt);
  }
}
