/** A reference to an actor of this process. There is one per cell, so references compare with `===`. */
import type { Door } from "./door.ts";
import { IrisError } from "./errors.ts";
import { type ExitReason, NORMAL } from "./exit.ts";
import { RUNTIME_LIMITS } from "./limits.ts";
import { callerFor, tellerFor } from "./proxies.ts";
import type { ActorRef, AnyRef, CallOptions, Remote, Tell, TellOptions } from "./ref.ts";

export class LocalRef<T> implements ActorRef<T> {
  readonly #cell: Door;
  /** The proxies without options, which is how most calls are made. */
  #caller: Remote<T> | undefined;
  #teller: Tell<T> | undefined;

  private constructor(cell: Door) {
    this.#cell = cell;
  }

  static of<T>(cell: Door): LocalRef<T> {
    cell.ref ??= new LocalRef<T>(cell);
    return cell.ref as LocalRef<T>;
  }

  /** What is behind a reference of this process; `undefined` for any other. */
  static doorOf(ref: AnyRef): Door | undefined {
    return #cell in ref ? ref.#cell : undefined;
  }

  get path(): string {
    return this.#cell.path;
  }

  get ended(): Promise<ExitReason> {
    return this.#cell.ended;
  }

  call(options?: CallOptions): Remote<T> {
    if (options !== undefined) {
      checkDuration("timeoutMs", options.timeoutMs, this.path);
      return callerFor(this.#cell, options) as Remote<T>;
    }
    this.#caller ??= callerFor(this.#cell, undefined) as Remote<T>;
    return this.#caller;
  }

  tell(options?: TellOptions): Tell<T> {
    if (options !== undefined) return tellerFor(this.#cell, options) as Tell<T>;
    this.#teller ??= tellerFor(this.#cell, undefined) as Tell<T>;
    return this.#teller;
  }

  async stop(options: { graceMs?: number } = {}): Promise<ExitReason> {
    checkDuration("graceMs", options.graceMs, this.path);
    return this.#cell.stop(NORMAL, options.graceMs ?? RUNTIME_LIMITS.stopGraceMs);
  }

  toString(): string {
    return `[actor ${this.path}]`;
  }
}

function checkDuration(name: string, ms: number | undefined, where: string): void {
  if (ms === undefined || ms >= 0) return;
  throw new IrisError("INVALID_ARGUMENT", `${name} is ${ms}: wanted milliseconds, 0 or more`, { where });
}
