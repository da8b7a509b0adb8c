/** Whatever happens in whatever order, the invariants of the controller's state hold after every step. */
import test from "ava";
import fc from "fast-check";
import { isHeld, usedOf } from "../../../src/cluster/controller/state.ts";
import { shortOf } from "../../../src/cluster/job/resources.ts";
import { isFinalJob, isFinalTask } from "../../../src/cluster/job/status.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import { BROKEN, exitOf, FAILED, identityOf, Journey, USER } from "./journey.ts";

const WORKERS = ["w0", "w1"] as const;
const happening = fc.record({
  what: fc.constantFrom(
    ...(["root", "child", "child", "place", "place", "run", "run", "exit", "exit", "stop", "endpoint"] as const),
    ...(["join", "drop", "leave", "probe", "restart", "pass", "missing", "prune"] as const),
  ),
  /** Which of those that it can happen to. */
  which: fc.nat(50),
  how: fc.nat(3),
});

class Checker {
  readonly #finals = new Map<string, string>();

  /** Says what is wrong, or nothing. */
  check(j: Journey): string | undefined {
    const { jobs, tasks, attempts, workers, endpoints, presences } = j.state;
    for (const job of jobs.values()) {
      const key = `${job.id} ${job.sequence}`;
      const before = this.#finals.get(key);
      if (before !== undefined && before !== job.state) return `${job.id} went from ${before} to ${job.state}`;
      if (isFinalJob(job.state)) {
        this.#finals.set(key, job.state);
        if (job.cause === null || job.endedAtMs === null) return `${job.id} ended without a cause or time`;
      }
      const parent = job.parentId === null ? undefined : jobs.get(job.parentId);
      if (job.parentId !== null && parent === undefined) return `${job.id} has lost its parent`;
      const spared = job.spec.detached && parent?.state === "SUCCEEDED";
      if (!isFinalJob(job.state) && parent !== undefined && isFinalJob(parent.state) && !spared) {
        return `${job.id} is an orphan of ${parent.state}`;
      }
      if (tasks.count("job", job.id) !== job.spec.replicas) return `${job.id} has lost tasks`;
    }
    for (const task of tasks.values()) {
      const job = jobs.get(task.jobId);
      if (job === undefined) return `${task.id} has no job`;
      const key = `${task.id} ${job.sequence}`;
      const before = this.#finals.get(key);
      if (before !== undefined && before !== task.state) return `${task.id} went from ${before} to ${task.state}`;
      if (isFinalTask(task.state)) this.#finals.set(key, task.state);
      if (isFinalTask(task.state) && task.cause === null) return `${task.id} ended without a cause`;
      if (isFinalJob(job.state) && !isFinalTask(task.state)) return `${task.id} outlives its job`;
      const held = attempts.by("task", task.id).filter(isHeld);
      if (held.length > 1) return `${task.id} has ${held.length} live attempts`;
      const [attempt] = held;
      const runs = ["ASSIGNED", "BUILDING", "RUNNING"].includes(task.state);
      if (runs && attempt?.state !== task.state && attempt?.state !== "TIMING_OUT") {
        return `${task.id} is ${task.state}, its attempt ${attempt?.state}`;
      }
      if (task.state === "PENDING" && attempt !== undefined) return `${task.id} is PENDING with ${attempt.state}`;
    }
    for (const worker of workers.values()) {
      if (shortOf(usedOf(j.state, worker.id), worker.capacity).length > 0) return `${worker.id} is overbooked`;
      const held = attempts.by("heldWorker", worker.id);
      if (worker.goneAtMs !== null && held.length > 0) return `${worker.id} is gone and holds ${held.length}`;
      if (held.some(({ incarnation }) => incarnation !== worker.incarnation))
        return `${worker.id} holds another life's`;
      if (presences.get(worker.id) === undefined) return `${worker.id} has no presence`;
    }
    for (const endpoint of endpoints.values()) {
      const owner = endpoint.attemptUid === null ? undefined : attempts.get(endpoint.attemptUid);
      if (!["ASSIGNED", "BUILDING", "RUNNING"].includes(owner?.state ?? ""))
        return `${endpoint.id} outlives its attempt`;
      if (endpoint.namespace !== owner?.jobId.split("/")[0]) return `${endpoint.id} left its namespace`;
    }
    return undefined;
  }
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[which % Math.max(1, from.length)];
}

function happen(
  j: Journey,
  links: Map<string, number>,
  { what, which, how }: { what: string; which: number; how: number },
): void {
  const held = [...j.state.attempts.values()].filter(isHeld);
  // Mostly one that lives; now and then a dead one speaks.
  const attempt = pick(how === 3 && which % 5 === 0 ? [...j.state.attempts.values()] : held, which);
  const workerId = WORKERS[which % 2] ?? "w0";
  const link = links.get(workerId) ?? 0;
  const shape = {
    replicas: 1 + (which % 2),
    maxRetriesFailure: how % 2,
    maxRetriesPreemption: how,
    maxTaskFailures: which % 3 === 0 ? 1 : 0,
    detached: how === 1,
    schedulingTimeoutMs: how === 3 ? 5_000 : 0,
    timeoutMs: how === 2 ? 3_000 : 0,
    onRetry: which % 2 === 0 ? ("ON_RETRY_DEFAULT" as const) : ("KEEP" as const),
  };
  switch (what) {
    case "root":
      j.submit(shape);
      break;
    case "child":
      if (attempt === undefined) break;
      j.submit(
        { ...shape, name: `c${which % 2}` },
        {
          by: identityOf(attempt),
          ifExists: (["IF_EXISTS_DEFAULT", "REPLACE", "KEEP_EXISTING", "ERROR"] as const)[how] ?? "ERROR",
        },
      );
      break;
    case "place":
      j.place();
      break;
    case "run":
      if (attempt !== undefined) j.say(attempt, how === 0 ? "BUILDING" : "RUNNING");
      break;
    case "exit":
      if (attempt !== undefined) j.exit(attempt, [exitOf(), FAILED, BROKEN, exitOf()][how]);
      break;
    case "missing":
      if (attempt !== undefined) j.say(attempt, "MISSING");
      break;
    case "stop": {
      const job = pick([...j.state.jobs.values()], which);
      if (job !== undefined && how === 0) j.run({ kind: "terminate", jobId: job.id, by: USER });
      break;
    }
    case "endpoint":
      if (attempt === undefined) break;
      j.run({
        kind: "registerEndpoint",
        endpoint: {
          endpointId: `e${which}`,
          name: "a",
          namespace: "",
          address: "x",
          metadata: {},
          token: "",
          taskId: "",
        },
        namespace: "",
        by: identityOf(attempt),
      });
      break;
    case "join":
      links.set(
        workerId,
        j.worker(workerId, 3, how === 0 ? `life${which}` : (j.state.workers.get(workerId)?.incarnation ?? "a")),
      );
      break;
    case "drop":
      j.run({ kind: "linkLost", workerId, link, goodbye: false });
      break;
    case "leave":
      if (how === 0) j.run({ kind: "linkLost", workerId, link, goodbye: true });
      break;
    case "probe":
      j.run({
        kind: "probed",
        workerId,
        link,
        answer: (["refused", "accepted", "no-answer"] as const)[how % 3] ?? "refused",
      });
      break;
    case "restart":
      if (how === 0) j.run({ kind: "recover" });
      break;
    case "prune":
      if (how === 0) j.now += 8 * 24 * 3_600_000;
      j.run({ kind: "due", subjects: [{ kind: "prune", id: "" }] });
      break;
    case "pass":
      j.pass([500, 2_000, 10_000, 61_000][how] ?? 0);
      break;
  }
}

test("final states stay final, nobody is orphaned, overbooked, run twice or named after the end", (t) => {
  fc.assert(
    fc.property(fc.array(happening, { minLength: 20, maxLength: 120 }), (happenings) => {
      const j = new Journey();
      const checker = new Checker();
      const links = new Map<string, number>();
      for (const one of [{ what: "join", which: 0, how: 1 } as const, ...happenings]) {
        try {
          happen(j, links, one);
        } catch (error) {
          // What is refused must have changed nothing; anything but a refusal is a bug.
          if (!IrisError.is(error)) throw error;
        }
        const wrong = checker.check(j);
        if (wrong !== undefined) throw new Error(`after ${one.what}: ${wrong}`);
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});
