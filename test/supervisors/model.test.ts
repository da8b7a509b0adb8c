/**
 * A supervisor against a small model of OTP's, on random trees and random ends: which children run after each event, how
 * often each was started, and whether the supervisor is still there. The model is written from OTP's documentation, not
 * from `policy.ts`: children in a list, an event at a time, nothing asynchronous.
 */
import test from "ava";
import fc from "fast-check";
import type { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import { type Restart, type Strategy, supervise } from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { stage } from "./kit.ts";

type End = "normal" | "shutdown" | "crash";
type Event =
  | {
      readonly kind: "end";
      readonly child: number;
      readonly how: End /** Starts that fail then. */;
      readonly failures: number;
    }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "terminate" | "restart" | "delete"; readonly child: number };

interface Setup {
  readonly strategy: Strategy;
  readonly maxRestarts: number;
  readonly restarts: readonly Restart[];
}

const WITHIN_MS = 1_000;

interface Child {
  readonly id: string;
  readonly restart: Restart;
  runs: boolean;
}

class Model {
  readonly trace: string[] = [];
  readonly #setup: Setup;
  #children: Child[];
  #restartsAt: number[] = [];
  #now = 0;
  isOver = false;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#children = setup.restarts.map((restart, index) => ({ id: `c${index}`, restart, runs: true }));
    for (const { id } of this.#children) this.trace.push(`+${id}`);
  }

  wait(ms: number): void {
    this.#now += ms;
  }

  runs(id: string): boolean {
    return this.#children.some((child) => child.id === id && child.runs);
  }

  end(id: string, how: End, failures: number): void {
    const child = this.#children.find((other) => other.id === id);
    if (child === undefined) return;
    child.runs = false;
    if (child.restart === "temporary") this.#children = this.#children.filter((other) => other !== child);
    else if (child.restart === "permanent" || how === "crash") this.#restart(child, failures);
  }

  #restart(child: Child, failures: number): void {
    this.#restartsAt = [...this.#restartsAt, this.#now].filter((at) => this.#now - at <= WITHIN_MS);
    if (this.#restartsAt.length > this.#setup.maxRestarts) {
      this.stop();
      return;
    }
    const from = this.#setup.strategy === "oneForAll" ? 0 : this.#children.indexOf(child);
    const group = this.#setup.strategy === "oneForOne" ? [child] : this.#children.slice(from);
    this.#stop(group);
    this.#children = this.#children.filter((other) => !group.includes(other) || other.restart !== "temporary");
    for (const other of group.filter(({ restart }) => restart !== "temporary")) {
      if (other === child && failures > 0) {
        this.trace.push(`x${other.id}`);
        this.#restart(child, failures - 1);
        return;
      }
      this.trace.push(`+${other.id}`);
      other.runs = true;
    }
  }

  terminate(id: string): boolean {
    const child = this.#children.find((other) => other.id === id);
    if (child === undefined) return false;
    this.#stop([child]);
    if (child.restart === "temporary") this.#children = this.#children.filter((other) => other !== child);
    return true;
  }

  restart(id: string): boolean {
    const child = this.#children.find((other) => other.id === id && !other.runs);
    if (child === undefined) return false;
    this.trace.push(`+${id}`);
    child.runs = true;
    return true;
  }

  delete(id: string): boolean {
    const before = this.#children.length;
    this.#children = this.#children.filter((other) => other.id !== id || other.runs);
    return this.#children.length < before;
  }

  stop(): void {
    this.#stop(this.#children);
    this.isOver = true;
  }

  known(): string[] {
    return this.#children.map(({ id, runs }) => `${id} ${runs ? "running" : "stopped"}`);
  }

  #stop(children: Child[]): void {
    for (const child of [...children].reverse()) {
      if (child.runs) this.trace.push(`-${child.id}`);
      child.runs = false;
    }
  }
}

const setups = fc.record({
  strategy: fc.constantFrom<Strategy>("oneForOne", "oneForAll", "restForOne"),
  maxRestarts: fc.nat(4),
  restarts: fc.array(fc.constantFrom<Restart>("permanent", "transient", "temporary"), { minLength: 1, maxLength: 5 }),
});
const childIndex = fc.nat(4);
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    {
      arbitrary: fc.record({
        kind: fc.constant("end"),
        child: childIndex,
        how: fc.constantFrom<End>("normal", "shutdown", "crash"),
        failures: fc.nat(2),
      }),
      weight: 4,
    },
    { arbitrary: fc.record({ kind: fc.constant("wait"), ms: fc.integer({ min: 1, max: 1_500 }) }), weight: 2 },
    { arbitrary: fc.record({ kind: fc.constantFrom("terminate", "restart", "delete"), child: childIndex }), weight: 2 },
  ) as fc.Arbitrary<Event>,
  { maxLength: 15 },
);

const REASONS: Record<End, ExitReason> = {
  normal: { kind: "normal" },
  shutdown: { kind: "shutdown", why: "asked" },
  crash: { kind: "killed", why: "test" },
};

test("random trees under random ends behave as the model of OTP's supervisor does", async (t) => {
  await fc.assert(
    fc.asyncProperty(setups, events, async (setup, story) => {
      const { system, clock, trace, child } = stage();
      const children = setup.restarts.map((restart, index) => child(`c${index}`, { restart }));
      const { strategy, maxRestarts } = setup;
      const tree = supervise({ name: "root", strategy, intensity: { maxRestarts, withinMs: WITHIN_MS }, children });
      const root = await tree.startIn(system);
      const model = new Model(setup);
      for (const event of story) {
        if (event.kind === "wait") {
          model.wait(event.ms);
          await clock.advance(event.ms);
          continue;
        }
        const spec = children[event.child];
        if (spec === undefined) continue;
        const { id, gate } = spec;
        if (event.kind === "end") {
          if (!model.runs(id)) continue;
          const failures = spec.restart === "temporary" ? 0 : event.failures;
          const willRestart = spec.restart === "permanent" || (spec.restart === "transient" && event.how === "crash");
          if (willRestart) gate.failures = failures;
          model.end(id, event.how, willRestart ? failures : 0);
          await gate.finish(REASONS[event.how]);
        } else {
          const orders = { terminate: "terminateChild", restart: "restartChild", delete: "deleteChild" } as const;
          const expected = model[event.kind](id);
          const outcome = await root[orders[event.kind]](id).then(
            () => true,
            (error: IrisError) => (["NOT_FOUND", "FAILED_PRECONDITION"].includes(error.code) ? false : error),
          );
          t.is(outcome, expected, `${event.kind} ${id}`);
        }
        t.deepEqual(trace, model.trace);
        if (model.isOver) break;
        t.deepEqual(
          root.whichChildren().map(({ id: known, state }) => `${known} ${state}`),
          model.known(),
        );
      }
      if (model.isOver) t.is((await root.ended).kind, "shutdown");
      else {
        model.stop();
        await root.stop();
      }
      await settle();
      t.deepEqual(trace, model.trace);
      t.is(clock.pending, 0);
    }),
    { numRuns: 150 },
  );
});
