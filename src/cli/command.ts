/** What every command is handed, and the flags that many share. */
import { type Command, Option } from "commander";
import type { Terminal } from "./settings.ts";

/** Runs an action and keeps the exit status that it resolves with. */
export type RunAction = (action: () => Promise<number>) => Promise<void>;

export interface CommandContext {
  readonly terminal: Terminal;
  readonly run: RunAction;
}

/** Adds the flags of every command that talks to a controller. */
export function withControllerFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--controller <url>",
        "the controller (default: $IRIS_CONTROLLER, iris.config.json, http://127.0.0.1:8080)",
      ),
    )
    .addOption(
      new Option("--token <token>", "token to show there (default: $IRIS_TOKEN, or this user's on this machine)"),
    )
    .addOption(new Option("--json", "print JSON for programs instead of text for people"));
}
