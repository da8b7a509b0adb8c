/** Flags that the long-running commands share, and how such a command ends. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { describeExit, type ExitReason } from "../runtime/exit.ts";
import type { Environment } from "../runtime/ports/environment.ts";
import { EXIT } from "./exit-status.ts";
import { LOG_LEVELS } from "./service-log.ts";
import type { Terminal } from "./settings.ts";

export interface ServiceFlags {
  token?: string;
  logLevel: string;
  json?: boolean;
}

export function withServiceFlags(command: Command): Command {
  return command
    .option(
      "--token <token>",
      "token that users and workers show (default: $IRIS_TOKEN, or this user's on this machine)",
    )
    .addOption(new Option("--log-level <level>", "what to log on stderr").choices([...LOG_LEVELS]).default("warn"))
    .addOption(new Option("--json", "print the address as JSON"));
}

/** Where Iris keeps what must outlive a process: `$IRIS_HOME`, or `~/.iris`. */
export function irisHome(environment: Environment): string {
  return environment["IRIS_HOME"] ?? join(homedir(), ".iris");
}

/** Waits for the first interrupt, or for the service to give up by itself: that is a failure, and is said. */
export async function untilEnded(ended: Promise<ExitReason>, service: string, terminal: Terminal): Promise<number> {
  const interrupted = Promise.withResolvers<undefined>();
  if (terminal.interrupted.aborted) interrupted.resolve(undefined);
  terminal.interrupted.addEventListener("abort", () => interrupted.resolve(undefined), { once: true });
  const reason = await Promise.race([ended, interrupted.promise]);
  if (reason === undefined) return EXIT.ok;
  terminal.err(`iris: the ${service} has given up (${describeExit(reason)}); its log above says why\n`);
  return EXIT.jobFailed;
}
