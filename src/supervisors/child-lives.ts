/**
 * Starts and ends one child at a time, whatever its kind, and keeps its slot true. Which child and when is the
 * supervisor's business. Nothing here throws: a kind's misbehaviour becomes an error in hand or a crashed end.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../runtime/exit.ts";
import type { Slot } from "./children.ts";
import type { SupervisionFact } from "./events.ts";
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

export class ChildLives {
  readonly #options: LivesOptions;

  constructor(options: LivesOptions) {
    this.#options = options;
  }

  /** Resolves once the child is ready, or with why it is not; its slot is then `running` or `stopped`. */
  async start(slot: Slot): Promise<IrisError | undefined> {
    const { env, leaving, tell } = this.#options;
    slot.life = { at: "starting" };
    const giveUp = new AbortController();
    const onLeave = () => giveUp.abort(leaving.reason);
    if (leaving.aborted) onLeave();
    leaving.addEventListener("abort", onLeave, { once: true });
    const patience = this.#patience(slot);
    const attempt = this.#attempt(slot, giveUp.signal);
    try {
      const child = await Promise.race([attempt, patience.over]);
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
      leaving.removeEventListener("abort", onLeave);
      patience.done();
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

  /** Rejects when a start that is no longer wanted has had its child's shutdown time, or is not to have it. */
  #patience(slot: Slot): { over: Promise<never>; done: () => void } {
    const { env, leaving, forced } = this.#options;
    const { clock } = env.system;
    const over = Promise.withResolvers<never>();
    over.promise.catch(() => {});
    const fail = () => {
      const message = `${slot.path} was still starting when its supervisor stopped: its start was given up`;
      over.reject(new IrisError("CANCELLED", message, { where: slot.path }));
    };
    let timer: unknown;
    const onLeave = () => {
      const { shutdownMs } = slot.spec;
      if (shutdownMs === "kill") fail();
      else if (shutdownMs !== "infinity") timer = clock.setTimeout(fail, shutdownMs);
    };
    if (forced.aborted) fail();
    else if (leaving.aborted) onLeave();
    leaving.addEventListener("abort", onLeave, { once: true });
    forced.addEventListener("abort", fail, { once: true });
    return {
      over: over.promise,
      done: () => {
        leaving.removeEventListener("abort", onLeave);
        forced.removeEventListener("abort", fail);
        clock.clearTimeout(timer);
      },
    };
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
