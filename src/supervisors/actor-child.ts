/** An actor as a supervised child. Its reference outlives it: a restart binds the next incarnation to the same one. */
import { IrisError } from "../runtime/errors.ts";
import type { MailboxOptions } from "../runtime/mailbox.ts";
import type { ActorRef } from "../runtime/ref.ts";
import { release, startSupervised } from "../runtime/supervised.ts";
import type { ChildOptions } from "./options.ts";
import type { ChildEnv, ChildSpec, RunningChild } from "./spec.ts";
import { childBasics } from "./spec-check.ts";

export interface ActorChildOptions<A extends unknown[]> extends ChildOptions {
  id: string;
  /** For the constructor. Below a dynamic supervisor, the arguments of `startChild` follow them. */
  args?: A;
  /** Messages handled at a time. Default 1. */
  concurrency?: number;
  mailbox?: MailboxOptions;
}

/** A child that is an actor of class `cls`. Throws `INVALID_ARGUMENT` for unsound options. */
export function actor<T extends object, A extends unknown[]>(
  cls: new (...args: A) => T,
  options: ActorChildOptions<Partial<A>>,
): ChildSpec {
  if (typeof cls !== "function") {
    throw new IrisError("INVALID_ARGUMENT", `actor() wants a class, got ${cls === null ? "null" : typeof cls}`);
  }
  const { id, args = [], concurrency, mailbox } = options;
  return {
    ...childBasics(id, options),
    kind: "actor",
    async start(env: ChildEnv): Promise<RunningChild> {
      const running = await startSupervised<T, A>(env.system, cls, {
        path: env.path,
        // Template and startChild give the arguments together; only the user can know that they fit.
        args: [...args, ...env.args] as unknown as A,
        ref: env.previous?.child.ref as ActorRef<T> | undefined,
        previous: env.previous?.reason,
        concurrency,
        mailbox,
        signal: env.signal,
      });
      return {
        ref: running.ref as ActorRef<unknown>,
        ended: running.ended,
        stop: (why, graceMs) => running.stop(why, graceMs),
        kill: (why) => running.kill(why),
        release: (reason) => release(running.ref as ActorRef<unknown>, reason),
      };
    },
  };
}
