/** `npm run bench -- rpc`: flags to a run, its rounds, and what is printed of it. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CASES, type RpcCase } from "./cases.ts";
import { chart } from "./chart.ts";
import { Laboratory, type Times } from "./laboratory.ts";
import { mediansOf, type RpcRun, type Sample } from "./metrics.ts";
import { comparison, costs, figure, figures, goals, shownOf } from "./report.ts";
import { missing, WHO, type Who } from "./who.ts";

const USAGE = `npm run bench -- rpc [--full] [--rounds N] [--warm-up MS] [--measure MS] [--case ID]… [--subject NAME]… [--json FILE] [--compare FILE] [--svg FILE] [--build DIRECTORY] [--against DIRECTORY]
cases: ${CASES.map(({ id }) => id).join(" ")}
subjects: ${WHO.map(({ id }) => id).join(" ")}`;
const QUICK: Times & { rounds: number } = { rounds: 3, warmUpMs: 300, measureMs: 500 };
const FULL: Times & { rounds: number } = { rounds: 5, warmUpMs: 500, measureMs: 1_000 };

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    options: {
      full: { type: "boolean", default: false },
      rounds: { type: "string" },
      "warm-up": { type: "string" },
      measure: { type: "string" },
      case: { type: "string", multiple: true, default: [] },
      subject: { type: "string", multiple: true, default: [] },
      json: { type: "string" },
      compare: { type: "string" },
      svg: { type: "string" },
      build: { type: "string", default: join(import.meta.dirname, "../../dist") },
      against: { type: "string" },
    },
  }).values;

/** Runs what `args` ask for and prints it. Resolves with the exit status: 1 when somebody failed, 2 for wrong usage. */
export async function benchRpc(args: readonly string[]): Promise<number> {
  const note = (line: string) => process.stderr.write(`${line}\n`);
  let flags: ReturnType<typeof parse>;
  try {
    flags = parse(args);
    const unknown =
      flags.case.find((id) => !CASES.some((one) => one.id === id)) ??
      flags.subject.find((id) => !WHO.some((who) => who.id === id));
    if (unknown !== undefined) throw new Error(`${unknown}: there is no such case or subject`);
  } catch (error) {
    note(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const mode = flags.full ? FULL : QUICK;
  const rounds = Number(flags.rounds ?? mode.rounds);
  const times = {
    warmUpMs: Number(flags["warm-up"] ?? mode.warmUpMs),
    measureMs: Number(flags.measure ?? mode.measureMs),
  };
  if (![rounds, times.warmUpMs, times.measureMs].every((number) => Number.isInteger(number) && number >= 1)) {
    note("--rounds, --warm-up and --measure want whole numbers from 1");
    return 2;
  }
  const earlier = flags.compare === undefined ? undefined : (JSON.parse(readFileSync(flags.compare, "utf8")) as RpcRun);
  const there = WHO.filter((who) => flags.subject.length === 0 || flags.subject.includes(who.id)).filter((who) => {
    const reason = missing(who, flags);
    if (reason !== undefined && who.id !== "before") note(`${who.id} is left out: ${reason}`);
    return reason === undefined;
  });
  const plan = planOf(there, flags);
  using laboratory = new Laboratory(flags, times);
  const { samples, failures } = await measureAll(plan, rounds, laboratory, note);
  const run: RpcRun = { group: "rpc", rounds, node: process.versions.node, medians: mediansOf(samples), samples };
  const { model = "unknown" } = cpus()[0] ?? {};
  const heading = `RPC over a socket: medians of ${rounds} rounds, Node ${run.node}, ${cpus().length} × ${model}`;
  const tables = [heading, figures(run.medians), costs(run.medians), goals(run.medians)];
  if (earlier !== undefined) tables.push(comparison(run.medians, earlier.medians));
  process.stdout.write(`${tables.join("\n\n")}\n`);
  for (const failure of failures) note(failure);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(run, undefined, 2)}\n`);
  if (flags.svg !== undefined) writeFileSync(flags.svg, chart(run.medians));
  return failures.length === 0 ? 0 : 1;
}

type Plan = readonly { readonly one: RpcCase; readonly whos: readonly Who[] }[];

/** A quick run has its own few cases and subjects, unless they are named. */
function planOf(there: readonly Who[], flags: ReturnType<typeof parse>): Plan {
  return CASES.filter(({ id }) => flags.case.length === 0 || flags.case.includes(id)).flatMap((one) => {
    const isNamed = flags.full || flags.case.length > 0;
    if (!isNamed && one.quick === undefined) return [];
    const who = isNamed || flags.subject.length > 0 ? one.who : one.quick;
    const whos = there.filter(({ id, isFloor }) =>
      who === undefined ? isFloor !== true || one.kind !== "stream" : who.includes(id),
    );
    return [{ one, whos }];
  });
}

/** Round by round, its subjects side by side, so that a busy minute hits all of them. Who fails is not asked again. */
async function measureAll(plan: Plan, rounds: number, laboratory: Laboratory, note: (line: string) => void) {
  const samples: Sample[] = [];
  const failures: string[] = [];
  for (const { one, whos } of plan) {
    const failed = new Set<Who>();
    for (let round = 0; round < rounds; round++) {
      const first = round % Math.max(1, whos.length);
      for (const who of [...whos.slice(first), ...whos.slice(0, first)]) {
        if (failed.has(who)) continue;
        try {
          const metrics = await laboratory.measure(who, one);
          samples.push({ caseId: one.id, subject: who.id, metrics });
          const metric = shownOf(one);
          note(`${one.id} ${round + 1}/${rounds} ${who.id}: ${figure(metrics[metric] ?? Number.NaN, metric)}`);
        } catch (error) {
          failed.add(who);
          failures.push((error as Error).message);
          note(`${one.id} ${round + 1}/${rounds} ${who.id}: FAILED`);
        }
      }
    }
  }
  return { samples, failures };
}
