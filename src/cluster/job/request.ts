/**
 * What a user asks for, checked and turned into the `JobSpec` that travels (pure; packing is handed in). The invariant:
 * a request that passes here says exactly one thing, with every default filled in, and a typing error in a key is an
 * error, never silently nothing.
 */
import { isAbsolute, resolve } from "node:path";
import type { IfExists, JobSpec, OnRetry, Entrypoint as PackedEntrypoint } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import { Entrypoint } from "./entrypoint.ts";
import { portVariable } from "./env.ts";
import { checkName } from "./id.ts";
import { CLUSTER_LIMITS } from "./limits.ts";
import { nearest } from "./nearest.ts";
import { parseResources, type ResourceRequest } from "./resources.ts";
import { checkSpec } from "./spec.ts";

export interface JobRequest<R = unknown> {
  /** For people at a root job, the last part of the id below one: 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter. */
  name: string;
  /** What each task runs. */
  entrypoint: Entrypoint<R>;
  /** What each task needs; defaults 1 core, 512 MiB. */
  resources?: ResourceRequest;
  /** Tasks, 1 to 10 000. Default 1. */
  replicas?: number;
  /** Environment variables, over those that are inherited from the parent job. */
  env?: Record<string, string>;
  /** Names of ports to pick for each task: `irisCtx().port(name)`, `IRIS_PORT_<NAME>`. */
  ports?: string[];
  /** Directory that modules and relative paths refer to; `null` for none. Default: the client's. */
  workspace?: string | null;
  /** Tries after the first when a task's own code fails. Default 0. */
  maxRetriesFailure?: number;
  /** Tries after the first when a machine fails. Default 100. */
  maxRetriesPreemption?: number;
  /** Failed tasks that the job tolerates. Default 0. */
  maxTaskFailures?: number;
  /** How long one attempt may run. Default: without end. Unit: ms. */
  timeoutMs?: number;
  /** How long a task may wait for a place. Default: without end. Unit: ms. */
  schedulingTimeoutMs?: number;
  /** Time between the polite and the forced stop of a task, 0 to 3 600 000. Default 5 000. Unit: ms. */
  graceMs?: number;
  /** Spared when its parent succeeds. Default false. */
  detached?: boolean;
  /** What to do about a job of the same name below the same parent. Default: refuse a live one, replace a finished one. */
  ifExists?: "error" | "keep" | "replace";
  /** What becomes of an earlier attempt's children. Default: terminate for one replica, keep for several. */
  onRetry?: "terminate" | "keep";
  /** The same key within 24 h is the same job; 1 to 128 characters. Default: one of its own for each submission. */
  idempotencyKey?: string;
}

/** What a client brings to a request. */
export interface RequestContext {
  /** Directory of jobs that do not name one: absolute, `null` for none, `undefined` for the parent job's. */
  readonly workspace: string | null | undefined;
  /** Where relative workspaces begin: absolute. */
  readonly cwd: string;
  /** Packs the entrypoint against the job's workspace. Throws `NOT_SHIPPABLE`. */
  readonly pack: (entrypoint: Entrypoint, workspace: string | null | undefined) => PackedEntrypoint;
}

/** As a controller takes them. */
const RETRIES_MAX = 10_000;
const GRACE_MS_MAX = 3_600_000;
const IDEMPOTENCY_KEY_CHARACTERS_MAX = 128;

const KEYS: Readonly<Record<keyof JobRequest, true>> = {
  name: true,
  entrypoint: true,
  resources: true,
  replicas: true,
  env: true,
  ports: true,
  workspace: true,
  maxRetriesFailure: true,
  maxRetriesPreemption: true,
  maxTaskFailures: true,
  timeoutMs: true,
  schedulingTimeoutMs: true,
  graceMs: true,
  detached: true,
  ifExists: true,
  onRetry: true,
  idempotencyKey: true,
};
const ON_RETRY: Readonly<Record<string, OnRetry>> = { terminate: "TERMINATE", keep: "KEEP" };
const IF_EXISTS: Readonly<Record<string, IfExists>> = { error: "ERROR", keep: "KEEP_EXISTING", replace: "REPLACE" };

/** The spec that `request` means. Throws `INVALID_ARGUMENT` for what is wrong with it, and whatever `pack` throws. */
export function toJobSpec(request: JobRequest, context: RequestContext): JobSpec {
  checkKeys(request);
  checkName(request.name);
  if (!(request.entrypoint instanceof Entrypoint)) {
    throw invalid("entrypoint", request.entrypoint, "make one with Entrypoint.fromCallable, fromModule or fromCommand");
  }
  const workspace = workspaceOf(request.workspace, context);
  const replicas = integer("replicas", request.replicas ?? 1, 1, CLUSTER_LIMITS.replicas);
  const spec: JobSpec = {
    name: request.name,
    resources: parseResources(request.resources),
    replicas,
    env: environmentOf(request.env ?? {}),
    ports: portsOf(request.ports ?? []),
    maxRetriesFailure: integer("maxRetriesFailure", request.maxRetriesFailure ?? 0, 0, RETRIES_MAX),
    maxRetriesPreemption: integer(
      "maxRetriesPreemption",
      request.maxRetriesPreemption ?? CLUSTER_LIMITS.maxRetriesPreemption,
      0,
      RETRIES_MAX,
    ),
    maxTaskFailures: integer("maxTaskFailures", request.maxTaskFailures ?? 0, 0, CLUSTER_LIMITS.replicas),
    timeoutMs: durationOf("timeoutMs", request.timeoutMs),
    schedulingTimeoutMs: durationOf("schedulingTimeoutMs", request.schedulingTimeoutMs),
    detached: booleanOf("detached", request.detached ?? false),
    onRetry: request.onRetry === undefined ? "ON_RETRY_DEFAULT" : choice("onRetry", request.onRetry, ON_RETRY),
    graceMs: integer("graceMs", request.graceMs ?? CLUSTER_LIMITS.graceMs, 0, GRACE_MS_MAX),
  };
  if (workspace !== undefined) spec.workspace = workspace ?? "";
  // Last, so that a function is only read for a request that is good otherwise.
  spec.entrypoint = context.pack(request.entrypoint, workspace);
  checkSpec(spec);
  return spec;
}

/** What to do about a job of the same name, as it travels. Throws `INVALID_ARGUMENT`. */
export function toIfExists(ifExists: JobRequest["ifExists"]): IfExists {
  return ifExists === undefined ? "IF_EXISTS_DEFAULT" : choice("ifExists", ifExists, IF_EXISTS);
}

/** The key that the user chose, if any. Throws `INVALID_ARGUMENT`. */
export function checkIdempotencyKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  if (typeof key !== "string" || key === "" || key.length > IDEMPOTENCY_KEY_CHARACTERS_MAX) {
    throw invalid("idempotencyKey", key, `use 1 to ${IDEMPOTENCY_KEY_CHARACTERS_MAX} characters`);
  }
  return key;
}

function checkKeys(request: JobRequest): void {
  if (typeof request !== "object" || request === null) {
    throw new IrisError("INVALID_ARGUMENT", "a job request is an object with at least a name and an entrypoint");
  }
  const known = Object.keys(KEYS);
  for (const key of Object.keys(request)) {
    if (Object.hasOwn(KEYS, key)) continue;
    const meant = nearest(key, known);
    throw new IrisError(
      "INVALID_ARGUMENT",
      `a job request has no ${JSON.stringify(key)}${meant === undefined ? `: known are ${known.join(", ")}` : `: did you mean "${meant}"?`}`,
    );
  }
}

function workspaceOf(wanted: unknown, context: RequestContext): string | null | undefined {
  if (wanted === undefined) return context.workspace;
  if (wanted === null) return null;
  if (typeof wanted !== "string" || wanted === "" || wanted.includes("\0")) {
    throw invalid("workspace", wanted, "give a directory, or null for none");
  }
  return isAbsolute(wanted) ? wanted : resolve(context.cwd, wanted);
}

function environmentOf(env: unknown): Record<string, string> {
  if (typeof env !== "object" || env === null || Array.isArray(env)) {
    throw invalid("env", env, 'give an object such as { LEVEL: "debug" }');
  }
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || name.includes("=") || name.includes("\0")) {
      throw invalid("env", name, 'the name of a variable is not empty and has neither "=" nor NUL');
    }
    if (typeof value !== "string" || value.includes("\0")) {
      throw invalid(`env.${name}`, value, "variables are text without NUL: convert it, or leave it out");
    }
  }
  return { ...env };
}

function portsOf(ports: unknown): string[] {
  if (!Array.isArray(ports)) throw invalid("ports", ports, 'give an array of names such as ["http"]');
  const byVariable = new Map<string, string>();
  for (const name of ports) {
    checkName(name, "port name");
    const variable = portVariable(name);
    const other = byVariable.get(variable);
    if (other !== undefined) {
      throw invalid(
        "ports",
        ports,
        `${JSON.stringify(other)} and ${JSON.stringify(name)} would both be ${variable}: rename one`,
      );
    }
    byVariable.set(variable, name);
  }
  return [...ports];
}

function integer(key: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(key, value, `use a whole number from ${min} to ${max}`);
  }
  return value;
}

/** A duration in whole ms, at least 1; 0 on the wire stands for none. */
function durationOf(key: string, value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value !== "number" || !(value > 0 && value <= Number.MAX_SAFE_INTEGER)) {
    throw invalid(key, value, "use a number of milliseconds above 0, or leave it out for no end");
  }
  return Math.ceil(value);
}

function booleanOf(key: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw invalid(key, value, "use true or false");
  return value;
}

function choice<V>(key: string, value: unknown, choices: Readonly<Record<string, V>>): V {
  const chosen = typeof value === "string" && Object.hasOwn(choices, value) ? choices[value] : undefined;
  if (chosen === undefined) throw invalid(key, value, `use one of ${Object.keys(choices).join(", ")}`);
  return chosen;
}

function invalid(key: string, value: unknown, wayOut: string): IrisError {
  return new IrisError("INVALID_ARGUMENT", `${key} ${shown(value)} is not allowed: ${wayOut}`);
}

function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return typeof value === "string" || Array.isArray(value) ? JSON.stringify(value) : `of type ${typeof value}`;
}
