/** The bytes themselves: they are read by other versions, so they never change; and whatever else comes is refused. */
import test from "ava";
import fc from "fast-check";
import { decodeValue, encodeValue, ValueSession } from "../../../src/net/value/index.ts";
import { IrisError } from "../../../src/runtime/errors.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

const GOLDEN: [value: unknown, bytes: string][] = [
  [undefined, "01 00"],
  [null, "01 01"],
  [false, "01 02"],
  [true, "01 03"],
  [5, "01 85"],
  [127, "01 ff"],
  [128, "01 04 8002"],
  [-1, "01 04 01"],
  [-(2 ** 31), "01 04 ffffffff0f"],
  [1.5, "01 05 000000000000f83f"],
  [-0, "01 05 0000000000000080"],
  ["hé", "01 42 68e9"],
  ["日", "01 06 03 e697a5"],
  ["x".repeat(64), `01 0b c000 ${"78".repeat(64)}`],
  ["x".repeat(1_024), `01 0b 8008 ${"78".repeat(1_024)}`],
  ["日".repeat(64), `01 06 c001 ${"e697a5".repeat(64)}`],
  ["\ud800", "01 07 02 00d8"],
  [-258n, "01 08 01 02 0201"],
  [0n, "01 08 00 01 00"],
  [Symbol.for("k"), "01 09 41 6b"],
  [[1, [2]], "01 10 02 81 10 01 82"],
  // biome-ignore lint/suspicious/noSparseArray: holes have bytes of their own
  [[, 7], "01 11 02 81 87 18"],
  [{ a: 1 }, "01 12 01 02 0161 81"],
  [[{ a: 1 }, { a: 2 }], "01 10 02 12 01 02 0161 81 13 00 82"],
  [Object.assign(Object.create(null), { a: 1 }), "01 15 01 41 61 81"],
  [new Map([[1, 2]]), "01 16 81 82 18"],
  [new Set([1]), "01 17 81 18"],
  [new Date(1), "01 19 000000000000f03f"],
  [/a/g, "01 1a 41 61 41 67"],
  [new URL("a:b"), "01 1c 43 613a62"],
  [new Uint8Array([1, 2]), "01 1d 01 02 0102"],
  [new Float64Array([1]), "01 1d 08 08 000000000000f03f"],
  [new Uint8Array([9]).buffer, "01 1d 0e 01 09"],
  [Buffer.from("a"), "01 1d 0d 01 61"],
  [new Uint8Array(4_096).fill(1), `01 1d 01 8020 000000 ${"01".repeat(4_096)}`],
];

test("the bytes of each kind of value are what they have always been", (t) => {
  for (const [value, bytes] of GOLDEN) t.is(hex(encodeValue(value)), bytes.replaceAll(" ", ""));
  const self: unknown[] = [];
  self.push(self);
  t.is(hex(encodeValue(self)), "0110010a00");
  const error = new TypeError("m");
  error.stack = "s";
  t.is(hex(encodeValue(error)), "011b0505416d417300");
});

test("bytes that were written once are read for ever", (t) => {
  for (const [value, bytes] of GOLDEN) t.deepEqual(decodeValue(unhex(bytes)), value);
});

const MALFORMED: [what: string, bytes: string][] = [
  ["nothing", ""],
  ["no value", "01"],
  ["another format", "02 00"],
  ["more than one value", "01 00 00"],
  ["a tag kept for code", "01 30"],
  ["an unknown tag", "01 3f"],
  ["an end of nothing", "01 18"],
  ["a number cut short", "01 05 0000"],
  ["a varint without end", "01 04 ffffffffffff"],
  ["a varint beyond 32 bits", "01 04 ffffffff7f"],
  ["a string longer than the message", "01 06 ff01 61"],
  ["a string that is not UTF-8", "01 06 02 c328"],
  ["half a UTF-16 unit", "01 07 01 00"],
  ["a BigInt of a third sign", "01 08 02 01 01"],
  ["an array longer than the message", "01 10 ffffffff0f"],
  ["a reference ahead", "01 0a 00"],
  ["an index beyond its array", "01 11 02 85 01 18"],
  ["an index that is no number", "01 11 02 41 61 01 18"],
  ["a shape never taught", "01 13 00"],
  ["a shape with one key twice", "01 12 02 04 0161 0161 81 82"],
  ["a shape shorter than its keys", "01 12 02 02 0161 81 82"],
  ["a shape of too many keys", "01 12 31 31 00"],
  ["a dictionary longer than the message", "01 14 ffff03"],
  ["a key that is no string", "01 14 01 81 81"],
  ["a map without end", "01 16 81 82"],
  ["a regular expression that does not parse", "01 1a 41 28 40"],
  ["flags that do not exist", "01 1a 41 61 41 71"],
  ["a URL that is none", "01 1c 41 61"],
  ["bytes of no known kind", "01 1d 7f 00"],
  ["half an element", "01 1d 08 04 00000000"],
  ["long bytes that are not aligned", `01 1d 01 8020 000100 ${"01".repeat(4_096)}`],
  ["long bytes without what aligns them", "01 1d 01 8020 0000"],
  ["what a session has learned, where there is none", "02 00 00"],
  ["a shape for a session, where there is none", "01 1e 00 01 02 0161 81"],
  ["a shape of a session, where there is none", "01 1f 00"],
  ["an error of no known kind", "01 1b 7f 00 00"],
  ["an IrisError without a code", "01 1b 08 00 00"],
];

for (const [what, bytes] of MALFORMED) {
  test(`is refused with PROTOCOL_ERROR: ${what}`, (t) => {
    t.throws(() => decodeValue(unhex(bytes)), { instanceOf: IrisError, code: "PROTOCOL_ERROR" });
  });
}

/** Decodes what may be anything, in each way there is: a value, or `PROTOCOL_ERROR`; any other failure passes. */
function attempt(bytes: Uint8Array): void {
  const session = new ValueSession();
  const ways = [() => decodeValue(bytes), () => decodeValue(bytes, "value"), () => session.decode(bytes)];
  for (const decode of ways) {
    try {
      decode();
    } catch (error) {
      if (!IrisError.is(error, "PROTOCOL_ERROR")) throw error;
    }
  }
}

const VALUE = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
  withUnicodeString: true,
  maxDepth: 4,
});

test("any graph of plain data arrives as it was sent", (t) => {
  fc.assert(
    fc.property(VALUE, (value) => {
      t.deepEqual(decodeValue(encodeValue(value)), value);
    }),
    { numRuns: 400 },
  );
});

test("graphs with shared nodes and cycles keep their form", (t) => {
  const links = fc.array(fc.tuple(fc.nat(19), fc.nat(19)), { maxLength: 60 });
  fc.assert(
    fc.property(links, (pairs) => {
      const nodes: Set<unknown>[] = Array.from({ length: 20 }, () => new Set());
      for (const [from, to] of pairs) nodes[from]?.add(nodes[to]);
      let arrived: Set<unknown>[];
      try {
        arrived = decodeValue(encodeValue(nodes)) as Set<unknown>[];
      } catch (error) {
        return IrisError.is(error, "NOT_SHIPPABLE"); // deeper than allowed
      }
      const shape = (graph: Set<unknown>[]) =>
        graph.map((node) => [...node].map((next) => graph.indexOf(next as never)));
      t.deepEqual(shape(arrived), shape(nodes));
      return true;
    }),
    { numRuns: 200 },
  );
});

test("arbitrary bytes give a value or PROTOCOL_ERROR, nothing else", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      attempt(bytes);
      attempt(new Uint8Array([1, ...bytes]));
      attempt(new Uint8Array([2, 0, ...bytes]));
    }),
    { numRuns: 3_000 },
  );
  t.pass();
});

test("valid bytes, changed, cut or grown, give a value or PROTOCOL_ERROR, nothing else", (t) => {
  const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(VALUE, change, fc.nat(), (value, changes, cut) => {
      const bytes = encodeValue(value);
      for (const [at, byte] of changes) bytes[1 + (at % Math.max(1, bytes.length - 1))] = byte;
      attempt(bytes);
      attempt(bytes.subarray(0, cut % (bytes.length + 1)));
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test("a message that announces much and brings little allocates little", (t) => {
  const before = process.memoryUsage().rss;
  const claims = [
    "01 10 ffffffff0f",
    "01 1d 01 ffffffff0f",
    "01 06 ffffffff0f",
    "01 11 ffffffff0f 18",
    "01 14 ffffffff0f",
  ];
  for (let i = 0; i < 200; i++) for (const claim of claims) attempt(unhex(claim));
  t.true(process.memoryUsage().rss - before < 100_000_000);
});
