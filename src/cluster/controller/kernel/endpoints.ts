/**
 * Named addresses. An endpoint inside a job is owned by an attempt and dies with it in the same step; every endpoint is
 * held by a lease. The one invariant: checking the owner and inserting are one step, so nobody registers after the end.
 */
import { isDeepStrictEqual } from "node:util";
import type { Identity } from "../../../net/channel.ts";
import { IrisError } from "../../../runtime/errors.ts";
import { endpointOf } from "../endpoint.ts";
import { type EndpointRow, endpointKey } from "../state.ts";
import { callingAttempt } from "./caller.ts";
import type { Command, Replies } from "./command.ts";
import type { Step } from "./step.ts";

/** Endpoints of one namespace: each is told to every resolver, so that a runaway loop must end somewhere. */
const NAMESPACE_ENDPOINTS_MAX = 10_000;

/** The namespace that a caller means: a task's own whatever it says, anybody's for a user. */
export function namespaceOf(by: Identity, wanted: string): string {
  return by.kind === "task" || wanted === "" ? by.namespace : wanted;
}

export function registerEndpoint(step: Step, command: Command<"registerEndpoint">): Replies["registerEndpoint"] {
  const { endpoint, by } = command;
  const { draft, env } = step;
  const owner = callingAttempt(step, by, "register endpoints");
  const namespace = namespaceOf(by, command.namespace);
  const known = draft.endpoints.get(endpoint.endpointId);
  if (known !== undefined && (known.attemptUid !== (owner?.id ?? null) || known.namespace !== namespace)) {
    throw new IrisError(
      "ALREADY_EXISTS",
      `endpoint id ${endpoint.endpointId} belongs to somebody else: make another one`,
    );
  }
  if (known === undefined && draft.endpoints.count("namespace", namespace) >= NAMESPACE_ENDPOINTS_MAX) {
    throw new IrisError(
      "RESOURCE_EXHAUSTED",
      `namespace ${namespace} has ${NAMESPACE_ENDPOINTS_MAX} endpoints already, which is the most: unregister some`,
    );
  }
  const row: EndpointRow = {
    id: endpoint.endpointId,
    name: endpoint.name,
    namespace,
    address: endpoint.address,
    metadata: endpoint.metadata,
    token: endpoint.token,
    taskId: owner?.taskId ?? "",
    attemptUid: owner?.id ?? null,
    sequence: known?.sequence ?? step.nextSequence(),
  };
  const expiresAtMs = env.now + env.limits.endpointLeaseMs;
  draft.leases.put({ id: row.id, expiresAtMs });
  if (known !== undefined && isDeepStrictEqual(known, row)) return { endpoint: endpointOf(row) };
  draft.endpoints.put(row);
  if (known === undefined) {
    step.event(row.id, "registered", `${endpointKey(namespace, row.name)} at ${row.address}`);
    step.effect({ kind: "wake", atMs: expiresAtMs, subject: { kind: "endpoint", id: row.id } });
  } else if (known.name !== row.name) {
    step.effect({ kind: "endpointsChanged", key: endpointKey(namespace, known.name) });
  }
  step.effect({ kind: "endpointsChanged", key: endpointKey(namespace, row.name) });
  return { endpoint: endpointOf(row) };
}

export function unregisterEndpoint(
  step: Step,
  { endpointId, by }: Command<"unregisterEndpoint">,
): Replies["unregisterEndpoint"] {
  const row = step.draft.endpoints.get(endpointId);
  if (row === undefined) return { existed: false };
  if (!owns(row, by)) {
    throw new IrisError(
      "PERMISSION_DENIED",
      `endpoint ${endpointId} belongs to somebody else: only its owner can take it back`,
    );
  }
  dropEndpoint(step, row, "unregistered");
  return { existed: true };
}

/** Another lease for those that are the caller's; the rest is unknown to it, and those of an ended attempt are gone. */
export function renewEndpoints(step: Step, { endpointIds, by }: Command<"renewEndpoints">): Replies["renewEndpoints"] {
  const expiresAtMs = step.env.now + step.env.limits.endpointLeaseMs;
  const unknown: string[] = [];
  for (const id of endpointIds) {
    const row = step.draft.endpoints.get(id);
    if (row !== undefined && owns(row, by)) step.draft.leases.put({ id, expiresAtMs });
    else unknown.push(id);
  }
  return { unknown };
}

/** Takes away what an attempt has registered. */
export function dropEndpointsOf(step: Step, attemptUid: string): void {
  for (const row of step.draft.endpoints.by("attempt", attemptUid)) dropEndpoint(step, row, "its attempt ended");
}

/** Takes an endpoint away whose lease is over; one that was renewed is looked at again. */
export function expireEndpoint(step: Step, endpointId: string): void {
  const row = step.draft.endpoints.get(endpointId);
  const lease = step.draft.leases.get(endpointId);
  if (row === undefined) return;
  if (lease === undefined || lease.expiresAtMs <= step.env.now) dropEndpoint(step, row, "its lease ended");
  else step.effect({ kind: "wake", atMs: lease.expiresAtMs, subject: { kind: "endpoint", id: endpointId } });
}

function owns(row: EndpointRow, by: Identity): boolean {
  return by.kind === "user" ? true : row.attemptUid !== null && row.attemptUid === by.attemptUid;
}

function dropEndpoint(step: Step, row: EndpointRow, why: string): void {
  step.draft.endpoints.delete(row.id);
  step.draft.leases.delete(row.id);
  step.event(row.id, "gone", why);
  step.effect({ kind: "endpointsChanged", key: endpointKey(row.namespace, row.name) });
}
