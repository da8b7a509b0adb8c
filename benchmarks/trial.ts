/** One figure from one fresh process, and who can be measured here at all. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Subject } from "./group.ts";

const run = promisify(execFile);
const HERE = import.meta.dirname;
const TRIAL_MS_MAX = 120_000;
const FROM_NPM: ReadonlySet<string> = new Set(["nact", "comlink", "msgpackr"]);

export interface Laboratory extends Disposable {
  /** Why a subject is left out, if it is. */
  missing(subject: Subject): string | undefined;
  measure(subject: Subject, caseId: string): Promise<number>;
}

export interface Builds {
  /** The directory of the build that is measured as `iris`. */
  readonly build: string;
  /** Of the one that is measured as `before`, if any. */
  readonly against?: string | undefined;
  /** Where the subjects are, beside this file. Default: `subjects`. */
  readonly directory?: string | undefined;
}

export function openLaboratory({ build, against, directory = "subjects" }: Builds): Laboratory {
  let beams: string | undefined;

  function missing(subject: Subject): string | undefined {
    if (subject === "iris" && !existsSync(join(build, "index.js")))
      return `nothing is built in ${build}: npm run build`;
    if (subject === "before" && against === undefined) return "no other build: --against DIRECTORY";
    const library = subject.split("-")[0] ?? subject;
    if (FROM_NPM.has(library) && !existsSync(join(HERE, "peers/node_modules", library))) {
      return "not installed: npm install --prefix benchmarks/peers";
    }
    if (subject === "erlang" && spawnSync("erlc", ["-help"]).error !== undefined) {
      return "not installed: apt-get install -y --no-install-recommends erlang-base";
    }
    return undefined;
  }

  async function erlang(caseId: string): Promise<string> {
    if (beams === undefined) {
      beams = mkdtempSync(join(tmpdir(), "iris-bench-"));
      await run("erlc", ["-o", beams, join(HERE, "subjects/bench.erl")]);
    }
    const args = ["-noshell", "+P", "1000000", "-pa", beams, "-s", "bench", "main", caseId];
    return (await run("erl", args, { timeout: TRIAL_MS_MAX })).stdout;
  }

  async function node(subject: Subject, caseId: string): Promise<string> {
    const env = { ...process.env, IRIS_BENCH_BUILD: resolve(subject === "before" ? (against ?? build) : build) };
    const args = ["--disable-warning=ExperimentalWarning", join(HERE, "trial-main.ts"), subject, caseId, directory];
    return (await run(process.execPath, args, { env, timeout: TRIAL_MS_MAX })).stdout;
  }

  return {
    missing,
    async measure(subject, caseId) {
      const output = await (subject === "erlang" ? erlang(caseId) : node(subject, caseId)).catch((error: Error) => {
        throw new Error(`${subject} failed at ${caseId}: ${error.message}`, { cause: error });
      });
      const last = output.trim().split("\n").at(-1) ?? "";
      const { value } = JSON.parse(last) as { value: unknown };
      if (typeof value !== "number" || !(value > 0)) throw new Error(`${subject} ${caseId}: no figure in ${last}`);
      return value;
    },
    [Symbol.dispose]() {
      if (beams !== undefined) rmSync(beams, { recursive: true });
    },
  };
}
