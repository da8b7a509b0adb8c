/** Supervisors against the model of OTP's, on random trees under random events: the same in every respect, always. */
import test from "ava";
import fc from "fast-check";
import { IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import {
  type AutoShutdown,
  type ChildSpec,
  dynamic,
  type Restart,
  type Strategy,
  type SupervisorRef,
  type SupervisorSpec,
  supervise,
} from "../../src/supervisors/index.ts";
import { settle } from "../kit/manual-clock.ts";
import { type Gate, record, type Stage, stage } from "./kit.ts";
import { type End, type LeafSpec, Model, type ModelTree, type TreeSpec } from "./model.ts";

const WITHIN_MS = 1_000;
/** A chain of failed restarts takes a turn for each. */
const TURNS = 60;

const REASONS: Record<End, ExitReason> = {
  normal: { kind: "normal" },
  shutdown: { kind: "shutdown", why: "asked" },
  killed: { kind: "killed", why: "slow" },
  crashed: { kind: "crashed", error: new IrisError("INTERNAL", "boom") },
  lost: { kind: "lost", node: "n1" },
};

// Random trees: a shape first, then ids by place, and only significance that a supervisor accepts.

interface Shape {
  readonly restart: Restart;
  readonly significant: boolean;
  readonly below?: {
    readonly strategy: Strategy | "dynamic";
    readonly autoShutdown: AutoShutdown;
    readonly maxRestarts: number;
    readonly template: Restart;
    readonly children: readonly Shape[];
  };
}

const restarts = fc.constantFrom<Restart>("permanent", "transient", "temporary");
const shapes = fc.letrec<{ child: Shape; leaf: Shape; tree: Shape }>((tie) => ({
  child: fc.oneof({ maxDepth: 2 }, { arbitrary: tie("leaf"), weight: 3 }, { arbitrary: tie("tree"), weight: 2 }),
  leaf: fc.record({ restart: restarts, significant: fc.boolean() }),
  tree: fc.record({
    restart: restarts,
    significant: fc.boolean(),
    below: fc.record({
      strategy: fc.constantFrom("oneForOne", "oneForAll", "restForOne", "dynamic"),
      autoShutdown: fc.constantFrom("never", "anySignificant", "allSignificant"),
      maxRestarts: fc.constantFrom(0, 1, 2, 3, 6),
      template: restarts,
      children: fc.array(tie("child"), { minLength: 1, maxLength: 4 }),
    }),
  }),
}));

function specOf({ restart, significant, below }: Shape, id: string, autoShutdown: AutoShutdown): LeafSpec | TreeSpec {
  const common = { id, restart, significant: significant && autoShutdown !== "never" && restart !== "permanent" };
  if (below === undefined) return { kind: "leaf", ...common };
  const shapesBelow = below.strategy === "dynamic" ? [] : below.children;
  const children = shapesBelow.map((child, index) => specOf(child, `${id}${index}`, below.autoShutdown));
  return { kind: "tree", ...common, ...below, children };
}

// Random events. `pick` chooses among what there is when the event comes.

type Event =
  | { readonly kind: "end"; readonly pick: number; readonly how: End; readonly failures: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "terminate" | "restart" | "delete"; readonly pick: number }
  | { readonly kind: "add"; readonly pick: number; readonly restart: Restart };

const stories = fc.array(
  fc.oneof(
    {
      arbitrary: fc.record({
        kind: fc.constant("end" as const),
        pick: fc.nat(),
        how: fc.constantFrom(...(Object.keys(REASONS) as End[])),
        failures: fc.constantFrom(0, 0, 0, 1, 2),
      }),
      weight: 6,
    },
    {
      // The window's border and both sides of it, in one step or several.
      arbitrary: fc.record({
        kind: fc.constant("wait" as const),
        ms: fc.constantFrom(1, WITHIN_MS / 2, WITHIN_MS - 1, WITHIN_MS, WITHIN_MS + 1),
      }),
      weight: 2,
    },
    {
      arbitrary: fc.record({ kind: fc.constantFrom("terminate", "restart", "delete"), pick: fc.nat() }),
      weight: 2,
    },
    { arbitrary: fc.record({ kind: fc.constant("add" as const), pick: fc.nat(), restart: restarts }), weight: 1 },
  ) as fc.Arbitrary<Event>,
  { minLength: 5, maxLength: 30 },
);

/** The same tree with real supervisors, and children in the test's hands. */
class Real {
  readonly gates = new Map<string, Gate>();
  readonly #stage: Stage;

  constructor(on: Stage) {
    this.#stage = on;
  }

  spec(node: LeafSpec | TreeSpec): ChildSpec {
    const { id, restart, significant } = node;
    return node.kind === "leaf" ? this.leaf(id, { restart, significant }) : this.tree(node);
  }

  tree(node: TreeSpec): SupervisorSpec {
    const { id, restart, significant, strategy, autoShutdown, maxRestarts, template } = node;
    const options = { restart, significant, autoShutdown, intensity: { maxRestarts, withinMs: WITHIN_MS } };
    if (strategy === "dynamic") return dynamic(id, (name: string) => this.leaf(name, { restart: template }), options);
    return supervise({ name: id, strategy, children: node.children.map((child) => this.spec(child)), ...options });
  }

  leaf(id: string, options: { restart: Restart; significant?: boolean }): ChildSpec {
    const spec = this.#stage.child(id, options);
    this.gates.set(id, spec.gate);
    return spec;
  }
}

function find(root: SupervisorRef, tree: ModelTree): SupervisorRef {
  const ids = tree.path.split("/").slice(1);
  return ids.reduce((at, id) => at.whichChildren().find((child) => child.id === id)?.supervisor ?? at, root);
}

function outline(supervisor: SupervisorRef): unknown[] {
  return supervisor
    .whichChildren()
    .map(({ id, state, restarts: count, supervisor: below }) => [
      `${id} ${state}, ${count} restarts`,
      ...(below === undefined || state !== "running" ? [] : [outline(below)]),
    ]);
}

function isOfSupervisor(report: string, { children }: TreeSpec): boolean {
  return children.some(
    (child) => child.kind === "tree" && (report.endsWith(` because of ${child.id}`) || isOfSupervisor(report, child)),
  );
}

async function outcome(order: Promise<unknown>): Promise<"refused" | "failed" | "done"> {
  try {
    await order;
    return "done";
  } catch (error) {
    return IrisError.is(error, "FAILED_PRECONDITION") ? "refused" : "failed";
  }
}

test("random trees under random events behave as the model of OTP's supervisor does", async (t) => {
  const seen = { restarts: 0, supervisorRestarts: 0, failedStarts: 0, giveUps: 0, autoShutdowns: 0, roots: 0 };
  await fc.assert(
    fc.asyncProperty(shapes.tree, stories, async (shape, story) => {
      const spec = specOf(shape, "r", "never") as TreeSpec;
      const on = stage();
      const { system, clock, trace } = on;
      const real = new Real(on);
      const root = await real.tree(spec).startIn(system);
      const events = record(root.events());
      const model = new Model(spec, WITHIN_MS);
      let added = 0;
      for (const event of story) {
        if (event.kind === "wait") {
          model.wait(event.ms);
          await clock.advance(event.ms);
          continue;
        }
        if (event.kind === "add") {
          const trees = model.trees();
          const to = trees[event.pick % trees.length] as ModelTree;
          const id = `n${++added}`;
          const isDynamic = to.spec.strategy === "dynamic";
          const restart = isDynamic ? to.spec.template : event.restart;
          const where = find(root, to);
          t.true(model.add(to, { kind: "leaf", id, restart, significant: false }));
          await where.startChild(isDynamic ? { id, args: [id] } : real.leaf(id, { restart }));
        } else if (event.kind === "end") {
          const leaves = model.children().filter((one) => one.spec.kind === "leaf" && one.state === "running");
          const leaf = leaves[event.pick % Math.max(1, leaves.length)];
          if (leaf === undefined) continue;
          const gate = real.gates.get(leaf.spec.id) as Gate;
          gate.failures = event.failures;
          model.failures.set(leaf.spec.id, event.failures);
          model.end(leaf, event.how);
          gate.end(REASONS[event.how]);
        } else {
          const children = model.children();
          const one = children[event.pick % Math.max(1, children.length)];
          if (one === undefined) continue;
          const where = find(root, one.parent);
          const { id } = one.spec;
          if (event.kind === "terminate") {
            model.terminate(one);
            t.is(await outcome(where.terminateChild(id)), "done");
          } else if (event.kind === "restart") {
            const expected = model.restart(one);
            t.is(await outcome(where.restartChild(id)), expected);
          } else t.is(await outcome(where.deleteChild(id)), model.delete(one) ? "done" : "refused");
        }
        await settle(TURNS);
        t.deepEqual(trace, model.trace);
        if (model.isOver) break;
        t.deepEqual(outline(root), model.outline());
      }
      seen.roots += model.isOver ? 1 : 0;
      seen.supervisorRestarts += model.reports.filter((report) => isOfSupervisor(report, spec)).length;
      if (model.isOver) t.is((await root.ended).kind, "shutdown");
      else {
        model.stopAll();
        await root.stop();
      }
      await settle();
      t.deepEqual(trace, model.trace);
      const reports = events.all.flatMap((event) => {
        if (event.kind === "restarting") {
          return [`${event.supervisor} restarts ${event.together.join(" ")} because of ${event.child}`];
        }
        return event.kind === "gave-up" ? [`${event.supervisor} gave up over ${event.child}`] : [];
      });
      t.deepEqual(reports, model.reports);
      t.is(clock.pending, 0);
      seen.restarts += reports.length;
      seen.giveUps += reports.filter((report) => report.includes("gave up")).length;
      seen.autoShutdowns += events.all.filter((e) => e.kind === "exited" && e.decision === "shut-down").length;
      seen.failedStarts += trace.filter((entry) => entry.startsWith("x")).length;
    }),
    { numRuns: 300 },
  );
  // What was not met was not compared.
  for (const [what, times] of Object.entries(seen)) t.true(times > 5, `${what}: ${times}`);
  t.log(seen);
});
