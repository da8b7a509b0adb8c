/** The command: `npm run bench -- GROUP [options]`. Flags to calls, no measuring. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { actors } from "./actors.ts";
import { benchRpc } from "./rpc/main.ts";
import { type Run, runGroup } from "./run.ts";
import { comparison, figures, goals } from "./table.ts";
import { openLaboratory } from "./trial.ts";
import { values as ofValues } from "./values/cases.ts";

const GROUPS = [actors, ofValues];
const USAGE = `npm run bench -- GROUP [--rounds N] [--case ID]… [--subject NAME]… [--json FILE] [--compare FILE] [--build DIRECTORY] [--against DIRECTORY]
groups: ${GROUPS.map(({ id, cases }) => `${id} (${cases.map((one) => one.id).join(" ")})`).join(", ")}, rpc (has flags of its own: rpc --help)`;

function fail(message: string): never {
  process.stderr.write(`${message}\n${USAGE}\n`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: "3" },
        case: { type: "string", multiple: true, default: [] },
        subject: { type: "string", multiple: true, default: [] },
        json: { type: "string" },
        compare: { type: "string" },
        build: { type: "string", default: join(import.meta.dirname, "../dist") },
        against: { type: "string" },
      },
    });
  } catch (error) {
    return fail((error as Error).message);
  }
}

// Calls between processes have figures of many kinds, and flags of their own.
if (process.argv[2] === "rpc") process.exit(await benchRpc(process.argv.slice(3)));

const { values, positionals } = parse();
const group =
  GROUPS.find(({ id }) => id === positionals[0]) ?? fail(`which group? ${positionals[0] ?? "none"} is none`);
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds ${values.rounds}: wanted a whole number from 1`);
const unknown = values.case.find((id) => !group.cases.some((one) => one.id === id));
if (unknown !== undefined) fail(`--case ${unknown}: ${group.id} has no such case`);
const earlier = values.compare === undefined ? undefined : (JSON.parse(readFileSync(values.compare, "utf8")) as Run);

using laboratory = openLaboratory({ ...values, directory: group.directory });
const run = await runGroup(group, laboratory, {
  rounds,
  cases: values.case,
  subjects: values.subject,
  note: (line) => process.stderr.write(`${line}\n`),
});
const { model = "unknown" } = cpus()[0] ?? {};
process.stdout.write(
  `${group.title}: medians of ${rounds} rounds, Node ${process.versions.node}, ${cpus().length} × ${model}\n\n${figures(group, run.medians)}\n\n${goals(group, run.medians)}\n`,
);
if (earlier !== undefined) process.stdout.write(`\n${comparison(group, run.medians, earlier.medians)}\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(run, undefined, 2)}\n`);
