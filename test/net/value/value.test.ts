import { deepStrictEqual } from "node:assert";
import { EventEmitter } from "node:events";
import vm from "node:vm";
import test from "ava";
import { decodeValue, encodeValue, encodeValuePieces } from "../../../src/net/value/index.ts";
import { IrisError } from "../../../src/runtime/errors.ts";

function passed<T>(value: T): T {
  return decodeValue(encodeValue(value)) as T;
}

function refusalOf(value: unknown): string {
  try {
    encodeValue(value);
  } catch (error) {
    if (IrisError.is(error, "NOT_SHIPPABLE")) return error.message;
    throw error;
  }
  return "sent";
}

const PLAIN: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  booleans: [true, false],
  "the number −0": -0,
  NaN: Number.NaN,
  infinities: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  "small integers": [0, 1, 127, 128, 129, -1, -128],
  "integers at the edges of 32 bits": [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32],
  "large integers and fractions": [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0.1, 5e-324, Number.MAX_VALUE],
  "strings of every width": [
    "",
    "a",
    "é",
    "日本",
    "😀",
    "x".repeat(63),
    "x".repeat(64),
    "é".repeat(40),
    "日".repeat(9_000),
  ],
  "a string with a lone surrogate": ["a\ud800b", "a\ud800b".repeat(20), "a\ud800b".repeat(2_000)],
  "strings of every length, in every alphabet": Array.from({ length: 1_500 }, (_, length) =>
    ["a", "é", "日", "a😀"].map((letters) => letters.repeat(length % 150 === 0 ? length * 7 : length % 150)),
  ),
  "text that holds the replacement character": ["\ufffd", "日\ufffd".repeat(40)],
  "short strings far apart": ["first text", "x".repeat(5_000), "second text", new Uint8Array(600), "third text"],
  BigInts: [0n, 1n, -1n, 255n, 256n, -(2n ** 64n), 3n ** 500n],
  dates: [new Date(0), new Date(-1), new Date(Number.NaN)],
  "regular expressions": [/a\/b/giu, /[\/]/v, /(?:)/],
  maps: new Map<unknown, unknown>([
    ["a", 1],
    [{ k: 1 }, new Map()],
    [Number.NaN, null],
  ]),
  sets: new Set([1, "a", new Set([undefined])]),
  "empty containers": [{}, [], new Map(), new Set(), Object.create(null)],
  "an array buffer": new Uint8Array([1, 2, 3]).buffer,
  "a data view": new DataView(new Uint8Array([1, 2, 3]).buffer),
  "a url": new URL("https://user@example.org:81/a?b=c#d"),
  "a symbol of the registry": [Symbol.for("iris"), Symbol.for("")],
  "a null prototype": Object.assign(Object.create(null), { a: 1 }),
  "a key called __proto__": JSON.parse('{"a":1,"__proto__":{"polluted":true}}'),
  "keys that are odd": { "": 1, "a b": 2, 3: 3, "\ud800": 4, ["k".repeat(3_000)]: 5 },
  "an object with many keys": Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, i])),
  "records of one shape": Array.from({ length: 40 }, (_, id) => ({ id, name: `n${id}` })),
};

for (const [name, value] of Object.entries(PLAIN)) {
  test(`arrives as it was sent: ${name}`, (t) => {
    deepStrictEqual(passed(value), value);
    t.pass();
  });
}

for (const View of [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  ...(typeof Float16Array === "undefined" ? [] : [Float16Array]),
]) {
  test(`a typed array arrives as what it is, long or short: ${View.name}`, (t) => {
    const bytes = new Uint8Array(8_192).map((_, i) => i % 100);
    const long = new View(bytes.buffer);
    const part = new View(bytes.buffer, 16, 2);
    t.deepEqual(passed(long), long);
    t.deepEqual(passed(part), part);
    t.is(passed(part).buffer.byteLength, 2 * View.BYTES_PER_ELEMENT, "only what it shows is sent");
  });
}

test("a Buffer arrives as a Buffer, without the pool that it is cut from", (t) => {
  const arrived = passed(Buffer.from("hello"));
  t.true(Buffer.isBuffer(arrived));
  t.is(arrived.toString(), "hello");
  t.is(arrived.buffer.byteLength, 5);
});

test("what arrives shares no bytes with the message", (t) => {
  const message = encodeValue([new Uint8Array([1, 2, 3]), new Uint8Array(5_000).fill(7)]);
  const [short, long] = decodeValue(message) as [Uint8Array, Uint8Array];
  message.fill(0);
  t.deepEqual([...short], [1, 2, 3]);
  t.true(long.every((byte) => byte === 7));
});

test("bytes that are given away are the value's: long ones are views onto them, short ones copies", (t) => {
  const sent = { a: "unaligned", view: new Float64Array(1_024).fill(0.5), short: new Uint8Array([1, 2]) };
  const message = new Uint8Array(encodeValue(sent));
  const arrived = decodeValue(message, "value") as typeof sent;
  t.deepEqual(arrived, sent);
  t.is(arrived.view.buffer, message.buffer);
  t.is(arrived.short.buffer.byteLength, 2);
  t.is((decodeValue(message) as typeof sent).view.buffer.byteLength, 8_192);
});

test("long bytes arrive as they were wherever the message begins in its buffer", (t) => {
  const sent = [new Float64Array(1_024).fill(0.5), Buffer.alloc(5_000, 1), new Uint8Array(4_096).fill(2).buffer];
  const message = encodeValue(sent);
  for (let offset = 0; offset < 9; offset++) {
    const moved = new Uint8Array(message.length + offset).subarray(offset);
    moved.set(message);
    t.deepEqual(decodeValue(moved, "value"), sent);
    t.deepEqual(decodeValue(moved), sent);
  }
});

test("in pieces, long bytes are the sender's own, and together they are the message", (t) => {
  const sent = {
    before: "x".repeat(3_000),
    long: new Float64Array(2_000).fill(1.5),
    after: new Uint8Array(9_000),
  };
  const pieces = encodeValuePieces(sent);
  t.true(pieces.some((piece) => piece.buffer === sent.long.buffer));
  t.true(pieces.some((piece) => piece.buffer === sent.after.buffer));
  t.deepEqual(Buffer.concat(pieces), Buffer.from(encodeValue(sent)));
  t.is(encodeValuePieces("short").length, 1);
  const many = Array.from({ length: 50 }, (_, i) => ["y".repeat(i * 50), new Uint8Array(4_096 + i).fill(i)]);
  t.deepEqual(decodeValue(Buffer.concat(encodeValuePieces(many))), many);
});

test("what was encoded does not change with what is encoded later, failures and long messages among it", (t) => {
  const kept: [sent: unknown, bytes: Uint8Array, copy: Uint8Array][] = [];
  for (let i = 0; i < 600; i++) {
    const sent = { i, text: "x".repeat((i * 37) % 3_000), list: i % 50 === 0 ? new Array(9_000).fill(i) : [i] };
    const bytes = encodeValue(sent);
    kept.push([sent, bytes, Buffer.from(bytes)]);
    if (i % 7 === 0) t.throws(() => encodeValue({ text: "y".repeat(i), f: () => i }), { code: "NOT_SHIPPABLE" });
  }
  for (const [sent, bytes, copy] of kept) {
    t.deepEqual(Buffer.from(bytes), copy);
    t.deepEqual(decodeValue(bytes), sent);
  }
});

test("a short message that is kept keeps no more than 16 KiB", (t) => {
  encodeValue(["x".repeat(200_000), new Array(50_000).fill(1.5)]);
  for (let i = 0; i < 50; i++) t.true(encodeValue({ i }).buffer.byteLength <= 16_384);
});

test("a property that a getter takes away before its turn is told as such", (t) => {
  const value: Record<string, unknown> = {
    get a() {
      delete value["b"];
      return 1;
    },
    b: 2,
    c: 3,
  };
  t.regex(refusalOf(value), /reading it threw: its properties changed meanwhile/);
});

test("what all objects were given to inherit is left behind", (t) => {
  const everyone = Object.prototype as { inherited?: number };
  everyone.inherited = 1;
  try {
    const arrived = passed({ own: 2 });
    delete everyone.inherited;
    t.deepEqual(arrived, { own: 2 });
  } finally {
    delete everyone.inherited;
  }
  function Old(this: { own: number }) {
    this.own = 1;
  }
  Old.prototype.inherited = 2;
  t.deepEqual(passed(Reflect.construct(Old, [])), { own: 1 });
});

test("one object stays one object, and cycles stay cycles, within one message", (t) => {
  const shared = { n: 1 };
  const root: Record<string, unknown> = {
    a: shared,
    b: [shared],
    m: new Map([[shared, shared]]),
    s: new Set([shared]),
  };
  root["self"] = root;
  const arrived = passed(root) as { a: object; b: object[]; m: Map<object, object>; s: Set<object>; self: unknown };
  t.is(arrived.self, arrived);
  t.is(arrived.b[0], arrived.a);
  t.is(arrived.m.get(arrived.a), arrived.a);
  t.true(arrived.s.has(arrived.a));
});

test("identity holds among thousands of objects", (t) => {
  const objects = Array.from({ length: 2_000 }, (_, n) => ({ n }));
  const arrived = passed([objects, [...objects].reverse()]) as [object[], object[]];
  t.true(arrived[0].every((object, i) => object === arrived[1][1_999 - i]));
  for (const count of [39, 40, 41, 42, 100]) {
    const few = Array.from({ length: count }, (_, n) => ({ n }));
    const [once, again] = passed([few, [...few, { n: -1 }, few[0]]]) as [object[], object[]];
    t.true(once.every((object, i) => object === again[i]));
    t.is(again.at(-1), once[0]);
    t.deepEqual(again.at(-2), { n: -1 });
  }
});

test("holes stay holes, and a long array of them takes no memory at either end", (t) => {
  // biome-ignore lint/suspicious/noSparseArray: holes are what is tested
  const few = passed([1, , undefined, ,]);
  t.deepEqual(Object.keys(few), ["0", "2"]);
  t.is(few.length, 4);
  const many: unknown[] = [];
  many[4_000_000_000] = "end";
  const bytes = encodeValue(many);
  t.true(bytes.length < 40);
  const before = process.memoryUsage().rss;
  const arrived = Array.from({ length: 10 }, () => decodeValue(bytes) as unknown[]);
  t.is(arrived[0]?.length, 4_000_000_001);
  t.is(arrived[9]?.[4_000_000_000], "end");
  const hundredMillion = new Array(30_000_000);
  const credit = Array.from({ length: 10 }, () => passed(hundredMillion));
  t.is(credit[0]?.length, 30_000_000);
  t.true(process.memoryUsage().rss - before < 300_000_000);
});

test("an error arrives with its class, message, name, stack, cause, code and own properties", (t) => {
  const cause = new RangeError("why");
  const sent = Object.assign(new TypeError("what", { cause }), { code: "E_WHAT", detail: { n: 1 } });
  const arrived = passed(sent);
  t.true(arrived instanceof TypeError);
  t.is(arrived.message, "what");
  t.is(arrived.stack, sent.stack);
  t.is(arrived.code, "E_WHAT");
  t.deepEqual(arrived.detail, { n: 1 });
  t.true(arrived.cause instanceof RangeError);
  t.deepEqual(Object.keys(arrived), ["code", "detail"], "message, stack and cause stay out of sight");
});

test("an error of a class that is not built in arrives as the nearest that is, under its own name", (t) => {
  class TooMuch extends RangeError {
    override name = "TooMuch";
  }
  const arrived = passed(new TooMuch("x"));
  t.true(arrived instanceof RangeError);
  t.is(arrived.name, "TooMuch");
  t.is(String(arrived), "TooMuch: x");
  const foreign = vm.runInNewContext("new SyntaxError('elsewhere')") as Error;
  t.is(passed(foreign).message, "elsewhere");
  t.is(passed(new DOMException("late", "AbortError")).name, "AbortError");
});

test("an error that is its own cause, and many errors in one, arrive", (t) => {
  const loop = new Error("loop");
  loop.cause = loop;
  const arrived = passed(loop);
  t.is(arrived.cause, arrived);
  const many = passed(new AggregateError([new Error("a"), "b"], "both"));
  t.true(many instanceof AggregateError);
  t.is(many.errors[1], "b");
});

test("an IrisError arrives as an IrisError", (t) => {
  const arrived = passed(new IrisError("LOST", "gone", { maybeExecuted: true, cause: new Error("cut") }));
  t.true(arrived instanceof IrisError);
  t.true(IrisError.is(arrived, "LOST"));
  t.true(arrived.maybeExecuted);
  t.is((arrived.cause as Error).message, "cut");
});

test("an instance of a class arrives as a plain object of its own enumerable properties", (t) => {
  class Point {
    x = 1;
    get double(): number {
      return this.x * 2;
    }
  }
  const arrived = passed(new Point());
  t.deepEqual(Object.entries(arrived), [["x", 1]]);
  t.is(Object.getPrototypeOf(arrived), Object.prototype);
  class Tags extends Array<string> {}
  t.deepEqual(passed(Tags.from(["a"])), ["a"] as Tags);
});

test("a __proto__ key neither sets the prototype nor is lost", (t) => {
  const arrived = passed(JSON.parse('{"__proto__":{"polluted":true}}'));
  t.is(arrived.polluted, undefined);
  t.true(Object.hasOwn(arrived, "__proto__"));
});

const REFUSED: [name: string, value: unknown, what: RegExp][] = [
  ["a function", { f() {} }, /^function f cannot be sent: .*\n {2}at value\.f$/],
  ["a class", { C: class Shape {} }, /^function Shape cannot be sent/],
  ["an unregistered symbol", [Symbol("mine")], /^Symbol\(mine\) cannot be sent: .*Symbol\.for\(\)\n {2}at value\[0\]$/],
  ["a WeakMap", new WeakMap(), /^a WeakMap cannot be sent: its content is invisible\n {2}at value$/],
  ["a WeakSet", new WeakSet(), /^a WeakSet/],
  ["a WeakRef", new WeakRef({}), /^a WeakRef/],
  ["a promise", Promise.resolve(1), /^a Promise cannot be sent: await it first/],
  ["a proxy", new Proxy({}, {}), /^a proxy/],
  ["a proxy of a function", new Proxy(() => {}, {}), /^(a proxy|a function)/],
  ["shared memory", new SharedArrayBuffer(1), /^a SharedArrayBuffer/],
  ["a view of shared memory", new Uint8Array(new SharedArrayBuffer(1)), /^a SharedArrayBuffer/],
  ["a running generator", (function* () {})(), /^a running generator/],
  ["an emitter of events", new EventEmitter(), /^an EventEmitter cannot be sent: it is bound to this process/],
  ["a signal", new AbortController().signal, /^an AbortSignal/],
  ["a host object", new Headers(), /^a Headers cannot be sent: its state is out of sight/],
  ["an iterator", new Map().values(), /cannot be sent/],
  ["a boxed primitive", new Object(1n), /^a BigInt object cannot be sent: send the primitive value/],
];

for (const [name, value, what] of REFUSED) {
  test(`is refused: ${name}`, (t) => {
    t.regex(refusalOf(value), what);
  });
}

test("a refusal tells the way to the culprit", (t) => {
  const culprit = new WeakMap();
  t.regex(refusalOf({ a: [{ b: new Map([["k", culprit]]) }] }), /at value\.a\[0\]\.b\.get\("k"\)$/);
  t.regex(refusalOf({ "odd key": new Set([culprit]) }), /at value\["odd key"\]\.values\(\{…\}\)$/);
  t.regex(refusalOf(new Map([[culprit, 1]])), /at value\.keys\(\{…\}\)$/);
  t.regex(refusalOf(new Error("x", { cause: { deep: culprit } })), /at value\.cause\.deep$/);
  t.regex(refusalOf({ before: { a: 1 }, after: culprit }), /at value\.after$/);
});

test("a timer is refused as bound to its process", (t) => {
  const timer = setTimeout(() => {}, 0);
  t.regex(refusalOf({ timer }), /^a Timeout cannot be sent: it is bound to this process/);
  clearTimeout(timer);
});

test("a getter that throws is refused with its place and its error", (t) => {
  const value = {
    a: {
      get b(): never {
        throw new Error("no");
      },
    },
  };
  const error = t.throws(() => encodeValue(value), { code: "NOT_SHIPPABLE" });
  t.regex(error?.message ?? "", /reading it threw: no\n {2}at value\.a\.b$/);
  t.like(error?.cause, { message: "no" });
});

test("a getter may send a value of its own meanwhile", (t) => {
  let inner: unknown;
  const value = {
    a: { x: 1, y: 2 },
    get b() {
      inner = passed({ x: 3, y: 4 });
      return "b";
    },
    c: { x: 5, y: 6 },
  };
  t.deepEqual(passed(value), { a: { x: 1, y: 2 }, b: "b", c: { x: 5, y: 6 } });
  t.deepEqual(inner, { x: 3, y: 4 });
});

test("containers nest 100 deep and no deeper, on either side", (t) => {
  const nest = (depth: number): unknown => (depth === 0 ? 1 : [nest(depth - 1)]);
  t.notThrows(() => passed(nest(100)));
  t.regex(refusalOf(nest(101)), /^a value cannot be sent: it is nested deeper than 100/);
  const tooDeep = new Uint8Array([1, ...Array.from({ length: 101 }, () => [0x10, 1]).flat(), 0]);
  t.throws(() => decodeValue(tooDeep), { code: "PROTOCOL_ERROR", message: /nested deeper than 100/ });
});

test("more shapes than are remembered change nothing", (t) => {
  for (let i = 0; i < 3_000; i++) {
    const value = { [`a${i}`]: 1, [`b${i % 7}`]: { same: i } };
    t.deepEqual(passed(value), value);
  }
  for (let i = 0; i < 40; i++) t.deepEqual(passed({ first: 1, [`second${i}`]: 2 }), { first: 1, [`second${i}`]: 2 });
});
