import test from "ava";
import fc from "fast-check";
import type { Payload } from "../../src/net/channel.ts";
import { encodeFrame, type Said } from "../../src/net/frame.ts";
import { FrameReader } from "../../src/net/frame-reader.ts";
import * as writer from "../../src/net/frame-writer.ts";
import { sessionLimits } from "../../src/net/limits.ts";
import { BIG_PAYLOAD_BYTES, Outbox } from "../../src/net/outbox.ts";
import type { Route } from "../../src/net/routes.ts";
import type { Link } from "../../src/net/transport.ts";
import { BatchCodec, type Codec, type Frame } from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";

const limits = sessionLimits();

/** What an outbox sends; a link that copies, as a socket does. */
function collecting() {
  const messages: Uint8Array[] = [];
  const link: Link = {
    remoteAddress: "test",
    attach() {},
    send: (bytes) => messages.push(Uint8Array.from(bytes)) > 0,
    keptBytes: 0,
    close() {},
    destroy() {},
  };
  return { messages, outbox: new Outbox(link, limits, () => {}) };
}

const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const id = uint32.map((n) => Math.max(1, n));
const codec = fc.constantFrom("PROTOBUF" as const, "VALUE" as const);
const payload: fc.Arbitrary<Payload> = fc.record({ codec, bytes: fc.uint8Array({ maxLength: 300 }) });
const name = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "grapheme", maxLength: 20 }));
const route: fc.Arbitrary<Route> = fc.record({ id: fc.nat(1_024), target: name, method: name }).map((names) => ({
  ...names,
  what: `${names.target}.${names.method}`,
  targetBytes: Buffer.from(names.target),
  methodBytes: Buffer.from(names.method),
}));
const head = fc.record({
  id,
  remainingMs: uint32,
  trace: fc.oneof(fc.constant(""), name),
  credit: uint32,
  idempotent: fc.boolean(),
  key: fc.oneof(fc.constant(""), name),
});

/** Puts a frame; what protobufjs should read. */
type Say = (outbox: Outbox) => Frame;
const namesOf = ({ target, method }: Route, named: boolean) =>
  named ? { target, method } : { target: "", method: "" };
const withRoute = (route: Route) => (route.id === 0 ? {} : { route: route.id });
const body = ({ codec, bytes }: Payload) => ({ codec: codec as Codec, payload: bytes });
const saying: fc.Arbitrary<Say> = fc.oneof(
  fc.tuple(head, route, fc.boolean(), payload).map(
    ([head, route, named, payload]): Say =>
      (outbox) => {
        writer.putCall(outbox, head, route, named, payload, writer.callBodyBytes(head, route, named, payload));
        return { call: { ...head, ...namesOf(route, named), ...withRoute(route), ...body(payload) } };
      },
  ),
  fc.tuple(route, fc.boolean(), payload).map(
    ([route, named, payload]): Say =>
      (outbox) => {
        writer.putTell(outbox, route, named, payload, writer.tellBodyBytes(route, named, payload));
        return { tell: { ...namesOf(route, named), ...withRoute(route), ...body(payload), trace: "" } };
      },
  ),
  fc.tuple(id, payload).map(
    ([id, payload]): Say =>
      (outbox) => {
        writer.putReply(outbox, id, payload, writer.answerBodyBytes(id, payload));
        return { reply: { id, ...body(payload) } };
      },
  ),
  fc.tuple(id, payload).map(
    ([id, payload]): Say =>
      (outbox) => {
        writer.putStreamItem(outbox, id, payload, writer.answerBodyBytes(id, payload));
        return { streamItem: { id, ...body(payload) } };
      },
  ),
  id.map(
    (id): Say =>
      (outbox) => {
        writer.putStreamEnd(outbox, id);
        return { streamEnd: { id } };
      },
  ),
  id.map(
    (id): Say =>
      (outbox) => {
        writer.putCancel(outbox, id);
        return { cancel: { id } };
      },
  ),
  fc.tuple(id, id).map(
    ([id, items]): Say =>
      (outbox) => {
        writer.putCredit(outbox, id, items);
        return { credit: { id, items } };
      },
  ),
);

test("frames written by hand are read by protobufjs as what they say", (t) => {
  fc.assert(
    fc.property(fc.array(saying, { minLength: 1, maxLength: 20 }), (all) => {
      const { messages, outbox } = collecting();
      const frames = all.map((say) => say(outbox));
      outbox.flush();
      t.is(messages.length, 1);
      t.deepEqual(plain(BatchCodec.decode(messages[0] as Uint8Array).frames), plain(frames));
    }),
    { numRuns: 500 },
  );
});

test("frames written by protobufjs are read by hand as what they say", (t) => {
  fc.assert(
    fc.property(fc.array(saying, { minLength: 1, maxLength: 20 }), (all) => {
      const frames = all.map((say) => say(collecting().outbox));
      t.deepEqual(plain(readAll(BatchCodec.encode({ frames }))), plain(frames));
    }),
    { numRuns: 500 },
  );
});

test("fields that are not known are skipped wherever they stand in a frame", (t) => {
  const unknown = fc.constantFrom("f80601", "fa0603010203", "fd0601020304", "f9060102030405060708");
  fc.assert(
    fc.property(saying, unknown, fc.boolean(), (say, hex, first) => {
      const frame = say(collecting().outbox);
      const [kind, said] = Object.entries(frame)[0] as [Said["kind"], never];
      const piece = encodeFrame(kind, said);
      const [tag, bodyBytes] = bodyOf(piece);
      const parts = first ? [Buffer.from(hex, "hex"), bodyBytes] : [bodyBytes, Buffer.from(hex, "hex")];
      t.deepEqual(plain(readAll(wrap(tag, Buffer.concat(parts)))), plain([frame]));
    }),
    { numRuns: 300 },
  );
});

test("whatever the bytes of a frequent frame are, the only error is PROTOCOL_ERROR", (t) => {
  const onlyProtocolErrors = (bytes: Uint8Array) => {
    try {
      readAll(bytes);
      return true;
    } catch (error) {
      return IrisError.is(error, "PROTOCOL_ERROR");
    }
  };
  const tag = fc.constantFrom(0x12, 0x1a, 0x22, 0x32, 0x3a, 0x42, 0x4a);
  const hostile = fc.tuple(tag, fc.uint8Array({ maxLength: 64 })).map(([tag, bytes]) => wrap(tag, Buffer.from(bytes)));
  fc.assert(fc.property(hostile, onlyProtocolErrors), { numRuns: 5_000 });
  t.pass();
});

test("a batch that is full is followed by another, and frames keep their order", (t) => {
  const { messages, outbox } = collecting();
  const bytes = new Uint8Array(1_000);
  for (let id = 1; id <= 1_000; id++) {
    const payload: Payload = { codec: "VALUE", bytes };
    writer.putReply(outbox, id, payload, writer.answerBodyBytes(id, payload));
  }
  outbox.flush();
  t.true(messages.length > 10 && messages.length < 20);
  const ids = messages.flatMap((message) => readAll(message)).map((frame) => frame.reply?.id);
  t.deepEqual(
    ids,
    Array.from({ length: 1_000 }, (_, i) => i + 1),
  );
});

test("a big payload leaves as a message of its own, in its place, and is not copied where the link can", (t) => {
  const big: Payload = { codec: "VALUE", bytes: new Uint8Array(BIG_PAYLOAD_BYTES).fill(7) };
  const small: Payload = { codec: "VALUE", bytes: Uint8Array.of(1) };
  const sent: Uint8Array[][] = [];
  const link: Link = {
    remoteAddress: "test",
    attach() {},
    send: (bytes) => sent.push([Uint8Array.from(bytes)]) > 0,
    sendParts: (head, tail) => sent.push([head, tail]) > 0,
    keptBytes: 0,
    close() {},
    destroy() {},
  };
  const outbox = new Outbox(link, limits, () => {});
  const put = (id: number, payload: Payload) =>
    writer.putReply(outbox, id, payload, writer.answerBodyBytes(id, payload));
  put(1, small);
  put(2, big);
  put(3, small);
  outbox.flush();
  t.is(sent.length, 3);
  t.is(sent[1]?.[1], big.bytes);
  const ids = sent.flatMap((parts) => readAll(Buffer.concat(parts))).map((frame) => frame.reply?.id);
  t.deepEqual(ids, [1, 2, 3]);
});

test("what has not left can be taken back, from the midst of a batch too; what has left cannot", (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(70_000), fc.boolean()), { maxLength: 12 }), (all) => {
      const sent: Uint8Array[] = [];
      let taken = false;
      const link: Link = {
        remoteAddress: "test",
        attach() {},
        send: (bytes) => {
          if (bytes.length > 0) sent.push(Uint8Array.from(bytes));
          return taken;
        },
        close() {},
        destroy() {},
      };
      const outbox = new Outbox(link, limits, () => {});
      outbox.put(encodeFrame("ping", { nonce: 1 }));
      outbox.flush(); // the link is full from now on
      const tickets = all.map(([length], i) => {
        const payload: Payload = { codec: "VALUE", bytes: new Uint8Array(length) };
        const head = { id: i + 1, remainingMs: 0, trace: "", credit: 0, idempotent: false, key: "" };
        return writer.putCall(
          outbox,
          head,
          NO_NAMES,
          false,
          payload,
          writer.callBodyBytes(head, NO_NAMES, false, payload),
        );
      });
      tickets.forEach((ticket, i) => {
        if (all[i]?.[1]) t.true(outbox.takeBack(ticket));
      });
      taken = true;
      outbox.drained();
      t.is(outbox.queuedBytes, 0);
      const expected = all.flatMap(([, back], i) => (back ? [] : [i + 1]));
      const got = sent.slice(1).flatMap((message) => readAll(message));
      t.deepEqual(
        got.map((frame) => frame.call?.id),
        expected,
      );
      for (const ticket of tickets) t.false(outbox.takeBack(ticket));
    }),
    { numRuns: 100 },
  );
});

const NO_NAMES: Route = {
  id: 1,
  target: "",
  method: "",
  what: "",
  targetBytes: new Uint8Array(),
  methodBytes: new Uint8Array(),
};

/** All that a message says, read by hand. */
function readAll(message: Uint8Array): Frame[] {
  const reader = new FrameReader();
  reader.open(message, limits.messageBytes, limits);
  const frames: Frame[] = [];
  for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
    if (kind === "call") {
      const { route, codec = "CODEC_UNSPECIFIED", ...rest } = reader.readCall();
      frames.push({ call: { ...rest, codec, ...(route === 0 ? {} : { route }) } });
    } else if (kind === "tell") {
      const { target, method, codec = "CODEC_UNSPECIFIED", payload, trace, route } = reader.readTell();
      frames.push({ tell: { target, method, codec, payload, trace, ...(route === 0 ? {} : { route }) } });
    } else if (kind === "reply" || kind === "streamItem") {
      const { id, codec = "CODEC_UNSPECIFIED", payload } = reader.readAnswer();
      frames.push({ [kind]: { id, codec, payload } });
    } else if (kind === "cancel" || kind === "streamEnd") {
      frames.push({ [kind]: { id: reader.readNumber(1) } });
    } else if (kind === "credit") {
      frames.push({ credit: { id: reader.readNumber(1), items: reader.readNumber(2) } });
    }
  }
  return frames;
}

function bodyOf(piece: Uint8Array): [tag: number, body: Uint8Array] {
  const reader = new FrameReader();
  reader.open(piece, limits.messageBytes, limits);
  reader.next();
  const { body } = reader;
  const at = 1 + writer.varintBytes(piece.length - 2);
  return [piece[at] as number, body];
}

function wrap(tag: number, body: Uint8Array): Uint8Array {
  const inner = Buffer.concat([Uint8Array.of(tag), varint(body.length), body]);
  return Buffer.concat([Uint8Array.of(0x0a), varint(inner.length), inner]);
}

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(5);
  return bytes.subarray(0, writer.writeVarint(bytes, 0, value));
}

/** Without the difference between a Buffer and a Uint8Array. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner) =>
      inner instanceof Uint8Array ? [...inner] : inner?.type === "Buffer" ? inner.data : inner,
    ),
  );
}
