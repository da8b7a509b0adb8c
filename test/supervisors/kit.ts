/** Children whose ends the test controls, on a clock that it moves. */
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import type { ChildEnv, ChildOptions, ChildSpec, RunningChild, SupervisionEvent } from "../../src/supervisors/index.ts";
import { childBasics } from "../../src/supervisors/spec-check.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { RecordingLogger } from "../kit/recording-logger.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

export interface Stage {
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  readonly system: ActorSystem;
  /** What happened to children, in order: `+a` started, `-a` stopped, `!a` killed, `xa` start failed. */
  readonly trace: string[];
  /** A child whose life is in the test's hands. */
  child(id: string, options?: GateOptions): ChildSpec & { readonly gate: Gate };
}

export interface GateOptions extends ChildOptions {
  /** It does not stop when asked; only a kill ends it. */
  deaf?: boolean;
  /** Its starts wait until `gate.open()`. */
  slow?: boolean;
}

export class Gate {
  /** Starts that are to fail, from the next one on. */
  failures = 0;
  starts = 0;
  envs: ChildEnv[] = [];
  released: ExitReason[] = [];
  end: (reason: ExitReason) => void = () => {};
  open: () => void = () => {};

  crash(message = "boom"): Promise<void> {
    return this.finish({ kind: "crashed", error: new IrisError("INTERNAL", message) });
  }

  /** Ends the child and lets its supervisor follow up. */
  async finish(reason: ExitReason): Promise<void> {
    this.end(reason);
    await settle();
  }
}

export function stage(): Stage {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const trace: string[] = [];
  const system = new ActorSystem({ name: "test", clock, random: new SeededRandom(1), logger });
  return { clock, logger, system, trace, child: (id, options = {}) => gated(id, options, trace) };
}

function gated(id: string, options: GateOptions, trace: string[]): ChildSpec & { readonly gate: Gate } {
  const gate = new Gate();
  const spec = {
    ...childBasics(id, options),
    kind: "gate",
    gate,
    async start(env: ChildEnv): Promise<RunningChild> {
      gate.envs.push(env);
      if (options.slow) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        gate.open = resolve;
        env.signal.addEventListener("abort", () => !options.deaf && reject(env.signal.reason));
        await promise;
      }
      if (gate.failures > 0) {
        gate.failures--;
        trace.push(`x${id}`);
        throw new IrisError("UNAVAILABLE", `${id} cannot start`);
      }
      gate.starts++;
      trace.push(`+${id}`);
      const over = Promise.withResolvers<ExitReason>();
      let ended = false;
      const finish = (mark: string) => (reason: ExitReason) => {
        if (mark !== "" && !ended) trace.push(`${mark}${id}`);
        ended = true;
        over.resolve(reason);
        return over.promise;
      };
      gate.end = finish("");
      return {
        ended: over.promise,
        async stop(why, graceMs) {
          if (!options.deaf) return finish("-")({ kind: "shutdown", why });
          trace.push(`?${id}`);
          const { clock } = env.system;
          if (Number.isFinite(graceMs)) clock.setTimeout(() => finish("!")({ kind: "killed", why }), graceMs);
          return over.promise;
        },
        kill: async (why) => finish("!")({ kind: "killed", why }),
        release: (reason) => void gate.released.push(reason),
      };
    },
  };
  return spec;
}

/** What a supervisor tells from now on; `kinds()` shows what came so far, in short. */
export function record(events: AsyncIterable<SupervisionEvent>): { all: SupervisionEvent[]; kinds(): string[] } {
  const all: SupervisionEvent[] = [];
  void (async () => {
    for await (const event of events) all.push(event);
  })();
  return { all, kinds: () => all.map((event) => ("child" in event ? `${event.kind} ${event.child}` : event.kind)) };
}
