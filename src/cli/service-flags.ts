/** Flags that the long-running commands share, and how such a command ends. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { Environment } from "../runtime/ports/environment.ts";
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

/** Resolves at the first interrupt. */
export function untilInterrupted(terminal: Terminal): Promise<void> {
  return new Promise((resolve) => {
    if (terminal.interrupted.aborted) resolve();
    terminal.interrupted.addEventListener("abort", () => resolve(), { once: true });
  });
}
