/** `iris bench`: how fast Iris is on this machine, between two processes of its own. */
import type { Command } from "commander";
import { type BenchRow, benchIris } from "./bench-iris.ts";
import type { CommandContext } from "./command.ts";
import { EXIT } from "./exit-status.ts";
import { duration } from "./flags.ts";
import { tableLines } from "./table.ts";

interface BenchFlags {
  quick?: boolean;
  duration?: number;
  json?: boolean;
}

const FULL = { warmUpMs: 1_000, measureMs: 5_000 } as const;
const QUICK = { warmUpMs: 300, measureMs: 700 } as const;

export function addBenchCommand(program: Command, { terminal, run }: CommandContext): void {
  program
    .command("bench")
    .description("measure calls between two processes on this machine: per second, latency, CPU time")
    .option("--quick", "a second for each row instead of six")
    .option("--duration <time>", "how long to measure each row, such as 500ms", duration)
    .option("--json", "print JSON for programs instead of text for people")
    .addHelpText("after", "\nExample:\n  iris bench --quick\n")
    .action((flags: BenchFlags) =>
      run(async () => {
        const { warmUpMs, measureMs } = flags.quick ? QUICK : FULL;
        const rows = await benchIris({
          warmUpMs: Math.min(warmUpMs, flags.duration ?? warmUpMs),
          measureMs: flags.duration ?? measureMs,
          signal: terminal.interrupted,
          onRow: ({ what, inFlight }) => terminal.err(`measured: ${what}${inFlight === null ? "" : `, ${inFlight}`}\n`),
        });
        if (flags.json) terminal.out(`${JSON.stringify({ node: process.versions.node, rows })}\n`);
        else for (const line of benchLines(rows, terminal.columns)) terminal.out(`${line}\n`);
        return EXIT.ok;
      }),
    );
}

/** The rows as a table for people. */
export function benchLines(rows: readonly BenchRow[], columns?: number): string[] {
  const heading = ["CALL", "IN FLIGHT", "CALLS/S", "P50", "P99", "P99.9", "CPU CLIENT", "CPU SERVER", "CALLS"];
  return tableLines(
    heading,
    rows.map((row) => [
      row.what,
      row.inFlight === null ? "-" : String(row.inFlight),
      Math.round(row.callsPerSecond).toLocaleString("en-US"),
      ...[row.p50Us, row.p99Us, row.p999Us, row.clientCpuUs, row.serverCpuUs].map(microsecondsText),
      row.completed.toLocaleString("en-US"),
    ]),
    columns,
  );
}

function microsecondsText(us: number | null): string {
  if (us === null) return "-";
  if (us < 100) return `${us.toFixed(1)} µs`;
  return us < 10_000 ? `${Math.round(us)} µs` : `${(us / 1_000).toFixed(1)} ms`;
}
