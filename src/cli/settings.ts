/**
 * Where a command finds its controller and its token: flag, then `IRIS_*` variable, then `iris.config.json` of the
 * working directory, then the default. Also the few things that every command is handed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CLUSTER_LIMITS } from "../cluster/job/limits.ts";
import { userToken } from "../net/token.ts";
import { IrisError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import type { Environment } from "../runtime/ports/environment.ts";

/** The outside world as the command line sees it; tests hand in their own. */
export interface Terminal {
  readonly environment: Environment;
  readonly cwd: string;
  readonly clock: Clock;
  /** Data: what a pipe wants to read. */
  out(text: string): void;
  /** For people: progress, notes, errors. */
  err(text: string): void;
  /** Width of the terminal behind `out`, or undefined when it is none. */
  readonly columns: number | undefined;
  /** Aborts at the first interrupt; a second one ends the process. */
  readonly interrupted: AbortSignal;
}

/** Flags that every command that talks to a controller takes. */
export interface ControllerFlags {
  controller?: string;
  token?: string;
  json?: boolean;
}

interface ConfigFile {
  controller?: string;
  token?: string;
}

const CONFIG_FILE = "iris.config.json";
const CONFIG_KEYS: readonly string[] = ["controller", "token"];

/** The controller's URL and the token for it. Throws `INVALID_ARGUMENT` for a config file that cannot be used. */
export function controllerSettings(flags: ControllerFlags, terminal: Terminal): { url: string; token: string } {
  const file = readConfigFile(terminal.cwd);
  const { environment } = terminal;
  return {
    url:
      flags.controller ??
      environment["IRIS_CONTROLLER"] ??
      environment["IRIS_CONTROLLER_ADDRESS"] ??
      file.controller ??
      `http://127.0.0.1:${CLUSTER_LIMITS.controllerPort}`,
    token: flags.token ?? environment["IRIS_TOKEN"] ?? file.token ?? userToken(environment),
  };
}

function readConfigFile(cwd: string): ConfigFile {
  const path = join(cwd, CONFIG_FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new IrisError("INVALID_ARGUMENT", `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new IrisError("INVALID_ARGUMENT", `${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (config === null || typeof config !== "object" || Array.isArray(config)) {
    throw new IrisError("INVALID_ARGUMENT", `${path} must hold an object such as {"controller": "http://…"}`);
  }
  for (const [key, value] of Object.entries(config)) {
    if (!CONFIG_KEYS.includes(key) || typeof value !== "string") {
      throw new IrisError(
        "INVALID_ARGUMENT",
        `${path}: ${key} is not known or no text; known are ${CONFIG_KEYS.join(", ")}`,
      );
    }
  }
  return config as ConfigFile;
}
