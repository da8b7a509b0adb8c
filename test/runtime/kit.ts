/** A system on a manual clock, and an actor whose methods wait until the test lets them go. */
import { Actor, ActorSystem, type ExitReason } from "../../src/runtime/index.ts";
import { ManualClock } from "../kit/manual-clock.ts";
import { RecordingLogger } from "../kit/recording-logger.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

export interface World extends AsyncDisposable {
  readonly system: ActorSystem;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
}

/** Leaving it stops the system and fails on a timer or an actor that is left. */
export function world(): World {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const system = new ActorSystem({ name: "test", clock, logger, random: new SeededRandom(1) });
  return {
    system,
    clock,
    logger,
    async [Symbol.asyncDispose]() {
      await system.stop({ timeoutMs: 0 }).catch(() => undefined);
      const stopping = system.stop();
      await clock.advance(0);
      await stopping;
      if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`);
      const { roots } = system.inspect();
      if (roots.length > 0) throw new Error(`${roots.map(({ path }) => path).join(", ")} still live`);
    },
  };
}

/** Notes what happens to it; `wait` holds until the test opens the gate of that name. */
export class Gated extends Actor {
  readonly log: string[];
  readonly gates: Map<string, PromiseWithResolvers<void>>;

  constructor(log: string[] = [], gates = new Map<string, PromiseWithResolvers<void>>()) {
    super();
    this.log = log;
    this.gates = gates;
  }

  async wait(name: string): Promise<string> {
    this.log.push(`begin ${name}`);
    this.context.signal.addEventListener("abort", () => this.log.push(`abort ${name}`));
    await gate(this.gates, name).promise;
    this.log.push(`end ${name}`);
    return name;
  }

  now(name: string): string {
    this.log.push(name);
    return name;
  }

  fail(error: unknown): never {
    throw error;
  }

  override onStop(reason: ExitReason): void {
    this.log.push(`stop ${reason.kind}`);
  }
}

export function gate(gates: Map<string, PromiseWithResolvers<void>>, name: string): PromiseWithResolvers<void> {
  const known = gates.get(name) ?? Promise.withResolvers<void>();
  gates.set(name, known);
  return known;
}

/** A gated actor with its log and its gates in the test's hands. */
export function gated(system: ActorSystem, options: Parameters<ActorSystem["host"]>[1] = {}) {
  const log: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const ref = system.spawn(Gated, { name: "gated", ...options, args: [log, gates] });
  return { ref, log, open: (name: string) => gate(gates, name).resolve() };
}
