/** Values as bytes and back: what each argument and each result costs, beside JSON and others. */
import type { Case, Goal, Group, Subject } from "../group.ts";

const PLAIN: readonly Subject[] = ["iris-session", "json", "msgpackr", "msgpackr-records", "v8"];
/** JSON has no bytes. */
const BYTES: readonly Subject[] = ["iris-session", "msgpackr", "v8"];
const LIKE_JSON: readonly Goal[] = [{ peer: "json", atLeast: 1 }];
const LIKE_V8: readonly Goal[] = [{ peer: "v8", atLeast: 1 }];

function bothWays(
  id: string,
  title: string,
  guesses: readonly [encode: number, decode: number],
  peers: readonly Subject[],
  goals: readonly Goal[],
): Case[] {
  return [
    { id: `${id}-encode`, title: `${title}: encode`, unit: "per second", guess: guesses[0], peers, goals },
    { id: `${id}-decode`, title: `${title}: decode`, unit: "per second", guess: guesses[1], peers, goals },
  ];
}

export const values: Group = {
  id: "values",
  title: "Values as bytes and back",
  directory: "values",
  cases: [
    ...bothWays("small", "{id, text: 100 characters}", [4_500_000, 4_000_000], PLAIN, LIKE_JSON),
    ...bothWays("pair", '[7, "value"]', [10_000_000, 9_000_000], PLAIN, LIKE_JSON),
    ...bothWays("nested", "nested, 1 KB", [400_000, 450_000], PLAIN, LIKE_JSON),
    ...bothWays("records", "200 records", [40_000, 50_000], PLAIN, LIKE_JSON),
    ...bothWays("bytes", "64 KiB of bytes", [80_000, 80_000], BYTES, LIKE_V8),
    ...bothWays("floats", "Float64Array of 8 MB", [400, 400], BYTES, LIKE_V8),
  ],
};
