/** What a child prints, line by line: handed on, looked at for readiness, and its last lines kept for when it ends badly. */
import { toError } from "../runtime/errors.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import { type Readiness, saysReady } from "./probe.ts";
import type { ChildEnv } from "./spec.ts";

export type OutputSource = "stdout" | "stderr";

export interface OutputOptions {
  /** When the child counts as ready; only `{ line }` matters here. */
  readonly ready?: Readiness | undefined;
  /** Called with each line. Default: the supervisor's logger, as `debug`. */
  readonly onLine?: ((line: string, source: OutputSource) => void) | undefined;
}

export class Output {
  /** Resolves when the line of `ready` was printed. */
  readonly saidReady: Promise<void>;
  readonly #kind: string;
  readonly #options: OutputOptions;
  readonly #env: ChildEnv;
  readonly #last: string[] = [];
  #onReady: () => void;

  constructor(kind: string, options: OutputOptions, env: ChildEnv) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.saidReady = promise;
    this.#onReady = resolve;
    this.#kind = kind;
    this.#options = options;
    this.#env = env;
  }

  /** A line was printed. Never throws. */
  take(source: OutputSource, line: string): void {
    if (this.#last.push(line) > SUPERVISION_LIMITS.linesQuoted) this.#last.shift();
    const { ready, onLine } = this.#options;
    if (saysReady(ready, line)) this.#onReady();
    const { path, logger } = this.#env;
    try {
      if (onLine === undefined) logger.debug({ [this.#kind]: path, source, line }, `${this.#kind} printed a line`);
      else onLine(line, source);
    } catch (thrown) {
      logger.error({ [this.#kind]: path, error: toError(thrown) }, `onLine of a ${this.#kind} threw: the line is lost`);
    }
  }

  /** Its last lines as the end of a sentence; empty if it printed nothing. */
  get quoted(): string {
    return this.#last.length === 0 ? "" : `; it last printed: ${this.#last.join(" | ")}`;
  }
}
