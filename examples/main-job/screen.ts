// What the program shows: a bar that moves on a terminal, lines where there is none, and a table at the end.
import type { Surveys } from "./javascript.ts";

const BAR_CELLS = 40;

export class ProgressBar {
  readonly #total: number;
  #shown = "";
  #quarter = -1;

  constructor(total: number) {
    this.#total = total;
  }

  show(done: number, note: string): void {
    const cells = Math.round((done / this.#total) * BAR_CELLS);
    const text = `[${"#".repeat(cells)}${"-".repeat(BAR_CELLS - cells)}] ${done}/${this.#total} files ${note}`;
    if (text === this.#shown) return;
    const quarter = Math.floor((done / this.#total) * 4);
    if (process.stdout.isTTY) process.stdout.write(`\r${text.padEnd(this.#shown.length)}`);
    else if (quarter !== this.#quarter) process.stdout.write(`${text}\n`);
    this.#quarter = quarter;
    this.#shown = text;
  }

  /** Writes a line without tearing the bar. */
  say(line: string): void {
    if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(this.#shown.length)}\n${this.#shown}`);
    else process.stdout.write(`${line}\n`);
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write("\n");
  }
}

/** The packages with the most functions, and the sum of all. */
export function printTable(surveys: Surveys, rows: number): void {
  const heading = ["package", "files", "KiB", "functions", "classes", "branches"];
  const names = Object.keys(surveys).sort(
    (a, b) => (surveys[b]?.functions ?? 0) - (surveys[a]?.functions ?? 0) || (a < b ? -1 : 1),
  );
  const all = { files: 0, bytes: 0, functions: 0, classes: 0, branches: 0 };
  for (const survey of Object.values(surveys))
    for (const key of Object.keys(all) as (keyof typeof all)[]) all[key] += survey[key];
  const cellsOf = (name: string, one: typeof all) =>
    [name, one.files, Math.round(one.bytes / 1024), one.functions, one.classes, one.branches].map((cell) =>
      cell.toLocaleString("en"),
    );
  const lines = [
    heading,
    ...names.slice(0, rows).map((name) => cellsOf(name, surveys[name] ?? all)),
    cellsOf(`all ${names.length} packages`, all),
  ];
  const widths = heading.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  for (const cells of lines) {
    console.log(
      cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  "),
    );
  }
}
