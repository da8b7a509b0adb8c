/** A logger that keeps what it is told, for tests that say what operators must see. */
import type { Logger } from "../../src/runtime/ports/logger.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class RecordingLogger implements Logger {
  readonly lines: LogLine[];
  readonly #bound: object;

  constructor(bound: object = {}, lines: LogLine[] = []) {
    this.#bound = bound;
    this.lines = lines;
  }

  debug(fields: object, message: string): void {
    this.#keep("debug", fields, message);
  }
  info(fields: object, message: string): void {
    this.#keep("info", fields, message);
  }
  warn(fields: object, message: string): void {
    this.#keep("warn", fields, message);
  }
  error(fields: object, message: string): void {
    this.#keep("error", fields, message);
  }
  child(fields: object): Logger {
    return new RecordingLogger({ ...this.#bound, ...fields }, this.lines);
  }

  #keep(level: LogLine["level"], fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...this.#bound, ...fields } });
  }
}
