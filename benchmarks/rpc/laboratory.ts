/** One trial: fresh processes for client and server, and what they say. */
import { type ExecFileException, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { RpcCase } from "./cases.ts";
import type { Metrics } from "./metrics.ts";
import type { Who } from "./who.ts";

const run = promisify(execFile);
const HERE = import.meta.dirname;
const TRIAL_MS_MAX = 90_000;

export interface Times {
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export class Laboratory implements Disposable {
  readonly #builds: { readonly build: string; readonly against?: string | undefined };
  readonly #times: Times;
  #beams: string | undefined;

  constructor(builds: { readonly build: string; readonly against?: string | undefined }, times: Times) {
    this.#builds = builds;
    this.#times = times;
  }

  /** Rejects when a process fails, or an answer was wrong. */
  async measure(who: Who, one: RpcCase): Promise<Metrics> {
    const output = await (who.id === "erlang" ? this.#erlang(one) : this.#node(who, one)).catch(
      (error: ExecFileException) => {
        const why = error.killed ? `it took longer than ${TRIAL_MS_MAX} ms` : (error.signal ?? error.message);
        throw new Error(`${who.id} failed at ${one.id}: ${why}`, { cause: error });
      },
    );
    const metrics = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Metrics;
    for (const [name, value] of Object.entries(metrics)) {
      if (typeof value !== "number" || !Number.isFinite(value))
        throw new Error(`${who.id} ${one.id}: ${name} is ${value}`);
    }
    return metrics;
  }

  [Symbol.dispose](): void {
    if (this.#beams !== undefined) rmSync(this.#beams, { recursive: true });
  }

  async #node(who: Who, one: RpcCase): Promise<string> {
    const { build, against = build } = this.#builds;
    const env = { ...process.env, IRIS_BENCH_BUILD: resolve(who.id === "before" ? against : build) };
    const place = who.variant === undefined ? who.file : `${who.file}:${who.variant}`;
    const { warmUpMs, measureMs } = this.#times;
    const args = [join(HERE, "trial-main.ts"), place, one.id, String(warmUpMs), String(measureMs)];
    const flags = ["--disable-warning=ExperimentalWarning", ...(one.kind === "idle" ? ["--expose-gc"] : [])];
    return (await run(process.execPath, [...flags, ...args], { env, timeout: TRIAL_MS_MAX, killSignal: "SIGKILL" }))
      .stdout;
  }

  /** Two nodes that find each other by a port instead of the port mapper, which would stay behind. */
  async #erlang({ kind, size = 0, inFlight }: RpcCase): Promise<string> {
    if (this.#beams === undefined) {
      this.#beams = mkdtempSync(join(tmpdir(), "iris-bench-"));
      await run("erlc", ["-o", this.#beams, join(HERE, "subjects/rpc_bench.erl")]);
    }
    const cookie = `bench${process.pid}`;
    const port = String(await freePort());
    const common = [
      "-noshell",
      "-pa",
      this.#beams,
      "-setcookie",
      cookie,
      "-start_epmd",
      "false",
      "-erl_epmd_port",
      port,
    ];
    const server = spawn("erl", [...common, "-sname", "echo@localhost", "-s", "rpc_bench", "serve"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(server.stdout, "data");
      const { warmUpMs, measureMs } = this.#times;
      const numbers = [size, inFlight, warmUpMs, measureMs].join(",");
      const call = `rpc_bench:main(['echo@localhost',${kind},${numbers}])`;
      const client = ["-sname", "client@localhost", "-dist_listen", "false", "-eval", call];
      return (await run("erl", [...common, ...client], { timeout: TRIAL_MS_MAX, killSignal: "SIGKILL" })).stdout;
    } finally {
      server.kill("SIGKILL");
      if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
