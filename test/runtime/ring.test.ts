import test from "ava";
import fc from "fast-check";
import { Ring } from "../../src/runtime/ring.ts";

test("a ring gives back what was pushed, in order, through growth, bursts and trims", (t) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ push: fc.oneof(fc.nat(20), fc.nat(3_000)) }) },
    { weight: 4, arbitrary: fc.record({ shift: fc.oneof(fc.nat(20), fc.nat(3_000)) }) },
    { weight: 2, arbitrary: fc.constant("trim" as const) },
    { weight: 1, arbitrary: fc.constant("empty" as const) },
    { weight: 1, arbitrary: fc.constant("keep the even" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const ring = new Ring<number>();
      let model: number[] = [];
      let next = 0;
      const take = (count: number) => {
        const taken = Array.from({ length: count }, () => ring.shift());
        t.deepEqual(
          taken,
          Array.from(taken, () => model.shift()),
        );
      };
      for (const what of steps) {
        if (what === "trim") ring.trim();
        else if (what === "empty") take(model.length + 1);
        else if (what === "keep the even") {
          ring.keep((item) => item % 2 === 0);
          model = model.filter((item) => item % 2 === 0);
        } else if ("shift" in what) take(what.shift);
        else {
          for (let count = what.push; count > 0; count--) {
            model.push(next);
            ring.push(next++);
          }
        }
        t.is(ring.size, model.length);
        t.is(ring.first, model[0]);
      }
    }),
    { numRuns: 60 },
  );
});

test("an empty ring that has seen a burst goes on as before after giving the room back", (t) => {
  const ring = new Ring<number>();
  for (let round = 0; round < 3; round++) {
    for (let item = 0; item < 2_000; item++) ring.push(item);
    for (let item = 0; item < 1_999; item++) t.is(ring.shift(), item);
    ring.trim();
    t.is(ring.shift(), 1_999);
    ring.trim();
    ring.push(7);
    t.is(ring.shift(), 7);
    t.is(ring.shift(), undefined);
  }
});
