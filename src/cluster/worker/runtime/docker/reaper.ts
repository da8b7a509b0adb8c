/**
 * Removes this process's containers when it ends in whatever way, SIGKILL included: another process that waits on a pipe
 * which only this one holds open. There is one as long as there are containers. What it could not do (the machine went
 * down) is done by the next sweep.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { toError } from "../../../../runtime/errors.ts";
import { processEnvironment } from "../../../../runtime/ports/environment.ts";
import type { Logger } from "../../../../runtime/ports/logger.ts";

/** Said before the pipe closes when nothing is left to remove. */
export const NOTHING_LEFT = "nothing left";

/** Beside this file, as source or compiled, whichever runs. */
const MAIN = fileURLToPath(new URL(`./reaper-main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));

export class Reaper {
  readonly #logger: Logger;
  #containers = 0;
  #child: ChildProcess | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Before a container is made. */
  add(): void {
    if (this.#containers++ > 0) return;
    // A session of its own: a Ctrl-C at the terminal must not end it before us. The environment says where the engine is.
    const child = spawn(process.execPath, [MAIN, String(process.pid)], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...processEnvironment },
    });
    child.on("error", (thrown) => {
      this.#logger.warn({ error: toError(thrown) }, "containers may outlive this process: their reaper did not start");
    });
    child.stdin?.on("error", () => {});
    child.unref();
    (child.stdin as unknown as { unref(): void } | null)?.unref();
    this.#child = child;
  }

  /** After it was removed. */
  drop(): void {
    if (--this.#containers > 0) return;
    this.#child?.stdin?.end(NOTHING_LEFT);
    this.#child = undefined;
  }
}
