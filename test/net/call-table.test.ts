import test from "ava";
import fc from "fast-check";
import { CallTable } from "../../src/net/call-table.ts";

test("it is a map by id, whatever the ids", (t) => {
  const id = fc.oneof(
    fc.nat(40),
    fc.nat(40).map((n) => n * 16),
    fc.integer({ min: 1, max: 0xffff_ffff }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(id, fc.boolean()), { maxLength: 300 }), (steps) => {
      const table = new CallTable<{ id: number }>();
      const model = new Map<number, { id: number }>();
      for (const [id, adds] of steps) {
        if (adds && !model.has(id)) {
          const entry = { id };
          table.add(entry);
          model.set(id, entry);
        } else if (!adds) {
          t.is(table.delete(id), model.delete(id));
        }
        t.is(table.get(id), model.get(id));
        t.is(table.size, model.size);
      }
      const byId = (a: { id: number }, b: { id: number }) => a.id - b.id;
      t.deepEqual(table.values().sort(byId), [...model.values()].sort(byId));
      for (const [id, entry] of model) t.is(table.get(id), entry);
    }),
  );
});
