/** Tables for people: columns as wide as they must be, lines cut to fit the terminal. All but `printTable` is pure. */
import type { Terminal } from "./settings.ts";

/** Lines of a table with a heading; `columns` is the width of the terminal, or undefined when it is none. */
export function tableLines(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  columns?: number,
): string[] {
  const widths = heading.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  return [heading, ...rows].map((row) => {
    const line = row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
    return columns !== undefined && line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
  });
}

/** Prints a table as data. */
export function printTable(terminal: Terminal, heading: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const line of tableLines(heading, rows, terminal.columns)) terminal.out(`${line}\n`);
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A length of time for people: `850ms`, `12.3s`, `4m 5s`, `2h 10m`, `3d 4h`. */
export function durationText(ms: number): string {
  if (ms < SECOND_MS) return `${Math.round(ms)}ms`;
  if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(1)}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m ${Math.floor((ms % MINUTE_MS) / SECOND_MS)}s`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)}h ${Math.floor((ms % HOUR_MS) / MINUTE_MS)}m`;
  return `${Math.floor(ms / DAY_MS)}d ${Math.floor((ms % DAY_MS) / HOUR_MS)}h`;
}

const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A size for people: `512 MiB`. */
export function bytesText(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < BINARY_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${BINARY_UNITS[unit]}`;
}
