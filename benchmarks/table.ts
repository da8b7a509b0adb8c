/** A run as people read it: figures, ratios, and which goals are reached. Pure. */
import { type Case, type Goal, type Group, type Medians, SUBJECTS, type Subject, type Unit } from "./group.ts";

/** Rows of cells as lines of aligned columns, the first row being the heading: Markdown that reads well as text. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, at) => (row[at] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  const [heading = [], ...body] = rows;
  return [line(heading), rule, ...body.map(line)].join("\n");
}

/** One row per case: the guess, Iris's figure, and each peer's with what Iris's is of it. */
export function figures(group: Group, medians: Medians): string {
  const measured = Object.values(medians);
  const peers = SUBJECTS.filter((name) => name !== "iris" && measured.some((row) => row[name] !== undefined));
  const rows = group.cases
    .filter(({ id }) => medians[id] !== undefined)
    .map((one) => {
      const row = medians[one.id] ?? {};
      const of = (peer: Subject) => {
        const value = row[peer];
        if (value === undefined) return "";
        return row.iris === undefined
          ? figure(value, one.unit)
          : `${figure(value, one.unit)} (${ratio(row.iris / value)})`;
      };
      const iris = row.iris === undefined ? "" : figure(row.iris, one.unit);
      return [one.title, one.unit, figure(one.guess, one.unit), iris, ...peers.map(of)];
    });
  return aligned([["", "unit", "guess", "iris", ...peers.map((name) => `${name} (iris ×)`)], ...rows]);
}

/** One row per goal: what it asks for, what was measured, whether that is enough. */
export function goals(group: Group, medians: Medians): string {
  const rows = group.cases.flatMap((one) => one.goals.map((goal) => goalRow(one, goal, medians)));
  return aligned([["goal", "wanted", "measured", ""], ...rows.filter((row) => row !== undefined)]);
}

function goalRow(one: Case, goal: Goal, medians: Medians): string[] | undefined {
  const row = medians[one.id] ?? {};
  const by = goal.peer === undefined ? 1 : row[goal.peer];
  if (row.iris === undefined || by === undefined) return undefined;
  const value = row.iris / by;
  const isReached = value >= (goal.atLeast ?? 0) && value <= (goal.atMost ?? Number.POSITIVE_INFINITY);
  const show = (number: number) =>
    goal.peer === undefined ? figure(number, one.unit) : `${ratio(number)} ${goal.peer}`;
  const wanted = goal.atLeast === undefined ? `≤ ${show(goal.atMost ?? 0)}` : `≥ ${show(goal.atLeast)}`;
  return [one.title, wanted, show(value), isReached ? "reached" : "NOT REACHED"];
}

/** Iris now beside Iris in an earlier run, both also as ratios to what was measured in the same run. */
export function comparison(group: Group, now: Medians, earlier: Medians): string {
  const rows = group.cases.flatMap((one) => {
    const [after, before] = [now[one.id]?.iris, earlier[one.id]?.iris];
    if (after === undefined || before === undefined) return [];
    const own = [one.title, "itself", figure(before, one.unit), figure(after, one.unit), ratio(after / before)];
    const beside = one.peers.flatMap((peer) => {
      const [peerNow, peerEarlier] = [now[one.id]?.[peer], earlier[one.id]?.[peer]];
      if (peerNow === undefined || peerEarlier === undefined) return [];
      const [ratioNow, ratioEarlier] = [after / peerNow, before / peerEarlier];
      return [[one.title, `× ${peer}`, ratio(ratioEarlier), ratio(ratioNow), ratio(ratioNow / ratioEarlier)]];
    });
    return [own, ...beside];
  });
  return aligned([["", "as", "earlier", "now", "change"], ...rows]);
}

function ratio(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ×`;
}

function figure(value: number, unit: Unit): string {
  if (unit === "factor") return value.toFixed(2);
  if (unit === "bytes" || value < 1_000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ");
  if (value < 1e6) return `${(value / 1e3).toPrecision(3)} k`;
  return `${(value / 1e6).toPrecision(3)} M`;
}
