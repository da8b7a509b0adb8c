/**
 * Entry point of a process that runs a function task: `task-main <invocation> <result> <error> [workspace]`, all paths.
 * Writes the returned value or what was thrown, and ends, with status 0 or 1, as soon as what it printed is written,
 * whatever the function left open. The one invariant: status 0 means that the function returned and its value is stored.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { inspect } from "node:util";
import { loadCallable } from "../../net/callable/index.ts";
import { errorToInfo } from "../../net/fault.ts";
import { decodeValue, encodeValue } from "../../net/value/index.ts";
import { ErrorInfoCodec, InvocationCodec } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { resultTooLarge } from "./attempt-exit.ts";

const [invocationFile = "", resultFile = "", errorFile = "", workspace] = process.argv.slice(2);
let ending = false;

process.on("uncaughtException", (error) => void fail(error));
process.on("unhandledRejection", (reason) => void fail(reason));
process.on("beforeExit", () => {
  if (ending) return;
  const message = "the function's promise never settled, and nothing is left that could settle it";
  void fail(new IrisError("FAILED_PRECONDITION", message));
});

process.on("exit", (status) => {
  if (ending || status !== 0) return;
  process.exitCode = 1;
  store(new IrisError("FAILED_PRECONDITION", "the function ended its process, with status 0, before it returned"));
});

run().then(
  () => end(0),
  (thrown) => fail(thrown),
);

async function run(): Promise<void> {
  const { callable, arguments: encoded } = InvocationCodec.decode(readFileSync(invocationFile));
  if (callable === undefined) throw new IrisError("INVALID_ARGUMENT", "the invocation names no function");
  const args = decodeValue(encoded);
  if (!Array.isArray(args)) throw new IrisError("INVALID_ARGUMENT", "the invocation's arguments are no array");
  const call = await loadCallable(callable, { workspace: workspace ?? null });
  const value: unknown = await call(...args);
  const result = encodeValue(value);
  if (result.byteLength > CLUSTER_LIMITS.resultBytes) {
    throw new IrisError("PAYLOAD_TOO_LARGE", resultTooLarge(result.byteLength));
  }
  writeFileSync(resultFile, result);
}

async function fail(thrown: unknown): Promise<void> {
  if (ending) return;
  ending = true; // before anything below can fail in its turn
  store(thrown);
  await leave(1);
}

function store(thrown: unknown): void {
  writeFileSync(errorFile, ErrorInfoCodec.encode(errorToInfo(thrown, { stacks: true })));
  process.stderr.write(`${inspect(thrown)}\n`);
}

async function end(status: number): Promise<void> {
  if (ending) return;
  ending = true;
  await leave(status);
}

/** `process.exit` drops what a pipe has not taken yet: wait for both streams first. */
async function leave(status: number): Promise<void> {
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(status);
}

function written(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write("", () => resolve());
  });
}
