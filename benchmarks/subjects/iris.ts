/** Iris as users get it: compiled, through its public surface. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Iris from "../../src/index.ts";
import { bytesEach, check, costMs, keep64InFlight, perSecond, rate, timeMs } from "../stopwatch.ts";

const build = process.env["IRIS_BENCH_BUILD"] ?? join(import.meta.dirname, "../../dist");
const from = async (part: string) => (await import(pathToFileURL(join(build, part, "index.js")).href)) as typeof Iris;
const { Actor, ActorSystem } = await from("runtime");
const { actor, supervise } = await from("supervisors");

let made = 0;

class Counter {
  total = 0;
  constructor() {
    made += 1;
  }
  add(amount: number): number {
    this.total += amount;
    return this.total;
  }
}

/** Makes children, `count` at a time. */
class Parent extends Actor {
  spawn(count: number): Iris.ActorRef<Counter>[] {
    return Array.from({ length: count }, () => this.context.spawn(Counter));
  }
}

const BATCH = 1_000;

async function restartsPerSecond(supervisors: number): Promise<number> {
  const system = new ActorSystem();
  /** Who waits for the child of each supervisor to be back. */
  const waiting: (() => void)[] = [];
  class Crashing extends Actor {
    readonly #index: number;
    constructor(index: number) {
      super();
      this.#index = index;
    }
    override onStart(): void {
      waiting[this.#index]?.();
    }
    crash(): never {
      throw new Error("crash");
    }
  }
  const refs: Iris.ActorRef<Crashing>[] = [];
  for (let index = 0; index < supervisors; index++) {
    const tree = await system.start(
      supervise({
        name: `tree-${index}`,
        intensity: { maxRestarts: 1_000_000, withinMs: 1_000 },
        children: [actor(Crashing, { id: "crashing", args: [index] })],
      }),
    );
    refs.push(tree.ref<Crashing>("crashing"));
  }
  const each = Math.max(20, 1_000 / supervisors);
  const restartOne = async (ref: Iris.ActorRef<Crashing>, index: number) => {
    for (let restart = 0; restart < each; restart++) {
      await new Promise<void>((resolve) => {
        waiting[index] = resolve;
        check(ref.tell().crash(), "the message was accepted");
      });
    }
  };
  return perSecond(async () => {
    await Promise.all(refs.map(restartOne));
    return each * supervisors;
  });
}

async function familyOf(children: number): Promise<{
  system: Iris.ActorSystem;
  parent: Iris.ActorRef<Parent>;
  slices: { spentMs: number; refs: Iris.ActorRef<Counter>[] }[];
}> {
  const system = new ActorSystem();
  const parent = system.spawn(Parent);
  const slices: { spentMs: number; refs: Iris.ActorRef<Counter>[] }[] = [];
  for (let count = 0; count < children; count += 10_000) {
    let refs: Iris.ActorRef<Counter>[] = [];
    const spentMs = await costMs(async () => {
      refs = await parent.call().spawn(10_000);
      check((await refs.at(-1)?.call().add(1)) === 1, "the last child answers");
    });
    slices.push({ spentMs, refs });
  }
  return { system, parent, slices };
}

async function warmUp(): Promise<void> {
  for (let pass = 0; pass < 3; pass++) {
    const { system, slices, parent } = await familyOf(20_000);
    await Promise.all(slices[0]?.refs.map((ref) => ref.stop()) ?? []);
    await parent.stop();
    await system.stop();
  }
}

export const cases = {
  async "ask-1"() {
    const ref = new ActorSystem().spawn(Counter);
    let total = 0;
    return perSecond(async () => {
      for (let call = 0; call < BATCH; call++) check((await ref.call().add(1)) === ++total, "the total");
      return BATCH;
    });
  },
  async "ask-64"() {
    const ref = new ActorSystem().spawn(Counter);
    let total = 0;
    return perSecond(async () => {
      total = await keep64InFlight(6_400, total, (amount) => ref.call().add(amount));
      return 6_400;
    });
  },
  async tell() {
    const ref = new ActorSystem().spawn(Counter);
    let total = 0;
    return perSecond(async () => {
      for (let message = 0; message < BATCH; message++) check(ref.tell().add(1), "the message was accepted");
      total += BATCH;
      check((await ref.call().add(0)) === total, "the total");
      return BATCH;
    });
  },
  async spawn() {
    const system = new ActorSystem();
    return rate(async () => {
      const before = made;
      const refs: Iris.ActorRef<Counter>[] = [];
      const tookMs = await timeMs(async () => {
        for (let index = 0; index < BATCH; index++) refs.push(system.spawn(Counter));
        check((await refs.at(-1)?.call().add(1)) === 1, "it answers");
        check(made - before === BATCH, "all are ready");
      });
      await Promise.all(refs.map((ref) => ref.stop()));
      return { completed: BATCH, tookMs };
    });
  },
  async bytes() {
    const system = new ActorSystem();
    let last: Iris.ActorRef<Counter> | undefined;
    const make = () => {
      last = system.spawn(Counter);
      return last;
    };
    make();
    await last?.call().add(1);
    return bytesEach(100_000, make, async () => {
      check((await last?.call().add(1)) === 1, "it answers");
    });
  },
  "restart-1": () => restartsPerSecond(1),
  "restart-200": () => restartsPerSecond(200),
  async "children-spawn"() {
    await warmUp();
    const { slices } = await familyOf(100_000);
    return (slices.at(-1)?.spentMs ?? 0) / (slices[0]?.spentMs ?? 0);
  },
  async "children-stop"() {
    await warmUp();
    const { slices } = await familyOf(100_000);
    const spentMs: number[] = [];
    for (const { refs } of slices) spentMs.push(await costMs(() => Promise.all(refs.map((ref) => ref.stop()))));
    return (spentMs.at(-1) ?? 0) / (spentMs[0] ?? 0);
  },
  async "children-end"() {
    await warmUp();
    const few = await familyOf(10_000);
    const fewMs = await costMs(() => few.parent.stop({ graceMs: 60_000 }));
    const many = await familyOf(100_000);
    const manyMs = await costMs(() => many.parent.stop({ graceMs: 60_000 }));
    return manyMs / 10 / fewMs;
  },
};
