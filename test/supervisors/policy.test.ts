import test from "ava";
import fc from "fast-check";
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import type { Restart } from "../../src/supervisors/options.ts";
import {
  backoffDelayMs,
  type ChildView,
  type Decision,
  decide,
  type Flags,
  stopOrder,
  verdict,
  wasHealthy,
} from "../../src/supervisors/policy.ts";

const REASONS: ExitReason[] = [
  { kind: "normal" },
  { kind: "shutdown", why: "asked" },
  { kind: "killed", why: "slow" },
  { kind: "crashed", error: new IrisError("INTERNAL", "boom") },
  { kind: "lost", node: "n1" },
];
const CRASH = REASONS[3] as ExitReason;
const FLAGS: Flags = { strategy: "oneForOne", intensity: { maxRestarts: 3, withinMs: 5_000 }, autoShutdown: "never" };

/** The grid of policy.ts. */
const GRID: Record<Restart, string[]> = {
  permanent: ["restart", "restart", "restart", "restart", "restart"],
  transient: ["leave", "leave", "restart", "restart", "restart"],
  temporary: ["forget", "forget", "forget", "forget", "forget"],
};

for (const [restart, row] of Object.entries(GRID) as [Restart, string[]][]) {
  REASONS.forEach((reason, column) => {
    test(`a ${restart} child that ended ${reason.kind}: ${row[column]}`, (t) => {
      t.is(verdict(restart, reason), row[column] as never);
      t.is(decide(FLAGS, [child("a", { restart })], "a", reason, [], 0).kind, row[column] as never);
    });
  });
}

function child(id: string, more: Partial<ChildView> = {}): ChildView {
  return { id, restart: "permanent", significant: false, active: true, running: true, ...more };
}

function plan(decision: Decision): { stop: readonly string[]; start: readonly string[] } | string {
  return decision.kind === "restart" ? { stop: decision.stop, start: decision.start } : decision.kind;
}

test("a restart takes along nobody, everybody, or those started later: stopped in reverse, started in order", (t) => {
  const four = ["a", "b", "c", "d"].map((id) => child(id));
  const after = (strategy: Flags["strategy"]) => plan(decide({ ...FLAGS, strategy }, four, "b", CRASH, [], 0));
  t.deepEqual(after("oneForOne"), { stop: [], start: ["b"] });
  t.deepEqual(after("dynamic"), { stop: [], start: ["b"] });
  t.deepEqual(after("oneForAll"), { stop: ["d", "c", "a"], start: ["a", "b", "c", "d"] });
  t.deepEqual(after("restForOne"), { stop: ["d", "c"], start: ["b", "c", "d"] });
});

test("siblings taken along that do not run are started too; temporary ones are stopped and forgotten", (t) => {
  const children = [
    child("a"),
    child("b", { restart: "temporary" }),
    child("c", { active: false, running: false }),
    child("d", { running: false }),
  ];
  const decision = decide({ ...FLAGS, strategy: "oneForAll" }, children, "a", CRASH, [], 0);
  t.deepEqual(decision, { kind: "restart", stop: ["b"], forget: ["b"], start: ["a", "c", "d"], restartsAt: [0] });
});

test("a temporary child's end takes nobody along", (t) => {
  const children = [child("a", { restart: "temporary" }), child("b")];
  t.is(decide({ ...FLAGS, strategy: "oneForAll" }, children, "a", CRASH, [], 0).kind, "forget");
});

test("more restarts than allowed within the window: it gives up and stops all, in reverse", (t) => {
  const children = [child("a"), child("b"), child("c")];
  const at = (restartsAt: number[], now: number) => decide(FLAGS, children, "b", CRASH, restartsAt, now);
  t.deepEqual(at([0, 1_000, 2_000], 5_000), { kind: "give-up", stop: ["c", "a"], restarts: 4 });
  // The first one has left the window.
  t.deepEqual((at([0, 1_000, 2_000], 5_001) as { restartsAt?: readonly number[] }).restartsAt, [1_000, 2_000, 5_001]);
});

test("with no restart allowed the first one is one too many", (t) => {
  const flags = { ...FLAGS, intensity: { maxRestarts: 0, withinMs: 1 } };
  t.is(decide(flags, [child("a")], "a", CRASH, [], 0).kind, "give-up");
});

test("a significant child's end for good ends the supervisor: the first, the last, or never", (t) => {
  const significant = { restart: "transient", significant: true } as const;
  const children = [child("a", significant), child("b", significant), child("c")];
  const [normal] = REASONS as [ExitReason];
  const after = (autoShutdown: Flags["autoShutdown"], views: ChildView[]) =>
    decide({ ...FLAGS, autoShutdown }, views, "a", normal, [], 0);
  t.is(after("never", children).kind, "leave");
  t.deepEqual(after("anySignificant", children), { kind: "shut-down", stop: ["c", "b"] });
  t.is(after("allSignificant", children).kind, "leave");
  const lastOne = children.map((view) => (view.id === "b" ? { ...view, active: false, running: false } : view));
  t.deepEqual(after("allSignificant", lastOne), { kind: "shut-down", stop: ["c"] });
  // One that is to be restarted has not ended for good.
  t.is(decide({ ...FLAGS, autoShutdown: "anySignificant" }, children, "a", CRASH, [], 0).kind, "restart");
});

test("nobody is asked to stop who does not run", (t) => {
  t.deepEqual(stopOrder([child("a"), child("b", { running: false }), child("c")]), ["c", "a"]);
});

test("the pause doubles from minMs to maxMs, and jitter only shortens it", (t) => {
  const backoff = { minMs: 100, maxMs: 1_000, jitter: 0 };
  t.deepEqual(
    [0, 1, 2, 3, 4, 5_000].map((streak) => backoffDelayMs(backoff, streak, 0.5)),
    [100, 200, 400, 800, 1_000, 1_000],
  );
  t.is(backoffDelayMs(undefined, 3, 0.5), 0);
  t.is(backoffDelayMs({ minMs: 0, maxMs: 0 }, 5_000, 0.5), 0);
  fc.assert(
    fc.property(
      fc.nat(1_000),
      fc.nat(10_000),
      fc.nat(60),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (min, more, streak, chance) => {
        const ms = backoffDelayMs({ minMs: min, maxMs: min + more }, streak, chance);
        return ms >= min * 0.8 - 1e-9 && ms <= min + more;
      },
    ),
  );
});

test("a child that ran for long enough is healthy again", (t) => {
  t.false(wasHealthy(undefined, 1e9));
  t.false(wasHealthy({ minMs: 1, maxMs: 100 }, 99));
  t.true(wasHealthy({ minMs: 1, maxMs: 100 }, 100));
  t.true(wasHealthy({ minMs: 1, maxMs: 100, resetAfterMs: 10 }, 10));
});
