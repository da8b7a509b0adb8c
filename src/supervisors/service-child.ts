/**
 * An async function as a supervised child: it says when it is ready, runs until its signal aborts, and returns. Code in
 * this process cannot be ended by force: a service that ignores its signal past its shutdown time is given up (`killed`)
 * and logged, and may still be running.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import { type ExitReason, NORMAL } from "../runtime/exit.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { ActorSystem } from "../runtime/system.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { ChildOptions } from "./options.ts";
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
  const { startTimeoutMs = SUPERVISION_LIMITS.startTimeoutMs } = options;
  if (typeof run !== "function") {
    throw new IrisError("INVALID_ARGUMENT", `service "${id}" wants a function, got ${typeof run}`);
  }
  if (!(startTimeoutMs > 0)) {
    throw new IrisError("INVALID_ARGUMENT", `startTimeoutMs of service "${id}" is ${startTimeoutMs}: use ms above 0`);
  }
  const spec: ChildSpec = {
    ...childBasics(id, options),
    kind: "service",
    start: (env) => new Service(env).start(run, startTimeoutMs, spec.shutdownMs),
  };
  return spec;
}

class Service implements RunningChild {
  readonly ended: Promise<ExitReason>;
  readonly #env: ChildEnv;
  readonly #end = new AbortController();
  readonly #over = Promise.withResolvers<ExitReason>();
  #why: string | undefined;
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

  stop(why: string, graceMs: number): Promise<ExitReason> {
    this.#askToEnd(why);
    if (this.#isOver || !Number.isFinite(graceMs)) return this.ended;
    const { clock } = this.#env.system;
    const timer = clock.setTimeout(() => void this.kill(`did not end within ${graceMs} ms: ${why}`), graceMs);
    return this.ended.finally(() => clock.clearTimeout(timer));
  }

  kill(why: string): Promise<ExitReason> {
    if (this.#isOver) return this.ended;
    this.#askToEnd(why);
    this.#env.logger.warn({ service: this.#env.path, why }, "service is given up: it may still be running");
    this.#finish({ kind: "killed", why });
    return this.ended;
  }

  async #run(run: (context: ServiceContext) => Promise<void> | void, context: ServiceContext): Promise<void> {
    try {
      await run(context);
      this.#finish(this.#why === undefined ? NORMAL : { kind: "shutdown", why: this.#why });
    } catch (thrown) {
      this.#finish(
        this.#why !== undefined && this.#isAbort(thrown)
          ? { kind: "shutdown", why: this.#why }
          : { kind: "crashed", error: toIrisError(thrown, "INTERNAL", this.#env.path) },
      );
    }
  }

  #askToEnd(why: string): void {
    this.#why ??= why;
    this.#end.abort(
      new IrisError("CANCELLED", `service ${this.#env.path} is to end: ${why}`, { where: this.#env.path }),
    );
  }

  #isAbort(thrown: unknown): boolean {
    if (thrown === this.#end.signal.reason || IrisError.is(thrown, "CANCELLED")) return true;
    return thrown instanceof Error && thrown.name === "AbortError";
  }

  #finish(reason: ExitReason): void {
    this.#isOver = true;
    this.#over.resolve(reason);
  }
}
