/** Rows, indexes and drafts: a draft reads like what it would make, and touches nothing. */
import test from "ava";
import fc from "fast-check";
import { DraftRows, Rows } from "../../../src/cluster/controller/rows.ts";

interface Row {
  readonly id: string;
  readonly group: string;
}

const make = () => new Rows<Row, "group">({ group: ({ group }) => (group === "" ? undefined : group) });

test("a draft reads as the rows would after it, and the rows stay as they are", (t) => {
  const id = fc.constantFrom("a", "b", "c", "d");
  const group = fc.constantFrom("", "x", "y");
  const step = fc.record({ id, group, isDelete: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), fc.array(step), (before, after) => {
      const [base, expected] = [make(), make()];
      const run = (rows: { put(row: Row): void; delete(id: string): void }, steps: typeof before) => {
        for (const { isDelete, ...row } of steps) isDelete ? rows.delete(row.id) : rows.put(row);
      };
      run(base, before);
      run(expected, before);
      const frozen = [...base.values()];
      const draft = new DraftRows(base);
      run(draft, after);
      run(expected, after);
      const ids = (rows: Iterable<Row>) => [...rows].map((row) => `${row.id}${row.group}`).sort();
      t.deepEqual(ids(draft.values()), ids(expected.values()));
      t.is(draft.size, expected.size);
      for (const key of ["x", "y", ""]) {
        t.deepEqual(ids(draft.by("group", key)), ids(expected.by("group", key)));
        t.is(draft.count("group", key), expected.count("group", key));
      }
      for (const key of ["a", "b", "c", "d"]) t.deepEqual(draft.get(key), expected.get(key));
      t.deepEqual([...base.values()], frozen);
      for (const [changed, row] of draft.changes()) row === undefined ? base.delete(changed) : base.put(row);
      t.deepEqual(ids(base.values()), ids(expected.values()));
      t.deepEqual(ids(base.by("group", "x")), ids(expected.by("group", "x")));
    }),
  );
});
