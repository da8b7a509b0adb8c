/** What is measured: groups of cases, each with what was expected of it and what it has to reach. Measures nothing. */

/** Who is measured. `before` is another build of Iris, given with `--against`. */
export const SUBJECTS = [
  "iris",
  "before",
  "floor",
  "erlang",
  "nact",
  "xstate",
  "xstate-logic",
  "thread",
  "comlink",
  "iris-session",
  "json",
  "msgpackr",
  "msgpackr-records",
  "v8",
] as const;
export type Subject = (typeof SUBJECTS)[number];

/** `factor`: a quotient of two times, 1 when the second is as quick as the first. */
export type Unit = "per second" | "bytes" | "factor";

export interface Goal {
  /** Whose figure Iris's is divided by; none: Iris's own figure counts. */
  readonly peer?: Subject;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Case {
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  /** Iris's figure as expected before it was first measured; kept when it was wrong. */
  readonly guess: number;
  /** Who has this case at all. */
  readonly peers: readonly Subject[];
  readonly goals: readonly Goal[];
}

export interface Group {
  readonly id: string;
  readonly title: string;
  /** Where its subjects are, beside this file. Default: `subjects`. */
  readonly directory?: string;
  readonly cases: readonly Case[];
}

/** One figure of one process. */
export interface Sample {
  readonly caseId: string;
  readonly subject: Subject;
  readonly value: number;
}

/** The medians of a run, by case and subject. */
export type Medians = Readonly<Record<string, Partial<Record<Subject, number>>>>;

export function mediansOf(samples: readonly Sample[]): Medians {
  const medians: Record<string, Partial<Record<Subject, number>>> = {};
  for (const [caseId, ofCase] of Map.groupBy(samples, (sample) => sample.caseId)) {
    const bySubject = Map.groupBy(ofCase, (sample) => sample.subject);
    medians[caseId] = {};
    for (const [subject, all] of bySubject) medians[caseId][subject] = median(all.map(({ value }) => value));
  }
  return medians;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
