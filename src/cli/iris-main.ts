/**
 * The process behind `iris`: real streams, signals and exit status around the command line. The first interrupt asks the
 * command to end, the second ends the process.
 */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { IrisError, toError } from "../runtime/errors.ts";
import { systemClock } from "../runtime/ports/clock.ts";
import { processEnvironment } from "../runtime/ports/environment.ts";
import { EXIT, exitStatusOf } from "./exit-status.ts";
import { irisProgram } from "./program.ts";
import type { Terminal } from "./settings.ts";

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort(new IrisError("CANCELLED", `interrupted by ${signal}`));
  });
}
// A reader that has enough, as in `iris job logs … | head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

const terminal: Terminal = {
  environment: processEnvironment,
  cwd: process.cwd(),
  clock: systemClock,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  interrupted: interrupt.signal,
};

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
let status: number = EXIT.ok;
const program = irisProgram(terminal, version, async (action) => {
  status = await action();
});
try {
  await program.parseAsync(process.argv);
} catch (thrown) {
  status = statusOfThrown(thrown);
}
// Output may still be on its way into a pipe: the process ends when it is written.
process.exitCode = status;
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise<void>((done) => stream.write("", () => done()))),
);
process.exit(status);

function statusOfThrown(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const error = toError(thrown);
  terminal.err(`iris: ${error.message}${IrisError.is(error) ? ` (${error.code})` : ""}\n`);
  return interrupt.signal.aborted ? EXIT.interrupted : exitStatusOf(error);
}
