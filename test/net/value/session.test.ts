/** Sessions of values: keys are said until they are known, and whatever is lost, what comes after it can be read. */
import test from "ava";
import fc from "fast-check";
import { decodeValue, encodeValue, ValueSession } from "../../../src/net/value/index.ts";

const record = (id: number) => ({ identifier: id, description: `number ${id}` });
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** Two ends that have exchanged records until both know their keys. */
function acquainted(): [ValueSession, ValueSession] {
  const [a, b] = [new ValueSession(), new ValueSession()];
  for (let i = 0; i < 12; i++) {
    b.decode(a.encode(record(i)));
    a.decode(b.encode(record(i)));
  }
  return [a, b];
}

test("keys that the other end knows are not sent any more", (t) => {
  const [a, b] = acquainted();
  const bytes = a.encode([record(1), record(2)]);
  t.false(Buffer.from(bytes).includes("identifier"));
  t.true(bytes.length < encodeValue([record(1), record(2)]).length - 20);
  t.deepEqual(b.decode(bytes), [record(1), record(2)]);
});

test("keys are sent as long as the other end has not said that it knows them", (t) => {
  const [a, b] = [new ValueSession(), new ValueSession()];
  for (let i = 0; i < 50; i++) {
    const bytes = a.encode(record(i));
    t.true(Buffer.from(bytes).includes("identifier"));
    t.deepEqual(b.decode(bytes), record(i));
  }
});

test("the bytes of a session are what they have always been", (t) => {
  const [a, b] = [new ValueSession(), new ValueSession()];
  const next = () => Buffer.from(a.encode({ golden: 1 })).toString("hex");
  const keys = "01 07 06 676f6c64656e".replaceAll(" ", "");
  for (let i = 0; i < 4; i++) t.is(next(), `0112${keys}81`);
  const taught = next();
  t.is(taught, `011e00${keys}81`);
  t.deepEqual(b.decode(hex(taught)), { golden: 1 });
  const answer = b.encode(null);
  t.is(Buffer.from(answer).toString("hex"), "02010001");
  t.is(a.decode(answer), null);
  t.is(next(), "011f0081");
  t.is(Buffer.from(b.encode(null)).toString("hex"), "0101", "it is said once");
});

test("a session is of use to its own two ends only, and reads what was encoded for nobody in particular", (t) => {
  const [a, b] = acquainted();
  const bytes = a.encode(record(1));
  t.throws(() => decodeValue(bytes), { code: "PROTOCOL_ERROR" });
  t.throws(() => new ValueSession().decode(bytes), { code: "PROTOCOL_ERROR" });
  t.deepEqual(b.decode(encodeValue(record(1))), record(1));
});

test("objects of one kind may be shared and nested in a session as outside of one", (t) => {
  const [a, b] = acquainted();
  const one = record(1);
  const sent = { one, again: one, all: [one, record(2)], __proto__: null, long: new Float64Array(1_000).fill(1.5) };
  const arrived = b.decode(Buffer.concat(a.encodePieces(sent)), "value") as typeof sent;
  t.deepEqual(arrived, sent);
  t.is(arrived.one, arrived.again);
  t.is(arrived.all[0], arrived.one);
});

test("a value that cannot be sent costs the session nothing", (t) => {
  const [a, b] = [new ValueSession(), new ValueSession()];
  for (let i = 0; i < 20; i++) {
    t.throws(() => a.encode([record(i), () => i]), { code: "NOT_SHIPPABLE" });
    t.deepEqual(b.decode(a.encode(record(i))), record(i));
    t.throws(() => b.encode([record(i), () => i]), { code: "NOT_SHIPPABLE" });
    t.deepEqual(a.decode(b.encode(record(i))), record(i));
  }
  t.false(Buffer.from(a.encode(record(1))).includes("identifier"));
});

test("more kinds of objects than a session learns are sent with their keys", (t) => {
  const [a, b] = [new ValueSession(), new ValueSession()];
  for (let i = 0; i < 600; i++) {
    for (let again = 0; again < 6; again++) {
      const sent = { [`kind ${i}`]: again };
      t.deepEqual(b.decode(a.encode(sent)), sent);
      t.deepEqual(a.decode(b.encode(again)), again);
    }
  }
});

const HOSTILE: [what: string, bytes: string][] = [
  ["a shape that was not learned", "01 1f 00"],
  ["a number beyond the limit", "01 1e 8002 01 02 0161 81"],
  ["one number for two shapes", "01 10 02 1e 00 01 02 0161 81 1e 00 01 02 0162 81"],
  ["knowledge of what was not taught", "02 01 05 00"],
  ["more knowledge than there are bytes", "02 ffffffff0f 00"],
  ["an unknown format", "03 00"],
];

for (const [what, bytes] of HOSTILE) {
  test(`a session refuses with PROTOCOL_ERROR: ${what}`, (t) => {
    t.throws(() => new ValueSession().decode(hex(bytes)), { code: "PROTOCOL_ERROR" });
  });
}

/** What happens to the messages of one end: each is delivered at some later point, perhaps twice, or never. */
const STEP = fc.record({
  fromA: fc.boolean(),
  kind: fc.nat(5),
  fate: fc.constantFrom("now", "later", "lost", "twice"),
});

test("whatever is lost, repeated or late, every message that arrives is read as it was sent", (t) => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 120 }), (steps) => {
      const ends = [new ValueSession(), new ValueSession()] as const;
      const late: (() => void)[] = [];
      for (const [i, { fromA, kind, fate }] of steps.entries()) {
        const [from, to] = fromA ? [ends[0], ends[1]] : [ends[1], ends[0]];
        const sent = [{ [`k${kind}`]: i, of: { kind } }, { kind }];
        const bytes = from.encode(sent);
        const deliver = () => t.deepEqual(to.decode(bytes), sent);
        if (fate === "now" || fate === "twice") deliver();
        if (fate === "later" || fate === "twice") late.unshift(deliver);
      }
      for (const deliver of late) deliver();
    }),
    { numRuns: 150 },
  );
});
