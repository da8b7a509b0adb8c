/**
 * Workers come, fall silent, come back and go. Which is which is the worker machine's to say; here its orders are
 * carried out. The one invariant: attempts belong to one life of a worker, and when that life is over, or given up, they
 * end in the same step.
 */
import { cause } from "../../job/cause.ts";
import { type WorkerEvent, workerTable } from "../machines/worker.machine.ts";
import type { PresenceRow, WorkerRow } from "../state.ts";
import type { Command } from "./command.ts";
import { endAttempt } from "./end.ts";
import type { Step } from "./step.ts";

export function registerWorker(step: Step, command: Command<"registerWorker">): undefined {
  const { workerId, incarnation, host, probeAddress, capacity, attributes, link } = command;
  const { draft, env } = step;
  const known = draft.workers.get(workerId);
  const row: WorkerRow = {
    id: workerId,
    incarnation,
    host,
    probeAddress,
    capacity,
    attributes,
    registeredAtMs: known?.incarnation === incarnation ? known.registeredAtMs : env.now,
    goneAtMs: null,
  };
  draft.workers.put(row);
  draft.presences.put({
    id: workerId,
    state: "alive",
    link,
    lastSeenAtMs: env.now,
    deadlineAtMs: null,
    downSinceMs: null,
    probeAtMs: null,
    exchanged: false,
    strays: 0,
    foreign: 0,
  });
  const eventId = step.event(workerId, "registered", `as ${incarnation}`);
  if (known !== undefined && known.incarnation !== incarnation) {
    voidAttempts(step, workerId, `worker ${workerId} came back as ${incarnation}`, eventId);
  }
  step.effect({ kind: "push", workerId });
  return undefined;
}

/** A sign of life; of a whole exchange also what it found. */
export function reported(
  step: Step,
  worker: WorkerRow,
  exchange: { strays: number; foreign: number } | undefined,
): void {
  const presence = step.draft.presences.get(worker.id);
  if (presence === undefined) return;
  const moved = workerTable.step(presence.state, "reported", {});
  if (moved === undefined) return;
  const next: PresenceRow = {
    ...presence,
    state: moved.state,
    lastSeenAtMs: step.env.now,
    ...(exchange === undefined ? {} : { exchanged: true, ...exchange }),
  };
  step.draft.presences.put(next);
  if (mayTakeTasks(next) && !mayTakeTasks(presence)) step.effect({ kind: "schedule" });
}

/** Whether a worker may be given new tasks: it reports, and nothing runs there that should not. */
export function mayTakeTasks(presence: PresenceRow): boolean {
  return presence.state === "alive" && presence.exchanged && presence.strays + presence.foreign === 0;
}

export function linkLost(step: Step, { workerId, link, goodbye }: Command<"linkLost">): undefined {
  const presence = step.draft.presences.get(workerId);
  if (presence?.link !== link) return undefined;
  move(step, presence, goodbye ? "goodbye" : "linkLost", goodbye ? "it said goodbye" : "its connection broke");
  return undefined;
}

export function overdue(step: Step, { workerId, link }: Command<"overdue">): undefined {
  const presence = step.draft.presences.get(workerId);
  if (presence?.link === link) move(step, presence, "overdue", "it does not answer");
  return undefined;
}

export function probed(step: Step, { workerId, link, answer }: Command<"probed">): undefined {
  const presence = step.draft.presences.get(workerId);
  if (presence?.link !== link) return undefined;
  const events = { refused: "probeRefused", accepted: "probeAccepted", "no-answer": "probeUnanswered" } as const;
  const why = {
    refused: "its address refuses: its process has ended",
    accepted: "its address accepts",
    "no-answer": "no answer",
  };
  move(step, presence, events[answer], why[answer]);
  return undefined;
}

/** Time has passed for a worker: it is given up, or asked again. */
export function workerDue(step: Step, workerId: string): void {
  const presence = step.draft.presences.get(workerId);
  if (presence === undefined) return;
  const { now } = step.env;
  if (presence.deadlineAtMs !== null && presence.deadlineAtMs <= now) {
    const since = presence.downSinceMs === null ? "" : ` for ${Math.round(now - presence.downSinceMs)} ms`;
    move(step, presence, "deadline", `nothing was heard of it${since}`);
  } else if (presence.probeAtMs !== null && presence.probeAtMs <= now) {
    step.draft.presences.put({ ...presence, probeAtMs: null });
    probe(step, presence);
  }
}

function move(step: Step, presence: PresenceRow, event: WorkerEvent, why: string): void {
  const moved = workerTable.step(presence.state, event, {});
  if (moved === undefined) return;
  const { now, limits } = step.env;
  let next: PresenceRow = { ...presence, state: moved.state };
  if (moved.state !== presence.state) step.event(presence.id, `${presence.state} → ${moved.state}`, why);
  for (const order of moved.actions) {
    switch (order) {
      case "awaitReturn":
        next = { ...next, downSinceMs: now, deadlineAtMs: now + limits.lostAfterMs, exchanged: false };
        break;
      case "awaitRestart":
        next = { ...next, deadlineAtMs: now + limits.restartGraceMs, probeAtMs: null };
        break;
      case "extend": {
        // Its process lives, so only its own patience bounds ours: after that it stops its tasks by itself.
        const patienceEndsAtMs = (next.downSinceMs ?? now) + limits.orphanAfterMs;
        next = { ...next, lastSeenAtMs: now, deadlineAtMs: Math.min(now + limits.lostAfterMs, patienceEndsAtMs) };
        break;
      }
      case "probeLater":
        next = { ...next, probeAtMs: now + limits.reconcileEveryMs };
        break;
      case "probe":
        probe(step, next);
        break;
      case "voidAttempts":
        next = { ...next, deadlineAtMs: null, probeAtMs: null, exchanged: false, strays: 0, foreign: 0 };
        giveUp(step, presence.id, why);
        break;
      default:
        throw new Error(`the worker machine orders ${order}, which nobody carries out`);
    }
  }
  step.draft.presences.put(next);
  for (const atMs of new Set([next.deadlineAtMs, next.probeAtMs])) {
    if (atMs !== null) step.effect({ kind: "wake", atMs, subject: { kind: "worker", id: presence.id } });
  }
}

function probe(step: Step, presence: PresenceRow): void {
  const address = step.draft.workers.get(presence.id)?.probeAddress ?? "";
  step.effect({ kind: "probe", workerId: presence.id, link: presence.link, address });
}

function giveUp(step: Step, workerId: string, why: string): void {
  const worker = step.draft.workers.get(workerId);
  if (worker !== undefined) step.draft.workers.put({ ...worker, goneAtMs: step.env.now });
  const eventId = step.event(workerId, "gone", why);
  voidAttempts(step, workerId, `worker ${workerId} is gone: ${why}`, eventId);
}

function voidAttempts(step: Step, workerId: string, why: string, causeEventId: number): void {
  const held = step.draft.attempts.by("heldWorker", workerId).sort((a, b) => a.assignedAtMs - b.assignedAtMs);
  for (const attempt of held)
    endAttempt(step, attempt, "lose", cause("worker-lost", why, { causeEventId }), { causeEventId });
}
