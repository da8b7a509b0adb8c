import test from "ava";
import fc from "fast-check";
import { CASES, GOALS } from "../../benchmarks/rpc/cases.ts";
import { chart } from "../../benchmarks/rpc/chart.ts";
import { Batch, FrameReader } from "../../benchmarks/rpc/frames.ts";
import { mediansOf } from "../../benchmarks/rpc/metrics.ts";
import { comparison, figures, goals } from "../../benchmarks/rpc/report.ts";
import { WHO } from "../../benchmarks/rpc/who.ts";

test("cases and goals name subjects, cases and each other as they are", (t) => {
  const [subjects, cases] = [new Set(WHO.map(({ id }) => id)), new Set(CASES.map(({ id }) => id))];
  t.is(cases.size, CASES.length);
  t.is(subjects.size, WHO.length);
  for (const one of CASES) for (const id of [...(one.who ?? []), ...(one.quick ?? [])]) t.true(subjects.has(id), id);
  for (const goal of GOALS) {
    t.true(cases.has(goal.caseId) && (goal.peerCase === undefined || cases.has(goal.peerCase)), goal.caseId);
    t.true(goal.peer === undefined || subjects.has(goal.peer), goal.peer);
    t.not(goal.atLeast === undefined, goal.atMost === undefined, "one bound each");
    const one = CASES.find(({ id }) => id === goal.caseId);
    if (goal.peer !== undefined && goal.peerCase === undefined && one?.who !== undefined) {
      t.true(one.who.includes(goal.peer), `${goal.peer} has no ${goal.caseId}`);
    }
  }
});

test("frames come out as they went in, however they are cut", (t) => {
  const messages = fc.array(fc.tuple(fc.nat(0xffffffff), fc.uint8Array({ maxLength: 50 })), { minLength: 1 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const batch = new Batch();
      for (const [index, [slot, payload]] of sent.entries()) t.is(batch.add(slot, payload), index === 0);
      const all = batch.take();
      const got: [number, Uint8Array][] = [];
      const reader = new FrameReader((slot, payload) => got.push([slot, new Uint8Array(payload)]));
      for (let at = 0, turn = 0; at < all.length; turn++) {
        const length = cuts[turn % cuts.length] ?? 1;
        reader.push(all.subarray(at, at + length));
        at += length;
      }
      t.deepEqual(got, sent);
    }),
    { numRuns: 200 },
  );
});

const sample = (caseId: string, subject: string, perSecond: number) => ({ caseId, subject, metrics: { perSecond } });

test("the median of the rounds counts, and a goal is judged by ratios in one run", (t) => {
  const medians = mediansOf([
    ...[10, 900, 100].map((perSecond) => sample("small-1", "iris", perSecond)),
    ...[99, 101].map((perSecond) => sample("small-1", "ws", perSecond)),
    sample("kb64-64", "iris", 50),
    sample("kb64-64", "ws", 100),
  ]);
  t.like(medians, { "small-1": { iris: { perSecond: 100 }, ws: { perSecond: 100 } } });
  const [, , one, other] = goals(medians).split("\n");
  t.regex(one ?? "", /small, 1: per second +\| ≥ 0.95 × ws +\| 1.00 × ws +\| reached/);
  t.regex(other ?? "", /64 KiB, 64: per second +\| ≥ 1.00 × ws +\| 0.50 × ws +\| NOT REACHED/);
  t.regex(figures(medians), /raw ws, one message each +\| 100 \(1.00 ×\) +\| 100 \(0.50 ×\)/);
});

test("an earlier run is compared by itself and by what was beside it", (t) => {
  const run = (iris: number, ws: number) => mediansOf([sample("small-1", "iris", iris), sample("small-1", "ws", ws)]);
  const [, , itself, beside] = comparison(run(300, 200), run(100, 100)).split("\n");
  t.regex(itself ?? "", /itself +\| 100 +\| 300 +\| 3.00 ×/);
  t.regex(beside ?? "", /× ws +\| 1.00 × +\| 1.50 × +\| 1.50 ×/);
});

test("the chart has a bar for each figure, the longest for the most", (t) => {
  const svg = chart(mediansOf([sample("small-1", "iris", 200), sample("small-1", "ws", 100)]));
  const widths = [...svg.matchAll(/<rect class="(\w+)".*? width="(\d+)"/g)].map(([, kind, width]) => [
    kind,
    Number(width),
  ]);
  t.deepEqual(widths, [
    ["iris", 550],
    ["floor", 275],
  ]);
});
