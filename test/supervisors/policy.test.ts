import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import { dynamic, type Restart, supervise } from "../../src/supervisors/index.ts";
import {
  backoffDelayMs,
  type ChildView,
  type Decision,
  decide,
  type Flags,
  stopOrder,
  wasHealthy,
} from "../../src/supervisors/policy.ts";
import { RestartWindow } from "../../src/supervisors/restart-window.ts";
import { stage } from "./kit.ts";

/** A table of the comment on top of policy.ts: what stands in its rows and columns. */
type Grid = { readonly columns: readonly string[]; readonly rows: Readonly<Record<string, readonly string[]>> };

/** The three tables there: what is printed for people is what is tested. */
const [VERDICTS, GROUPS, AUTO_SHUTDOWNS] = gridsIn(
  readFileSync(new URL("../../src/supervisors/policy.ts", import.meta.url), "utf8"),
) as [Grid, Grid, Grid];

function gridsIn(source: string): Grid[] {
  const grids: { columns: string[]; rows: Record<string, string[]> }[] = [];
  for (const [, row, cells] of source.matchAll(/^ \*\s+(\w*)\s*\| (.+)$/gm)) {
    const words = (cells ?? "").trim().split(/\s+/);
    const grid = grids.at(-1);
    if (row === "" || row === undefined) grids.push({ columns: words, rows: {} });
    else if (grid !== undefined) grid.rows[row] = words;
  }
  return grids;
}

const REASONS: Readonly<Record<string, ExitReason>> = {
  normal: { kind: "normal" },
  shutdown: { kind: "shutdown", why: "asked" },
  killed: { kind: "killed", why: "slow" },
  crashed: { kind: "crashed", error: new IrisError("INTERNAL", "boom") },
  lost: { kind: "lost", node: "n1" },
};
const { normal: NORMAL, crashed: CRASH } = REASONS as { normal: ExitReason; crashed: ExitReason };
const FLAGS: Flags = { strategy: "oneForOne", intensity: { maxRestarts: 3, withinMs: 5_000 }, autoShutdown: "never" };
const ABC = ["a", "b", "c"] as const;

function child(id: string, more: Partial<ChildView> = {}): ChildView {
  return { id, restart: "permanent", significant: false, active: true, running: true, ...more };
}

test("the tables printed in policy.ts have a row and a column for everything there is", (t) => {
  t.deepEqual(Object.keys(VERDICTS.rows), ["permanent", "transient", "temporary"]);
  t.deepEqual(VERDICTS.columns, Object.keys(REASONS));
  t.deepEqual(Object.keys(GROUPS.rows), ["oneForOne", "oneForAll", "restForOne", "dynamic"]);
  t.deepEqual(GROUPS.columns, ABC);
  t.deepEqual(Object.keys(AUTO_SHUTDOWNS.rows), ["never", "anySignificant", "allSignificant"]);
  t.deepEqual(AUTO_SHUTDOWNS.columns, ["plain", "first", "last"]);
  for (const { columns, rows } of [VERDICTS, GROUPS, AUTO_SHUTDOWNS]) {
    for (const [row, cells] of Object.entries(rows)) t.is(cells.length, columns.length, row);
  }
});

/** What the tables say of a child of `restart` that ended for `reason` at place `at`: `cb→abc`, `leave` or `forget`. */
function expected(restart: string, reason: string, strategy: string, at: number): string {
  const verdict = VERDICTS.rows[restart]?.[VERDICTS.columns.indexOf(reason)] ?? "";
  return verdict === "restart" ? (GROUPS.rows[strategy]?.[at] ?? "") : verdict;
}

for (const restart of Object.keys(VERDICTS.rows) as Restart[]) {
  for (const strategy of Object.keys(GROUPS.rows) as Flags["strategy"][]) {
    test(`a ${restart} child under ${strategy} ends as the table says, for every reason and at every place`, async (t) => {
      for (const [kind, reason] of Object.entries(REASONS)) {
        for (const [at, id] of ABC.entries()) {
          const views = ABC.map((other) => child(other, other === id ? { restart } : {}));
          const decision = decide({ ...FLAGS, strategy }, views, id, reason, 0);
          t.is(shorthand(decision), expected(restart, kind, strategy, at), `${kind} at ${id}: decided`);
          t.is(await acted(strategy, restart, id, reason), expected(restart, kind, strategy, at), `${kind}: done`);
        }
      }
    });
  }
}

function shorthand(decision: Decision): string {
  if (decision.kind !== "restart") return decision.kind;
  return `${decision.stop.join("")}→${decision.start.join("")}`;
}

/** What a running supervisor of a, b, c does when `id`, of that restart, ends: in the words of the table. */
async function acted(strategy: Flags["strategy"], restart: Restart, id: string, reason: ExitReason): Promise<string> {
  const { system, trace, child: gated } = stage();
  const specs = ABC.map((other) => gated(other, other === id ? { restart } : {}));
  const known = new Map<string, (typeof specs)[number]>(specs.map((spec) => [spec.id, spec]));
  await using root =
    strategy === "dynamic"
      ? await dynamic("root", (which: string) => known.get(which) as (typeof specs)[number]).startIn(system)
      : await supervise({ name: "root", strategy, children: specs }).startIn(system);
  if (strategy === "dynamic") for (const which of ABC) await root.startChild({ id: which, args: [which] });
  trace.length = 0;
  await known.get(id)?.gate.finish(reason);
  const did = (mark: string) => trace.flatMap((entry) => (entry.startsWith(mark) ? [entry.slice(1)] : [])).join("");
  if (did("+") !== "") return `${did("-")}→${did("+")}`;
  // A dynamic supervisor keeps no spec of what has ended for good: there `leave` is `forget`.
  const isKept = strategy === "dynamic" ? restart === "transient" : root.whichChildren().some((info) => info.id === id);
  return isKept ? "leave" : "forget";
}

test("siblings that are no permanent children are taken along too, except that temporary ones are forgotten", (t) => {
  for (const strategy of Object.keys(GROUPS.rows) as Flags["strategy"][]) {
    for (const [at, id] of ABC.entries()) {
      const [stop = "", start = ""] = (GROUPS.rows[strategy]?.[at] ?? "").split("→");
      for (const restart of Object.keys(VERDICTS.rows) as Restart[]) {
        const views = ABC.map((other) => child(other, other === id ? {} : { restart }));
        const decision = decide({ ...FLAGS, strategy }, views, id, CRASH, 0);
        const forget = restart === "temporary" ? [...start].filter((other) => other !== id) : [];
        t.like(decision, { stop: [...stop], forget, start: [...start].filter((other) => !forget.includes(other)) });
      }
    }
  }
});

test("a child that ended for good ends its supervisor as the table says", (t) => {
  const significant = { restart: "transient", significant: true } as const;
  const gone = { active: false, running: false };
  const others: Record<string, ChildView[]> = {
    plain: [child("a", { restart: "transient" }), child("b", significant), child("c")],
    first: [child("a", significant), child("b", significant), child("c")],
    last: [child("a", significant), child("b", { ...significant, ...gone }), child("c")],
  };
  for (const [autoShutdown, cells] of Object.entries(AUTO_SHUTDOWNS.rows) as [Flags["autoShutdown"], string[]][]) {
    for (const [index, place] of AUTO_SHUTDOWNS.columns.entries()) {
      const views = others[place] ?? [];
      for (const restart of ["transient", "temporary"] as const) {
        const [ended, ...rest] = views as [ChildView, ...ChildView[]];
        const decision = decide({ ...FLAGS, autoShutdown }, [{ ...ended, restart }, ...rest], "a", NORMAL, 0);
        const first = restart === "transient" ? "leave" : "forget";
        const ends: Decision = { kind: "shut-down", first };
        t.deepEqual(decision, cells[index] === "ends" ? ends : { kind: first }, `${autoShutdown} ${place}`);
      }
    }
  }
  // One that waits for its next start has not ended for good, nor has one that is to be restarted now.
  const waiting = [child("a", significant), child("b", { ...significant, running: false })];
  t.is(decide({ ...FLAGS, autoShutdown: "allSignificant" }, waiting, "a", NORMAL, 0).kind, "leave");
  t.is(decide({ ...FLAGS, autoShutdown: "anySignificant" }, waiting, "a", CRASH, 0).kind, "restart");
});

test("siblings taken along that do not run are started too; temporary ones are stopped and forgotten", (t) => {
  const children = [
    child("a"),
    child("b", { restart: "temporary" }),
    child("c", { active: false, running: false }),
    child("d", { running: false }),
  ];
  const decision = decide({ ...FLAGS, strategy: "oneForAll" }, children, "a", CRASH, 0);
  t.deepEqual(decision, { kind: "restart", stop: ["b"], forget: ["b"], start: ["a", "c", "d"], restarts: 1 });
});

test("a temporary child's end takes nobody along", (t) => {
  const children = [child("a", { restart: "temporary" }), child("b")];
  t.is(decide({ ...FLAGS, strategy: "oneForAll" }, children, "a", CRASH, 0).kind, "forget");
});

test("more restarts than allowed within the window: it gives up; on its border it does not", (t) => {
  const children = [child("a"), child("b"), child("c")];
  const after = (restartsAt: number[], now: number) => {
    const window = new RestartWindow(FLAGS.intensity.withinMs);
    for (const at of restartsAt) window.add(at);
    return decide(FLAGS, children, "b", CRASH, window.countAt(now));
  };
  t.deepEqual(after([0, 1_000, 2_000], 5_000), { kind: "give-up", restarts: 4 });
  // The first one has left the window.
  t.is((after([0, 1_000, 2_000], 5_001) as { restarts?: number }).restarts, 3);
});

test("the window counts like a list of all restarts would, at any time", (t) => {
  fc.assert(
    fc.property(fc.nat(50), fc.array(fc.tuple(fc.nat(30), fc.boolean()), { maxLength: 100 }), (withinMs, steps) => {
      const window = new RestartWindow(withinMs);
      const all: number[] = [];
      let now = 0;
      for (const [passedMs, restarts] of steps) {
        now += passedMs;
        t.is(window.countAt(now), all.filter((at) => now - at <= withinMs).length);
        if (!restarts) continue;
        window.add(now);
        all.push(now);
      }
    }),
  );
});

test("with no restart allowed the first one is one too many", (t) => {
  const flags = { ...FLAGS, intensity: { maxRestarts: 0, withinMs: 1 } };
  t.is(decide(flags, [child("a")], "a", CRASH, 0).kind, "give-up");
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
