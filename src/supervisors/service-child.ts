/**
 * An async function as a supervised child: it says when it is ready, runs until its signal aborts, and returns. Code in
 * this process cannot be ended by force: a service that ignores its signal past its shutdown time is given up (`killed`)
 * and logged, and may still be running.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { describeExit, type ExitReason, NORMAL } from "../runtime/exit.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { ActorSystem } from "../runtime/system.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { ChildOptions } from "./options.ts";
import { checkLiveness, describePlace, type Liveness, look, nodeProber, type Prober, probeUntilDead } from "./probe.ts";
import type { ChildEnv, ChildSpec, RunningChild } from "./spec.ts";
import { childBasics } from "./spec-check.ts";

export interface ServiceContext {
  readonly path: string;
  readonly system: ActorSystem;
  readonly logger: Logger;
  /** Aborts when the service is to end. What it throws because of that counts as ending when asked. */
  readonly signal: AbortSignal;
  /** What `startChild({ args })` of a dynamic supervisor was given. */
  readonly args: readonly unknown[];
  /** Lets the supervisor go on with the next child. Calling it again does nothing. */
  ready(): void;
}

export interface ServiceOptions extends ChildOptions {
  /** Time to call `ready()`; then the start has failed. Default 30 000 ms. */
  startTimeoutMs?: number;
  /**
   * Where it must answer from `ready()` on; one that does not has crashed: its signal aborts, and it is started again when
   * it has ended, or its shutdown time is over. Default: not looked at.
   */
  live?: Liveness;
  prober?: Prober;
}

/**
 * A child that is an async function. Returning is a normal end, with or without `ready()` before; throwing before
 * `ready()` is a failed start, and a crash after it. Throws `INVALID_ARGUMENT` for unsound options.
 */
export function service(
  id: string,
  run: (context: ServiceContext) => Promise<void> | void,
  options: ServiceOptions = {},
): ChildSpec {
  const { startTimeoutMs = SUPERVISION_LIMITS.startTimeoutMs, live, prober } = options;
  if (typeof run !== "function") {
    throw new IrisError("INVALID_ARGUMENT", `service "${id}" wants a function, got ${typeof run}`);
  }
  if (!(startTimeoutMs > 0)) {
    throw new IrisError("INVALID_ARGUMENT", `startTimeoutMs of service "${id}" is ${startTimeoutMs}: use ms above 0`);
  }
  if (live !== undefined) checkLiveness(`service "${id}"`, live);
  const spec: ChildSpec = {
    ...childBasics(id, options),
    kind: "service",
    async start(env) {
      const started = await new Service(env).start(run, startTimeoutMs, spec.shutdownMs);
      if (live !== undefined) started.keepLookedAt(live, prober ?? nodeProber(env.system.clock), spec.shutdownMs);
      return started;
    },
  };
  return spec;
}

class Service implements RunningChild {
  readonly ended: Promise<ExitReason>;
  readonly #env: ChildEnv;
  readonly #end = new AbortController();
  /** Aborts when it has ended: nobody looks at it any more. */
  readonly #gone = new AbortController();
  readonly #over = Promise.withResolvers<ExitReason>();
  /** Why it was asked to end; what it is then said to have ended with. */
  #told: ExitReason | undefined;
  #isOver = false;

  constructor(env: ChildEnv) {
    this.#env = env;
    this.ended = this.#over.promise;
  }

  async start(
    run: (context: ServiceContext) => Promise<void> | void,
    startTimeoutMs: number,
    shutdownMs: ChildSpec["shutdownMs"],
  ): Promise<this> {
    const { path, system, logger, args, signal: givenUp } = this.#env;
    const up = Promise.withResolvers<void>();
    const late = Promise.withResolvers<IrisError>();
    const context = { path, system, logger, args, signal: this.#end.signal, ready: () => up.resolve() };
    const timer = system.clock.setTimeout(() => {
      const message = `service ${path} did not call ready() within ${startTimeoutMs} ms`;
      late.resolve(new IrisError("DEADLINE_EXCEEDED", message, { where: path }));
    }, startTimeoutMs);
    const onGiveUp = () => late.resolve(toIrisError(givenUp.reason, "CANCELLED", path));
    if (givenUp.aborted) onGiveUp();
    givenUp.addEventListener("abort", onGiveUp, { once: true });
    void this.#run(run, context);
    try {
      const first = await Promise.race([up.promise, this.ended, late.promise]);
      if (first instanceof IrisError) {
        if (shutdownMs === "kill") await this.kill(first.message);
        else await this.stop(first.message, shutdownMs === "infinity" ? Number.POSITIVE_INFINITY : shutdownMs);
        throw first;
      }
      // It has ended without being ready: normally is an end like any other, by a crash is a start that failed.
      if (first?.kind === "crashed") throw first.error;
      return this;
    } finally {
      system.clock.clearTimeout(timer);
      givenUp.removeEventListener("abort", onGiveUp);
    }
  }

  /** From now on it must answer. */
  keepLookedAt(live: Liveness, prober: Prober, shutdownMs: ChildSpec["shutdownMs"]): void {
    const { clock } = this.#env.system;
    const over = AbortSignal.any([this.#end.signal, this.#gone.signal]);
    void probeUntilDead(describePlace(live), () => look(live, prober), live, clock, over).then((sentence) => {
      if (sentence === undefined) return;
      const message = `service ${this.#env.path} ${sentence}`;
      this.#askToEnd({ kind: "crashed", error: new IrisError("UNAVAILABLE", message, { where: this.#env.path }) });
      if (shutdownMs === "kill") void this.kill(message);
      else void this.stop(message, shutdownMs === "infinity" ? Number.POSITIVE_INFINITY : shutdownMs);
    });
  }

  stop(why: string, graceMs: number): Promise<ExitReason> {
    this.#askToEnd({ kind: "shutdown", why });
    if (this.#isOver || !Number.isFinite(graceMs)) return this.ended;
    const { clock } = this.#env.system;
    const timer = clock.setTimeout(() => void this.kill(`did not end within ${graceMs} ms: ${why}`), graceMs);
    return this.ended.finally(() => clock.clearTimeout(timer));
  }

  kill(why: string): Promise<ExitReason> {
    if (this.#isOver) return this.ended;
    this.#askToEnd({ kind: "killed", why });
    this.#env.logger.warn({ service: this.#env.path, why }, "service is given up: it may still be running");
    this.#finish(this.#told?.kind === "crashed" ? this.#told : { kind: "killed", why });
    return this.ended;
  }

  async #run(run: (context: ServiceContext) => Promise<void> | void, context: ServiceContext): Promise<void> {
    try {
      await run(context);
      this.#finish(this.#told ?? NORMAL);
    } catch (thrown) {
      this.#finish(
        this.#told !== undefined && this.#isAbort(thrown)
          ? this.#told
          : { kind: "crashed", error: toIrisError(thrown, "INTERNAL", this.#env.path) },
      );
    }
  }

  #askToEnd(reason: ExitReason): void {
    this.#told ??= reason;
    this.#end.abort(
      new IrisError("CANCELLED", `service ${this.#env.path} is to end: ${describeExit(reason)}`, {
        where: this.#env.path,
      }),
    );
  }

  #isAbort(thrown: unknown): boolean {
    if (thrown === this.#end.signal.reason || IrisError.is(thrown, "CANCELLED")) return true;
    return thrown instanceof Error && thrown.name === "AbortError";
  }

  #finish(reason: ExitReason): void {
    this.#isOver = true;
    this.#gone.abort();
    this.#over.resolve(reason);
  }
}
