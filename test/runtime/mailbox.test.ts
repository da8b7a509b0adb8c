import test from "ava";
import fc from "fast-check";
import { type ControlLane, Mailbox } from "../../src/runtime/mailbox.ts";

interface Letter {
  readonly id: number;
  isSettled: boolean;
}

const letter = (id: number): Letter => ({ id, isSettled: false });

test("the user lane is first in, first out, and holds at most its capacity, whatever comes and goes", (t) => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant("offer" as const) },
    { weight: 3, arbitrary: fc.constant("take" as const) },
    { weight: 2, arbitrary: fc.nat() },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 200 }), (capacity, steps) => {
      const mailbox = new Mailbox<Letter, never>(capacity);
      let model: Letter[] = [];
      let next = 0;
      for (const what of steps) {
        if (what === "offer") {
          const one = letter(next++);
          const accepted = mailbox.offer(one);
          t.is(accepted, model.length < capacity);
          if (accepted) model.push(one);
        } else if (what === "take") {
          t.is(mailbox.takeUser(), model.shift());
        } else if (model.length > 0) {
          // One that waits is cancelled: its place is free from then on.
          const cancelled = model[what % model.length] as Letter;
          cancelled.isSettled = true;
          mailbox.settledInQueue();
          model = model.filter((kept) => kept !== cancelled);
        }
        t.is(mailbox.depth, model.length);
      }
      for (const left of model) t.is(mailbox.takeUser(), left);
      t.is(mailbox.takeUser(), undefined);
    }),
  );
});

test("control messages come out kill first, then stop, then supervision, each lane in order, and are never refused", (t) => {
  const lane = fc.constantFrom<ControlLane>("kill", "stop", "supervision");
  fc.assert(
    fc.property(fc.array(lane, { maxLength: 50 }), (lanes) => {
      const mailbox = new Mailbox<Letter, string>(1);
      lanes.forEach((at, index) => {
        mailbox.command(at, `${at} ${index}`);
      });
      const expected = ["kill", "stop", "supervision"].flatMap((at) =>
        lanes.flatMap((of, index) => (of === at ? [`${of} ${index}`] : [])),
      );
      const taken: string[] = [];
      for (let one = mailbox.takeControl(); one !== undefined; one = mailbox.takeControl()) taken.push(one);
      t.deepEqual(taken, expected);
      t.false(mailbox.hasControl);
    }),
  );
});

test("a full user lane does not keep control messages out, and a kill or stop that waits shows", (t) => {
  const mailbox = new Mailbox<Letter, string>(1);
  t.true(mailbox.offer(letter(1)));
  t.false(mailbox.offer(letter(2)));
  mailbox.command("supervision", "started");
  t.false(mailbox.isEnding);
  mailbox.command("stop", "stop");
  t.true(mailbox.isEnding);
  t.is(mailbox.takeControl(), "stop");
  t.is(mailbox.takeControl(), "started");
});
