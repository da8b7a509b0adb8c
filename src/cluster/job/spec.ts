/**
 * What a job's specification must be to be accepted (pure). A controller checks what comes over the wire, whoever made
 * it; what passes here cannot surprise kernel or workers later.
 */
import type { Entrypoint, JobSpec } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { portVariable } from "./env.ts";
import { checkName } from "./id.ts";
import { CLUSTER_LIMITS } from "./limits.ts";
import { RESOURCE_KINDS } from "./resources.ts";

/** Largest entrypoint: half a message, so that it always travels together with what is around it. Unit: bytes. */
const ENTRYPOINT_BYTES_MAX = 8 * 1024 * 1024;
/** Environment of one job, names and values. What systems take for one process is of this size. Unit: bytes. */
const ENV_BYTES_MAX = 256 * 1024;
/** Ports that one task may ask for. */
const PORTS_MAX = 64;
/** Retries beyond this are a loop, not a plan. */
const RETRIES_MAX = 10_000;
/** A time-out beyond this is none. Unit: ms, 10 years. */
const TIMEOUT_MS_MAX = 10 * 365 * 24 * 3_600_000;
const GRACE_MS_MAX = 3_600_000;
const WORKSPACE_LENGTH_MAX = 4_096;
const ENV_NAME = /^[^=\0]{1,256}$/;

/** Throws `INVALID_ARGUMENT`, naming the field, its value and what is allowed, unless all of `spec` is in bounds. */
export function checkSpec(spec: JobSpec): void {
  checkName(spec.name);
  checkEntrypoint(spec.entrypoint);
  if (spec.resources === undefined) throw invalid("resources are missing: say what each task needs");
  for (const kind of RESOURCE_KINDS) checkWhole(`resources.${kind}`, spec.resources[kind], 0, Number.MAX_SAFE_INTEGER);
  checkWhole("replicas", spec.replicas, 1, CLUSTER_LIMITS.replicas);
  checkWhole("maxRetriesFailure", spec.maxRetriesFailure, 0, RETRIES_MAX);
  checkWhole("maxRetriesPreemption", spec.maxRetriesPreemption, 0, RETRIES_MAX);
  checkWhole("maxTaskFailures", spec.maxTaskFailures, 0, CLUSTER_LIMITS.replicas);
  checkWhole("timeoutMs", spec.timeoutMs, 0, TIMEOUT_MS_MAX);
  checkWhole("schedulingTimeoutMs", spec.schedulingTimeoutMs, 0, TIMEOUT_MS_MAX);
  checkWhole("graceMs", spec.graceMs, 0, GRACE_MS_MAX);
  checkEnv(spec.env);
  checkPorts(spec.ports);
  checkWorkspace(spec.workspace);
}

function checkEntrypoint(entrypoint: Entrypoint | undefined): void {
  const { command, invocation } = entrypoint ?? {};
  if ((command === undefined) === (invocation === undefined)) {
    throw invalid("entrypoint must be either a command or an invocation");
  }
  if (command !== undefined) {
    if (!command.argv[0]) throw invalid("command is empty: it must name at least the program");
    if (command.argv.some((part) => part.includes("\0")))
      throw invalid("command holds a zero byte, which no system takes");
  }
  const { reference, source } = invocation?.callable ?? {};
  if (invocation !== undefined && (reference === undefined) === (source === undefined)) {
    throw invalid("callable must be either a reference or a source");
  }
  if (reference !== undefined && (reference.module === "" || reference.exportName === "")) {
    throw invalid("callable must name a module and its export");
  }
  const bytes =
    (command?.argv.reduce((sum, part) => sum + Buffer.byteLength(part), 0) ?? 0) +
    (invocation?.arguments.byteLength ?? 0) +
    Buffer.byteLength(source?.text ?? "");
  if (bytes > ENTRYPOINT_BYTES_MAX) {
    throw invalid(
      `entrypoint takes ${bytes} bytes: at most ${ENTRYPOINT_BYTES_MAX} are allowed; put large data into a file and pass its name`,
    );
  }
}

function checkEnv(env: Readonly<Record<string, string>>): void {
  let bytes = 0;
  for (const [name, value] of Object.entries(env)) {
    if (!ENV_NAME.test(name))
      throw invalid(`env name ${JSON.stringify(name)} is not allowed: 1 to 256 characters without "="`);
    if (value.includes("\0")) throw invalid(`env ${name} holds a zero byte, which no system takes`);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (bytes > ENV_BYTES_MAX) throw invalid(`env takes ${bytes} bytes: at most ${ENV_BYTES_MAX} are allowed`);
}

function checkPorts(ports: readonly string[]): void {
  if (ports.length > PORTS_MAX) throw invalid(`${ports.length} ports are asked for: at most ${PORTS_MAX} are allowed`);
  const variables = new Map<string, string>();
  for (const name of ports) {
    checkName(name, "port name");
    const other = variables.get(portVariable(name));
    if (other !== undefined) throw invalid(`ports ${other} and ${name} would share the variable ${portVariable(name)}`);
    variables.set(portVariable(name), name);
  }
}

function checkWorkspace(workspace: string | undefined): void {
  if (workspace === undefined || workspace === "") return;
  const absolute = workspace.startsWith("/") || /^[A-Za-z]:[\\/]/.test(workspace);
  if (!absolute || workspace.length > WORKSPACE_LENGTH_MAX || workspace.includes("\0")) {
    throw invalid(
      `workspace ${JSON.stringify(workspace.slice(0, 100))} is no absolute path of up to ${WORKSPACE_LENGTH_MAX} characters`,
    );
  }
}

function checkWhole(field: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(`${field} is ${value}: it must be a whole number from ${least} to ${most}`);
  }
}

function invalid(message: string): IrisError {
  return new IrisError("INVALID_ARGUMENT", message);
}
