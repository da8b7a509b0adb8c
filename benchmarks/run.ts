/** A run: every case of a group, its subjects side by side, round by round, so that a busy minute hits all of them. */
import { type Case, type Group, type Medians, mediansOf, type Sample, SUBJECTS, type Subject } from "./group.ts";
import type { Laboratory } from "./trial.ts";

export interface RunOptions {
  readonly rounds: number;
  /** Ids of the cases and names of the subjects to measure; none: all of them. */
  readonly cases: readonly string[];
  readonly subjects: readonly string[];
  readonly note: (line: string) => void;
}

export interface Run {
  readonly group: string;
  readonly rounds: number;
  readonly medians: Medians;
  readonly samples: readonly Sample[];
}

export async function runGroup(group: Group, laboratory: Laboratory, options: RunOptions): Promise<Run> {
  const { rounds, note } = options;
  const cases = group.cases.filter(({ id }) => options.cases.length === 0 || options.cases.includes(id));
  const wanted = SUBJECTS.filter((name) => options.subjects.length === 0 || options.subjects.includes(name));
  const there = wanted.filter((subject) => {
    const reason = laboratory.missing(subject);
    if (reason !== undefined && subject !== "before") note(`${subject} is left out: ${reason}`);
    return reason === undefined;
  });
  const samples: Sample[] = [];
  for (const one of cases) {
    for (let round = 1; round <= rounds; round++) {
      for (const subject of inTurn(subjectsOf(one, there), round)) {
        const value = await laboratory.measure(subject, one.id);
        samples.push({ caseId: one.id, subject, value });
        note(`${one.id} ${round}/${rounds} ${subject}: ${value.toPrecision(4)}`);
      }
    }
  }
  return { group: group.id, rounds, medians: mediansOf(samples), samples };
}

function subjectsOf(one: Case, there: readonly Subject[]): Subject[] {
  return there.filter((subject) => subject === "iris" || subject === "before" || one.peers.includes(subject));
}

/** Each round begins with another subject, so that nobody always follows the same one. */
function inTurn<T>(items: readonly T[], round: number): T[] {
  const first = (round - 1) % Math.max(1, items.length);
  return [...items.slice(first), ...items.slice(0, first)];
}
