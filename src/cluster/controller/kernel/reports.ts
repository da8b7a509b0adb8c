/**
 * What workers say about attempts. Silence says nothing: only an explicit end or an explicit `missing` ends an attempt.
 * Reports are routed by uid alone; those about attempts that are over, unknown or another worker's are ignored and
 * counted.
 */
import type { AttemptExit, Cause, ObservedAttempt } from "../../../net/wire/iris.ts";
import { IrisError } from "../../../runtime/errors.ts";
import { CAUSE_KINDS, cause } from "../../job/cause.ts";
import { type AttemptRow, isHeld, type WorkerRow } from "../state.ts";
import type { Command, Env } from "./command.ts";
import { endAttempt, type Verdict } from "./end.ts";
import type { Step } from "./step.ts";
import { reported } from "./workers.ts";

/** Kinds of ends that are the task's own doing; anything else is its machine's. */
const OWN_FAULT: ReadonlySet<string> = new Set(["exited", "threw", "oom", "timeout"]);

/** The worker, in the life that it speaks for. Throws `FAILED_PRECONDITION` for an unknown one or another life. */
export function speakingWorker(worker: WorkerRow | undefined, workerId: string, incarnation: string): WorkerRow {
  if (worker === undefined || worker.goneAtMs !== null) {
    throw new IrisError("FAILED_PRECONDITION", `worker ${workerId} is not registered: register first`);
  }
  if (worker.incarnation !== incarnation) {
    throw new IrisError(
      "FAILED_PRECONDITION",
      `worker ${workerId} lives as ${worker.incarnation} now: what ${incarnation} says is void`,
    );
  }
  return worker;
}

export function observed(step: Step, command: Command<"observed">): undefined {
  const worker = speakingWorker(step.draft.workers.get(command.workerId), command.workerId, command.incarnation);
  reported(step, worker, command.complete ? { strays: command.strays, foreign: command.foreign ?? 0 } : undefined);
  for (const one of command.observed) {
    const attempt = step.draft.attempts.get(one.uid);
    const mine = attempt?.workerId === worker.id && attempt.incarnation === worker.incarnation;
    if (attempt !== undefined && mine && isHeld(attempt)) follow(step, attempt, one);
    else step.effect({ kind: "ignored", uid: one.uid });
  }
  return undefined;
}

function follow(step: Step, attempt: AttemptRow, one: ObservedAttempt): void {
  switch (one.phase) {
    case "BUILDING":
      begin(step, attempt, "build", one);
      return;
    case "RUNNING":
      begin(step, attempt, "run", one);
      return;
    case "EXITED":
      exited(step, attempt, one);
      return;
    case "MISSING":
      endAttempt(step, attempt, "lose", cause("missing", `worker ${attempt.workerId} does not know it any more`));
      return;
    default:
  }
}

function begin(step: Step, attempt: AttemptRow, event: "build" | "run", one: ObservedAttempt): void {
  const { now } = step.env;
  const timeoutMs = step.draft.jobs.get(attempt.jobId)?.spec.timeoutMs ?? 0;
  const startedAtMs = event === "run" ? (one.startedAtMs ?? now) : null;
  // The limit counts by this clock from when it was heard, since clocks of machines differ.
  const timeoutAtMs = event === "run" && timeoutMs > 0 ? now + timeoutMs : null;
  const moved = step.moveAttempt(attempt, event, { startedAtMs, timeoutAtMs, ports: one.ports });
  if (moved === undefined) return;
  if (timeoutAtMs !== null) {
    step.effect({ kind: "wake", atMs: timeoutAtMs, subject: { kind: "attempt", id: attempt.id } });
  }
  const task = step.draft.tasks.get(attempt.taskId);
  if (task === undefined || attempt.disowned) return;
  if (startedAtMs !== null) step.startJob(attempt.jobId, startedAtMs);
  step.moveTask(task, event, null, moved.eventId);
}

function exited(step: Step, attempt: AttemptRow, one: ObservedAttempt): void {
  const startedAtMs = attempt.startedAtMs ?? one.startedAtMs ?? null;
  const ports = Object.keys(one.ports).length > 0 ? one.ports : attempt.ports;
  const began = startedAtMs === null ? attempt : { ...attempt, startedAtMs, ports };
  if (startedAtMs !== null && !attempt.disowned) step.startJob(attempt.jobId, startedAtMs);
  const { verdict, why } = judge(one.exit, step.env);
  const result = one.exit?.hasResult ? { result: one.exit.result } : {};
  endAttempt(step, began, verdict, why, { endedAtMs: one.exit?.endedAtMs || step.env.now, ...result });
}

/** What an end amounts to: as wanted, the task's fault, or its machine's. */
export function judge(
  exit: AttemptExit | undefined,
  { limits }: Pick<Env, "limits">,
): { verdict: Verdict; why: Cause } {
  if (exit === undefined) {
    return { verdict: "lose", why: cause("infrastructure", "its worker reports an end without saying how") };
  }
  const said = exit.cause;
  if (exit.ok) {
    if (exit.hasResult && exit.result.byteLength > limits.resultBytes) {
      const message = `its result takes ${exit.result.byteLength} bytes: at most ${limits.resultBytes} are kept; write a file and return its name`;
      return { verdict: "fail", why: cause("threw", message) };
    }
    return {
      verdict: "succeed",
      why: { ...cause("exited", "exit status 0", { exitCode: 0 }), ...said, causeEventId: 0 },
    };
  }
  if (said === undefined || !(CAUSE_KINDS as readonly string[]).includes(said.kind)) {
    return {
      verdict: "lose",
      why: cause("infrastructure", `it ended in an unknown way: ${said?.message ?? "nothing was said"}`),
    };
  }
  if (OWN_FAULT.has(said.kind)) return { verdict: "fail", why: { ...said, causeEventId: 0 } };
  // Stopped although it should run: its worker is on its way out.
  const why =
    said.kind === "killed-by-user"
      ? { ...said, kind: "infrastructure", message: `its worker stopped it unasked: ${said.message}` }
      : said;
  return { verdict: "lose", why: { ...why, causeEventId: 0 } };
}
