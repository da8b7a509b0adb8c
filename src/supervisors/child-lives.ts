/**
 * Starts and ends one child at a time, whatever its kind, and keeps its slot true. Which child and when is the
 * supervisor's business. Nothing here throws: a kind's misbehaviour becomes an error in hand or a crashed end.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../runtime/exit.ts";
import type { TimerHandle } from "../runtime/ports/clock.ts";
import type { Slot } from "./children.ts";
import type { SupervisionFact } from "./events.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { ChildEnv, RunningChild } from "./spec.ts";

export interface LivesOptions {
  /** The supervisor's own environment: its system, logger and the way to report upwards. */
  readonly env: Pick<ChildEnv, "system" | "logger" | "report">;
  /** Aborts when starts are no longer wanted: they are given their child's shutdown time to come to an end. */
  readonly leaving: AbortSignal;
  /** Aborts when nobody waits any longer. */
  readonly forced: AbortSignal;
  readonly tell: (fact: SupervisionFact) => void;
  /** A running child has ended by itself. */
  readonly onExit: (slot: Slot, child: RunningChild, reason: ExitReason) => void;
}

/** A start on its way. */
interface Underway {
  readonly slot: Slot;
  /** Tells the child's own code that it is no longer wanted. */
  readonly giveUp: AbortController;
  readonly outcome: PromiseWithResolvers<RunningChild>;
  timer: TimerHandle | undefined;
}

export class ChildLives {
  readonly #options: LivesOptions;
  readonly #underway = new Set<Underway>();

  constructor(options: LivesOptions) {
    this.#options = options;
    const { leaving, forced } = options;
    const callOff = () => {
      for (const start of this.#underway) this.#callOff(start);
    };
    const fail = () => {
      for (const start of this.#underway) this.#fail(start);
    };
    leaving.addEventListener("abort", callOff, { once: true });
    forced.addEventListener("abort", fail, { once: true });
  }

  /** Resolves once the child is ready, or with why it is not; its slot is then `running` or `stopped`. */
  async start(slot: Slot): Promise<IrisError | undefined> {
    const { env, leaving, forced, tell } = this.#options;
    slot.life = { at: "starting" };
    const outcome = Promise.withResolvers<RunningChild>();
    const start: Underway = { slot, giveUp: new AbortController(), outcome, timer: undefined };
    this.#underway.add(start);
    if (leaving.aborted) this.#callOff(start);
    if (forced.aborted) this.#fail(start);
    const attempt = this.#attempt(slot, start.giveUp.signal);
    attempt.then(outcome.resolve, outcome.reject);
    try {
      const child = await outcome.promise;
      slot.life = { at: "running", child, sinceMs: env.system.clock.now() };
      slot.startedAtMs = slot.life.sinceMs;
      slot.starts++;
      slot.released = false;
      this.#watch(slot, child);
      tell({ kind: "started", child: slot.spec.id, starts: slot.starts });
      return undefined;
    } catch (thrown) {
      const error = toIrisError(thrown, "INTERNAL", slot.path);
      slot.life = { at: "stopped" };
      // A start that was given up may succeed yet: nobody would know of that child.
      attempt.then(
        (child) => child.kill("its start was given up").catch(() => {}),
        () => {},
      );
      tell({ kind: "start-failed", child: slot.spec.id, cause: { kind: "crashed", error } });
      return error;
    } finally {
      this.#underway.delete(start);
      if (start.timer !== undefined) env.system.clock.clearTimeout(start.timer);
    }
  }

  /** Stops a running child within its own shutdown time; does nothing to one that does not run. */
  async stop(slot: Slot, why: string): Promise<void> {
    if (slot.life.at !== "running") return;
    const { child } = slot.life;
    const { shutdownMs } = slot.spec;
    slot.life = { at: "stopping", child };
    const graceMs = shutdownMs === "infinity" ? Number.POSITIVE_INFINITY : shutdownMs;
    const byForce = graceMs === "kill" || this.#options.forced.aborted;
    const reason = await this.#settled(slot, () => (byForce ? child.kill(why) : child.stop(why, graceMs)));
    slot.life = { at: "stopped" };
    slot.previous = { child, reason };
    this.#options.tell({ kind: "stopped", child: slot.spec.id, cause: reason, why });
  }

  /** Ends a child at once, also one that is being stopped; whoever waits for its end still does. */
  kill(slot: Slot, why: string): void {
    if (slot.life.at !== "running" && slot.life.at !== "stopping") return;
    const { child } = slot.life;
    void this.#settled(slot, () => child.kill(why));
  }

  /** It will not be started again: those who hold a reference are told, and the next life does not take it over. */
  release(slot: Slot): void {
    const { previous } = slot;
    if (previous === undefined || slot.released) return;
    slot.released = true;
    previous.child.release?.(previous.reason);
  }

  async #attempt(slot: Slot, signal: AbortSignal): Promise<RunningChild> {
    const { env } = this.#options;
    const { spec, path, args, released } = slot;
    return await spec.start({
      system: env.system,
      path,
      logger: env.logger.child({ child: path }),
      signal,
      args,
      previous: released ? undefined : slot.previous,
      report: env.report,
    });
  }

  /** A start that is no longer wanted gets its child's shutdown time to come to an end. */
  #callOff(start: Underway): void {
    const { env, leaving } = this.#options;
    start.giveUp.abort(leaving.reason);
    const { shutdownMs } = start.slot.spec;
    if (shutdownMs === "infinity") return;
    // What is killed is gone only when its start has come to an end: a process would outlive its supervisor by a moment.
    const patienceMs = shutdownMs === "kill" ? SUPERVISION_LIMITS.killedStartMs : shutdownMs;
    start.timer = env.system.clock.setTimeout(() => this.#fail(start), patienceMs);
  }

  /** Nobody waits for it any longer. */
  #fail({ slot, outcome }: Underway): void {
    const message = `${slot.path} was still starting when its supervisor stopped: its start was given up`;
    outcome.reject(new IrisError("CANCELLED", message, { where: slot.path }));
  }

  #watch(slot: Slot, child: RunningChild): void {
    const { onExit } = this.#options;
    child.ended.then(
      (reason) => onExit(slot, child, reason),
      (thrown) => onExit(slot, child, { kind: "crashed", error: toIrisError(thrown, "INTERNAL", slot.path) }),
    );
  }

  async #settled(slot: Slot, end: () => Promise<ExitReason>): Promise<ExitReason> {
    try {
      return (await end()) ?? NORMAL;
    } catch (thrown) {
      const error = toIrisError(thrown, "INTERNAL", slot.path);
      this.#options.env.logger.error({ child: slot.path, error }, "child could not be stopped: it may still be alive");
      return { kind: "crashed", error };
    }
  }
}
