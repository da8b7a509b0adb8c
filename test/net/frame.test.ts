import test from "ava";
import fc from "fast-check";
import { decodeFrame, encodeFrame, type FrameKind, type Said } from "../../src/net/frame.ts";
import { sessionLimits } from "../../src/net/limits.ts";
import { BatchCodec, type Frame } from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { framesIn } from "../kit/session-pair.ts";

const payload = Uint8Array.of(1, 2, 3);
/** One of each kind, with the bytes that they have for ever: old ends must go on understanding new ones. */
const GOLDEN: Readonly<Record<FrameKind, { said: Said; hex: string }>> = {
  hello: {
    said: { kind: "hello", body: { version: 1, token: "t", supports: ["x"], node: "n" } },
    hex: "0a0d0a0b08011201741a0178" + "22016e",
  },
  call: {
    said: {
      kind: "call",
      body: {
        id: 300,
        target: "calc",
        method: "add",
        remainingMs: 500,
        trace: "",
        codec: "VALUE",
        payload,
        credit: 32,
        idempotent: true,
        key: "",
      },
    },
    hex: "0a1e121c08ac02120463616c631a0361646420f40330023a0301020340204801",
  },
  tell: {
    said: { kind: "tell", body: { target: "a", method: "b", codec: "PROTOBUF", payload, trace: "" } },
    hex: "0a0f1a0d0a01611201621801220301" + "0203",
  },
  reply: { said: { kind: "reply", body: { id: 1, codec: "VALUE", payload } }, hex: "0a0b2209080110021a03010203" },
  fault: {
    said: {
      kind: "fault",
      body: {
        id: 2,
        error: {
          code: "LOST",
          message: "m",
          name: "IrisError",
          retryable: true,
          maybeExecuted: true,
          where: "",
          stack: "",
          fromUser: false,
          userCode: "",
        },
      },
    },
    hex: "0a1e2a1c080212180a044c4f535412016d1a09497269734572726f7220012801",
  },
  cancel: { said: { kind: "cancel", body: { id: 3 } }, hex: "0a0432020803" },
  streamItem: {
    said: { kind: "streamItem", body: { id: 4, codec: "VALUE", payload } },
    hex: "0a0b3a09080410021a03010203",
  },
  streamEnd: { said: { kind: "streamEnd", body: { id: 5 } }, hex: "0a0442020805" },
  credit: { said: { kind: "credit", body: { id: 6, items: 16 } }, hex: "0a064a0408061010" },
  watch: { said: { kind: "watch", body: { id: 7, target: "a", cancel: false } }, hex: "0a07520508071201" + "61" },
  down: {
    said: { kind: "down", body: { id: 8, reason: "normal", why: "w" } },
    hex: "0a0f5a0d080812066e6f726d616c1a0177",
  },
  ping: { said: { kind: "ping", body: { nonce: 9 } }, hex: "0a0462020809" },
  pong: { said: { kind: "pong", body: { nonce: 10 } }, hex: "0a046a02080a" },
  goodbye: { said: { kind: "goodbye", body: { why: "bye" } }, hex: "0a0772050a03627965" },
};
const cases = Object.entries(GOLDEN);
const piece = (said: Said) => encodeFrame(said.kind, said.body as never);
const read = (bytes: Uint8Array) => framesIn(bytes).map(decodeFrame);

test("the bytes of each kind of frame are those of the golden file, and are read back", (t) => {
  for (const [kind, { said, hex }] of cases) {
    t.is(Buffer.from(piece(said)).toString("hex"), hex, kind);
    t.deepEqual(plain(read(Buffer.from(hex, "hex"))), plain([said]), kind);
  }
});

test("the key of an idempotent call is written behind what calls had before there were keys", (t) => {
  const { said, hex } = GOLDEN.call;
  const keyed = { kind: "call", body: { ...said.body, key: "k1" } } as Said;
  t.is(Buffer.from(piece(keyed)).toString("hex"), `0a221220${hex.slice("0a1e121c".length)}52026b31`);
  t.deepEqual(plain(read(piece(keyed))), plain([keyed]));
});

test("pieces joined are the Batch of the .proto, and the other way round", (t) => {
  const joined = Buffer.concat(cases.map(([, { said }]) => piece(said)));
  const frames = cases.map(([, { said }]) => ({ [said.kind]: said.body }) as Frame);
  t.deepEqual(Buffer.from(BatchCodec.encode({ frames })), Buffer.from(joined));
  t.deepEqual(plain(BatchCodec.decode(joined).frames), plain(frames));
});

test("frames of unknown kinds and fields that are not known are skipped", (t) => {
  const known = piece(GOLDEN.ping.said);
  const unknown = Buffer.from("0a05fa010201ff" + "10ff01" + "1d00000000" + "210000000000000000", "hex");
  t.deepEqual(
    read(Buffer.concat([unknown, known])).map((said) => said.kind),
    ["ping"],
  );
});

test("a message too large or of too many frames is refused before it is decoded", (t) => {
  const pings = Buffer.concat(Array.from({ length: 10 }, () => piece(GOLDEN.ping.said)));
  const bounds = { helloBytes: 1, batchBytes: 1 };
  const tooLarge = sessionLimits({ ...bounds, messageBytes: pings.length - 1 });
  t.throws(() => framesIn(pings, tooLarge), { code: "PROTOCOL_ERROR" });
  t.throws(() => framesIn(pings, sessionLimits({ framesPerMessage: 9 })), { code: "PROTOCOL_ERROR" });
  t.is(framesIn(pings, sessionLimits({ framesPerMessage: 10 })).length, 10);
});

test("whatever the bytes are, decoding ends, and the only error is PROTOCOL_ERROR", (t) => {
  const onlyProtocolErrors = (bytes: Uint8Array) => {
    try {
      read(bytes);
      return true;
    } catch (error) {
      return IrisError.is(error, "PROTOCOL_ERROR");
    }
  };
  const valid = Buffer.concat(cases.map(([, { said }]) => piece(said)));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 512 }), onlyProtocolErrors), { numRuns: 2_000 });
  const mutation = fc.record({ at: fc.nat(valid.length - 1), to: fc.integer({ min: 0, max: 255 }) });
  const mutated = fc.array(mutation, { minLength: 1, maxLength: 8 }).map((mutations) => {
    const bytes = Uint8Array.from(valid);
    for (const { at, to } of mutations) bytes[at] = to;
    return bytes;
  });
  fc.assert(fc.property(mutated, onlyProtocolErrors), { numRuns: 2_000 });
  const cut = fc.tuple(fc.nat(valid.length), fc.nat(valid.length)).map(([from, to]) => valid.subarray(from, to));
  fc.assert(fc.property(cut, onlyProtocolErrors), { numRuns: 500 });
  t.pass();
});

test("a cause behind a thousand causes is refused, not followed", (t) => {
  let info = Buffer.alloc(0);
  for (let depth = 0; depth < 5_000; depth++) info = Buffer.concat([Buffer.from([0x42]), varint(info.length), info]);
  const fault = Buffer.concat([Buffer.from([0x12]), varint(info.length), info]);
  const frame = Buffer.concat([Buffer.from([0x2a]), varint(fault.length), fault]);
  const batch = Buffer.concat([Buffer.from([0x0a]), varint(frame.length), frame]);
  t.throws(() => read(batch), { code: "PROTOCOL_ERROR" });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Without the difference between a Buffer and a Uint8Array, nor between absent and undefined. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner) =>
      inner instanceof Uint8Array ? [...inner] : inner?.type === "Buffer" ? inner.data : inner,
    ),
  );
}
