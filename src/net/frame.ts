/**
 * Frames ⇄ bytes. One message of a link is a `Batch`: frames behind each other, each with its length, so that a batch
 * is made by joining what was encoded frame by frame, and is taken apart without decoding what is in it. The one
 * invariant: whatever the bytes are, the only error is `PROTOCOL_ERROR`, and the work is linear in their number.
 */
import { IrisError } from "../runtime/errors.ts";
import type { SessionLimits } from "./limits.ts";
import type { MessageCodec } from "./message.ts";
import type { Frame } from "./wire/iris.ts";
import * as wire from "./wire/iris.ts";

export type FrameKind = keyof Frame;

/** What a frame of this kind says. */
export type FrameBody<K extends FrameKind> = NonNullable<Frame[K]>;

/** One frame, decoded. */
export type Said = { [K in FrameKind]: { readonly kind: K; readonly body: FrameBody<K> } }[FrameKind];

/** One frame as it came: its kind is known, its body not yet decoded. */
export interface RawFrame {
  readonly kind: FrameKind;
  readonly body: Uint8Array;
}

/** Field number in `Frame` and codec of each kind. The numbers are the wire's for ever. */
const KINDS = {
  hello: { field: 1, codec: wire.HelloCodec },
  call: { field: 2, codec: wire.CallCodec },
  tell: { field: 3, codec: wire.TellCodec },
  reply: { field: 4, codec: wire.ReplyCodec },
  fault: { field: 5, codec: wire.FaultCodec },
  cancel: { field: 6, codec: wire.CancelCodec },
  streamItem: { field: 7, codec: wire.StreamItemCodec },
  streamEnd: { field: 8, codec: wire.StreamEndCodec },
  credit: { field: 9, codec: wire.CreditCodec },
  watch: { field: 10, codec: wire.WatchCodec },
  down: { field: 11, codec: wire.DownCodec },
  ping: { field: 12, codec: wire.PingCodec },
  pong: { field: 13, codec: wire.PongCodec },
  goodbye: { field: 14, codec: wire.GoodbyeCodec },
} satisfies { readonly [K in FrameKind]-?: { readonly field: number; readonly codec: MessageCodec<FrameBody<K>> } };
const KIND_OF_FIELD: readonly (FrameKind | undefined)[] = Object.entries(KINDS).reduce<(FrameKind | undefined)[]>(
  (kinds, [kind, { field }]) => {
    kinds[field] = kind as FrameKind;
    return kinds;
  },
  [],
);

/** `Batch.frames`: field 1, length-delimited. */
const TAG_FRAMES = 0x0a;
const LENGTH_DELIMITED = 2;

/** Encodes one frame as a piece of a batch: pieces behind each other are a batch, and so is one piece alone. */
export function encodeFrame<K extends FrameKind>(kind: K, body: FrameBody<K>): Uint8Array {
  const { field, codec }: { field: number; codec: MessageCodec<object> } = KINDS[kind];
  const encoded = codec.encode(body);
  const frameBytes = 1 + varintBytes(encoded.length) + encoded.length;
  const piece = Buffer.allocUnsafe(1 + varintBytes(frameBytes) + frameBytes);
  piece[0] = TAG_FRAMES;
  let at = writeVarint(piece, 1, frameBytes);
  piece[at++] = (field << 3) | LENGTH_DELIMITED;
  at = writeVarint(piece, at, encoded.length);
  piece.set(encoded, at);
  return piece;
}

/** Joins pieces to one message. A single piece is not copied. */
export function joinFrames(pieces: readonly Uint8Array[], totalBytes: number): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const batch = Buffer.allocUnsafe(totalBytes);
  let at = 0;
  for (const piece of pieces) {
    batch.set(piece, at);
    at += piece.length;
  }
  return batch;
}

/**
 * Takes a message apart into frames without decoding them; frames of unknown kinds are left out. Throws
 * `PROTOCOL_ERROR` for what is no batch, is larger than `bytesMax`, or holds more frames than the limits allow.
 */
export function splitBatch(bytes: Uint8Array, bytesMax: number, limits: SessionLimits): RawFrame[] {
  if (bytes.length > bytesMax) {
    throw new IrisError("PROTOCOL_ERROR", `a message of ${bytes.length} bytes; at most ${bytesMax} are taken here`);
  }
  const frames: RawFrame[] = [];
  const batch = new Cursor(bytes, 0, bytes.length);
  let count = 0;
  while (batch.more) {
    const field = batch.field();
    if (field.number !== 1 || field.end === undefined) continue;
    if (++count > limits.framesPerMessage) {
      throw new IrisError("PROTOCOL_ERROR", `a message of more than ${limits.framesPerMessage} frames`);
    }
    const frame = rawFrame(bytes, field.start, field.end);
    if (frame !== undefined) frames.push(frame);
  }
  return frames;
}

/** Decodes a frame. Throws `PROTOCOL_ERROR` if its body is not what its kind says. */
export function decodeFrame(raw: RawFrame): Said {
  return { kind: raw.kind, body: KINDS[raw.kind].codec.decode(raw.body) } as Said;
}

/** The last known field is what the frame says, as protobuf has it for a `oneof`. */
function rawFrame(bytes: Uint8Array, start: number, end: number): RawFrame | undefined {
  const cursor = new Cursor(bytes, start, end);
  let frame: RawFrame | undefined;
  while (cursor.more) {
    const field = cursor.field();
    const kind = KIND_OF_FIELD[field.number];
    if (kind !== undefined && field.end !== undefined) frame = { kind, body: bytes.subarray(field.start, field.end) };
  }
  return frame;
}

interface Field {
  readonly number: number;
  readonly start: number;
  /** Only of length-delimited fields: all that we know are. */
  readonly end: number | undefined;
}

/** Walks over protobuf fields. Each step moves forward by at least one byte or throws. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get more(): boolean {
    return this.#at < this.#end;
  }

  field(): Field {
    const tag = this.#varint();
    const number = tag >>> 3;
    if (number === 0) throw new IrisError("PROTOCOL_ERROR", "a field without a number");
    switch (tag & 7) {
      case 0:
        this.#varint();
        return { number, start: this.#at, end: undefined };
      case 1:
        return { number, start: this.#skip(8), end: undefined };
      case LENGTH_DELIMITED: {
        const length = this.#varint();
        const start = this.#at;
        return { number, start, end: this.#skip(length) };
      }
      case 5:
        return { number, start: this.#skip(4), end: undefined };
      default:
        throw new IrisError("PROTOCOL_ERROR", `a field of wire type ${tag & 7}, which is not spoken here`);
    }
  }

  #skip(length: number): number {
    if (length > this.#end - this.#at) {
      throw new IrisError("PROTOCOL_ERROR", `a field of ${length} bytes where ${this.#end - this.#at} are left`);
    }
    this.#at += length;
    return this.#at;
  }

  /** At most ten bytes; only the low 32 bits matter to tags and lengths. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#at < this.#end ? this.#bytes[this.#at++] : undefined;
      if (byte === undefined) throw new IrisError("PROTOCOL_ERROR", "a number that breaks off");
      if (shift < 35) value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return Math.min(value, 0xffff_ffff);
    }
    throw new IrisError("PROTOCOL_ERROR", "a number of more than ten bytes");
  }
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    into[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[next++] = rest;
  return next;
}
