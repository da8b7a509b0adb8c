/** Figures of trials, and their medians. Pure. */
import { median } from "../group.ts";

/** What a trial can say. A trial gives those that its case has. */
export interface Metrics {
  /** Right answers per second; of streams, right items. */
  readonly perSecond?: number;
  readonly p50Us?: number;
  readonly p99Us?: number;
  readonly p999Us?: number;
  /** CPU time of one call at either end. */
  readonly clientCpuUs?: number;
  readonly serverCpuUs?: number;
  readonly bothCpuUs?: number;
  /** The connection that got the fewest answers, by the one that got the most. */
  readonly fairness?: number;
  /** The others' p99 with one frozen peer, by what it was without. */
  readonly p99Factor?: number;
  /** Memory of one idle connection at either end: resident, and live on the heap. */
  readonly serverRssBytes?: number;
  readonly serverHeapBytes?: number;
  readonly clientHeapBytes?: number;
}
export type Metric = keyof Metrics;

/** Medians, by case, subject and metric. */
export type Medians = Readonly<Record<string, Readonly<Record<string, Metrics>>>>;

export interface Sample {
  readonly caseId: string;
  readonly subject: string;
  readonly metrics: Metrics;
}

/** What is kept of a run. */
export interface RpcRun {
  readonly group: "rpc";
  readonly rounds: number;
  readonly node: string;
  readonly medians: Medians;
  readonly samples: readonly Sample[];
}

export function mediansOf(samples: readonly Sample[]): Medians {
  const medians: Record<string, Record<string, Metrics>> = {};
  for (const [caseId, ofCase] of Map.groupBy(samples, (sample) => sample.caseId)) {
    const row: Record<string, Metrics> = {};
    for (const [subject, all] of Map.groupBy(ofCase, (sample) => sample.subject)) {
      const names = Object.keys(all[0]?.metrics ?? {}) as Metric[];
      row[subject] = Object.fromEntries(
        names.map((name) => [name, median(all.flatMap(({ metrics }) => metrics[name] ?? []))]),
      );
    }
    medians[caseId] = row;
  }
  return medians;
}
