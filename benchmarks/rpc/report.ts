/** A run as people read it: figures beside Iris's, goals, and what changed. Pure. */
import { aligned } from "../table.ts";
import { CASES, GOALS, type RpcCase, type RpcGoal } from "./cases.ts";
import type { Medians, Metric } from "./metrics.ts";
import { WHO } from "./who.ts";

const METRIC_TITLES: Partial<Record<Metric, string>> = {
  perSecond: "per second",
  p99Us: "p99",
  bothCpuUs: "CPU, both ends",
  fairness: "fewest by most",
  p99Factor: "factor",
  serverRssBytes: "bytes",
};

/** What a case is about. */
export function shownOf(one: RpcCase): Metric {
  return one.shows ?? "perSecond";
}

/** One row per subject, one column per case: the figure, and what Iris's is of it. */
export function figures(medians: Medians): string {
  const cases = CASES.filter(({ id }) => medians[id] !== undefined);
  const rows = WHO.filter(({ id }) => cases.some((one) => medians[one.id]?.[id] !== undefined)).map((who) => [
    who.title,
    ...cases.map((one) => {
      const metric = shownOf(one);
      const [value, iris] = [medians[one.id]?.[who.id]?.[metric], medians[one.id]?.["iris"]?.[metric]];
      if (value === undefined) return "";
      return who.id === "iris" || iris === undefined
        ? figure(value, metric)
        : `${figure(value, metric)} (${ratio(iris / value)})`;
    }),
  ]);
  const guesses = ["guessed for Iris", ...cases.map((one) => figure(one.guess, shownOf(one)))];
  const heading = cases.map((one) =>
    one.shows === undefined ? one.title : `${one.title}: ${METRIC_TITLES[one.shows] ?? one.shows}`,
  );
  return aligned([["(Iris ×)", ...heading], ...rows, guesses]);
}

/** What single calls cost: latencies of a closed loop of one and of a steady rate, CPU time with 64 and 1024. */
export function costs(medians: Medians): string {
  const of = (caseId: string) => medians[caseId] ?? {};
  const [one, many, most, steady] = [of("small-1"), of("small-64"), of("small-1024"), of("rate-2k")];
  const rows = WHO.filter(({ id }) => one[id] !== undefined || many[id] !== undefined).map(({ id, title }) => [
    title,
    ...[one[id]?.p50Us, one[id]?.p99Us, steady[id]?.p50Us, steady[id]?.p99Us, steady[id]?.p999Us].map((us) =>
      text(us, "p99Us"),
    ),
    ...[many[id]?.clientCpuUs, many[id]?.serverCpuUs, most[id]?.bothCpuUs].map((us) => text(us, "bothCpuUs")),
  ]);
  const heading = [
    "",
    "p50 @1",
    "p99 @1",
    "p50 at 2 000/s",
    "p99 at 2 000/s",
    "p99.9 at 2 000/s",
    "CPU @64, client",
    "server",
    "@1024, both",
  ];
  const isThere = heading.map((title, at) => title === "" || rows.some((row) => row[at] !== ""));
  return aligned([heading, ...rows].map((row) => row.filter((_, at) => isThere[at])));
}

/** One row per goal that was measured: what it asks for, what came, whether that is enough. */
export function goals(medians: Medians): string {
  const rows = GOALS.flatMap((goal) => {
    const value = measured(goal, medians);
    if (value === undefined) return [];
    const title = `${titleOf(goal.caseId)}: ${METRIC_TITLES[goal.metric] ?? goal.metric}`;
    const isReached = value >= (goal.atLeast ?? 0) && value <= (goal.atMost ?? Number.POSITIVE_INFINITY);
    const show = (number: number) => {
      if (goal.peer === undefined) return figure(number, goal.metric);
      return `${ratio(number)} ${goal.peerCase === undefined ? goal.peer : titleOf(goal.peerCase)}`;
    };
    const wanted = goal.atLeast === undefined ? `≤ ${show(goal.atMost ?? 0)}` : `≥ ${show(goal.atLeast)}`;
    return [[title, wanted, show(value), isReached ? "reached" : "NOT REACHED"]];
  });
  return aligned([["goal", "wanted", "measured", ""], ...rows]);
}

function measured(goal: RpcGoal, medians: Medians): number | undefined {
  const own = medians[goal.caseId]?.["iris"]?.[goal.metric];
  if (own === undefined || goal.peer === undefined) return own;
  const by = medians[goal.peerCase ?? goal.caseId]?.[goal.peer]?.[goal.metric];
  return by === undefined ? undefined : own / by;
}

/** Iris now beside Iris in an earlier run, both also as ratios to what was measured in the same run. */
export function comparison(now: Medians, earlier: Medians): string {
  const rows = CASES.flatMap((one) => {
    const metric = shownOf(one);
    const of = (medians: Medians, who: string) => medians[one.id]?.[who]?.[metric];
    const [after, before] = [of(now, "iris"), of(earlier, "iris")];
    if (after === undefined || before === undefined) return [];
    const own = [one.title, "itself", figure(before, metric), figure(after, metric), ratio(after / before)];
    const beside = WHO.flatMap(({ id }) => {
      const [peerNow, peerEarlier] = [of(now, id), of(earlier, id)];
      if (id === "iris" || peerNow === undefined || peerEarlier === undefined) return [];
      const [ratioNow, ratioEarlier] = [after / peerNow, before / peerEarlier];
      return [[one.title, `× ${id}`, ratio(ratioEarlier), ratio(ratioNow), ratio(ratioNow / ratioEarlier)]];
    });
    return [own, ...beside];
  });
  return aligned([["", "as", "earlier", "now", "change"], ...rows]);
}

function titleOf(caseId: string): string {
  return CASES.find(({ id }) => id === caseId)?.title ?? caseId;
}

function ratio(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ×`;
}

function text(value: number | undefined, metric: Metric): string {
  return value === undefined ? "" : figure(value, metric);
}

/** A figure with its unit, if it has one. */
export function figure(value: number, metric: Metric): string {
  if (metric === "fairness" || metric === "p99Factor") return value.toFixed(2);
  if (metric.endsWith("Us"))
    return value >= 10_000 ? `${(value / 1_000).toPrecision(3)} ms` : `${Number(value.toPrecision(3))} µs`;
  if (metric.endsWith("Bytes") || value < 1_000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ");
  return value < 1e6 ? `${(value / 1e3).toPrecision(3)} k` : `${(value / 1e6).toPrecision(3)} M`;
}
