/** The log of long-running commands: pino, JSON lines on stderr, so that stdout stays data. */
import { pino } from "pino";
import type { Logger } from "../runtime/ports/logger.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** A logger for a service called `name`. Tokens never reach it by name: such fields are replaced. */
export function serviceLog(name: string, level: string): Logger {
  return pino(
    { name, level, redact: { paths: ["token", "*.token"], censor: "[redacted]" } },
    pino.destination({ dest: 2, sync: true }),
  );
}
