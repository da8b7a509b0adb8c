import test from "ava";
import fc from "fast-check";
import { Deadlines } from "../../src/net/deadlines.ts";
import { ManualClock } from "../kit/manual-clock.ts";

function make() {
  const clock = new ManualClock(0);
  const live = new Map<number, number>();
  const expired: { key: number; at: number }[] = [];
  const deadlines = new Deadlines(clock, {
    deadlineOf: (key) => live.get(key),
    expire(key) {
      live.delete(key);
      deadlines.ended();
      expired.push({ key, at: clock.now() });
    },
  });
  return {
    clock,
    live,
    expired,
    deadlines,
    add(key: number, deadlineAt: number) {
      live.set(key, deadlineAt);
      deadlines.add(key, deadlineAt);
    },
    end(key: number) {
      if (live.delete(key)) deadlines.ended();
    },
  };
}

test("each call expires at its deadline, in order, unless it ended before; on one timer", async (t) => {
  const call = fc.record({ deadlineAt: fc.integer({ min: 1, max: 100 }), endsAt: fc.integer({ min: 1, max: 100 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const self = make();
      for (const [key, { deadlineAt }] of calls.entries()) self.add(key + 1, deadlineAt);
      for (let now = 1; now <= 100; now++) {
        for (const [key, { endsAt }] of calls.entries()) if (endsAt === now) self.end(key + 1);
        t.true(self.clock.pending <= 1);
        await self.clock.advance(1);
      }
      const expected = calls
        .map(({ deadlineAt, endsAt }, key) => ({ key: key + 1, at: deadlineAt, endsAt }))
        .filter(({ at, endsAt }) => endsAt > at)
        .map(({ key, at }) => ({ key, at }));
      const sorted = (all: { key: number; at: number }[]) => all.toSorted((a, b) => a.at - b.at || a.key - b.key);
      t.deepEqual(sorted(self.expired), sorted(expected));
      t.deepEqual(
        self.expired.map(({ at }) => at),
        sorted(expected).map(({ at }) => at),
      );
    }),
    { numRuns: 10 },
  );
});

test("calls that ended are swept, and those under way among them still expire", async (t) => {
  const self = make();
  self.add(1, 500);
  for (let key = 2; key < 20_000; key++) {
    self.add(key, 1_000_000 - key);
    self.end(key);
  }
  self.add(20_000, 400);
  await self.clock.advance(1_000);
  t.deepEqual(self.expired, [
    { key: 20_000, at: 400 },
    { key: 1, at: 500 },
  ]);
});

test("a deadline beyond what a timer can wait is waited for in turns", async (t) => {
  const self = make();
  self.add(1, 5_000_000_000);
  await self.clock.advance(4_999_999_999);
  t.is(self.expired.length, 0);
  await self.clock.advance(1);
  t.deepEqual(self.expired, [{ key: 1, at: 5_000_000_000 }]);
});

test("a key that is used again has the deadline of its new call", async (t) => {
  const self = make();
  self.add(1, 100);
  self.add(2, 1_000);
  self.end(1);
  self.add(1, 200);
  await self.clock.advance(150);
  t.deepEqual(self.expired, []);
  await self.clock.advance(50);
  t.deepEqual(self.expired, [{ key: 1, at: 200 }]);
});

test("closed, it leaves no timer", (t) => {
  const self = make();
  self.add(1, 100);
  t.is(self.clock.pending, 1);
  self.end(1);
  self.deadlines.close();
  t.is(self.clock.pending, 0);
});
