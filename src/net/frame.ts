/**
 * The frames by kind, and protobufjs's way between frames and bytes, for those that come now and then. One message of a
 * link is a `Batch`: frames behind each other, each with its length, so that a batch is made by writing one frame after
 * the other. `frame-writer.ts` and `frame-reader.ts` know the frequent kinds by heart. The one invariant: what is read
 * wrong is a `PROTOCOL_ERROR`.
 */
import { varintBytes, writeVarint } from "./frame-writer.ts";
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
/** Kinds by their field number in `Frame`. */
export const KIND_OF_FIELD: readonly (FrameKind | undefined)[] = Object.entries(KINDS).reduce<
  (FrameKind | undefined)[]
>((kinds, [kind, { field }]) => {
  kinds[field] = kind as FrameKind;
  return kinds;
}, []);

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

/** Decodes a frame. Throws `PROTOCOL_ERROR` if its body is not what its kind says. */
export function decodeFrame(raw: RawFrame): Said {
  return { kind: raw.kind, body: KINDS[raw.kind].codec.decode(raw.body) } as Said;
}
