/**
 * Reads one message of a link, frame by frame, where it lies: nothing is copied, and nothing is made for a frame but what
 * its reader keeps. The frames that come by the hundred thousand are decoded here; the others are handed on as bytes. The
 * one invariant: whatever the bytes are, the only error is `PROTOCOL_ERROR`, and the work is linear in their number.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Payload } from "./channel.ts";
import { type FrameKind, KIND_OF_FIELD } from "./frame.ts";
import type { SessionLimits } from "./limits.ts";

/** A call or a tell as it was read. Reused: it holds until the next frame is read. */
export interface CallFields {
  /** 0 for a tell. */
  id: number;
  target: string;
  method: string;
  remainingMs: number;
  trace: string;
  /** `undefined` for a codec that is not spoken here. */
  codec: Payload["codec"] | undefined;
  payload: Uint8Array;
  credit: number;
  idempotent: boolean;
  key: string;
  route: number;
}

/** A reply or an item of a stream as it was read. Reused, as above. */
export interface AnswerFields {
  id: number;
  codec: Payload["codec"] | undefined;
  payload: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const CODECS: readonly (Payload["codec"] | undefined)[] = [undefined, "PROTOBUF", "VALUE"];
/** `Batch.frames`: field 1, length-delimited. */
const TAG_FRAMES = 0x0a;
const LENGTH_DELIMITED = 2;

export class FrameReader {
  #bytes: Uint8Array = NOTHING;
  #at = 0;
  #end = 0;
  #framesLeft = 0;
  #framesMax = 0;
  #kind: FrameKind = "ping";
  #bodyStart = 0;
  #bodyEnd = 0;
  readonly #call: CallFields = {
    id: 0,
    target: "",
    method: "",
    remainingMs: 0,
    trace: "",
    codec: undefined,
    payload: NOTHING,
    credit: 0,
    idempotent: false,
    key: "",
    route: 0,
  };
  readonly #answer: AnswerFields = { id: 0, codec: undefined, payload: NOTHING };

  /** Begins with a message. Throws `PROTOCOL_ERROR` for one of more than `bytesMax`. */
  open(bytes: Uint8Array, bytesMax: number, limits: SessionLimits): void {
    if (bytes.length > bytesMax) {
      throw new IrisError("PROTOCOL_ERROR", `a message of ${bytes.length} bytes; at most ${bytesMax} are taken here`);
    }
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = bytes.length;
    this.#framesMax = limits.framesPerMessage;
    this.#framesLeft = limits.framesPerMessage;
  }

  /** Lets go of the message, read or not. */
  close(): void {
    this.#bytes = NOTHING;
    this.#at = 0;
    this.#end = 0;
    this.#call.payload = NOTHING;
    this.#answer.payload = NOTHING;
  }

  /**
   * Goes to the next frame and says its kind; frames of unknown kinds are stepped over. `undefined` at the end. Throws
   * `PROTOCOL_ERROR` for what is no batch, or holds more frames than the limits allow.
   */
  next(): FrameKind | undefined {
    const end = this.#end;
    while (this.#at < end) {
      const tag = this.#tag(end);
      if (tag !== TAG_FRAMES) {
        this.#skip(tag, end);
        continue;
      }
      if (--this.#framesLeft < 0) {
        throw new IrisError("PROTOCOL_ERROR", `a message of more than ${this.#framesMax} frames`);
      }
      const frameEnd = this.#lengthEnd(end);
      if (this.#frame(frameEnd)) return this.#kind;
    }
    return undefined;
  }

  /** The bytes of the frame's body. */
  get body(): Uint8Array {
    return this.#bytes.subarray(this.#bodyStart, this.#bodyEnd);
  }

  readCall(): Readonly<CallFields> {
    const end = this.#rewind();
    const call = this.#blankCall();
    while (this.#at < end) {
      const tag = this.#tag(end);
      switch (tag) {
        case 0x08:
          call.id = this.#uint32(end);
          break;
        case 0x12:
          call.target = this.#string(end);
          break;
        case 0x1a:
          call.method = this.#string(end);
          break;
        case 0x20:
          call.remainingMs = this.#uint32(end);
          break;
        case 0x2a:
          call.trace = this.#string(end);
          break;
        case 0x30:
          call.codec = CODECS[this.#uint32(end)];
          break;
        case 0x3a:
          call.payload = this.#view(end);
          break;
        case 0x40:
          call.credit = this.#uint32(end);
          break;
        case 0x48:
          call.idempotent = this.#uint32(end) !== 0;
          break;
        case 0x52:
          call.key = this.#string(end);
          break;
        case 0x58:
          call.route = this.#uint32(end);
          break;
        default:
          this.#skip(tag, end);
      }
    }
    return call;
  }

  readTell(): Readonly<CallFields> {
    const end = this.#rewind();
    const tell = this.#blankCall();
    while (this.#at < end) {
      const tag = this.#tag(end);
      switch (tag) {
        case 0x0a:
          tell.target = this.#string(end);
          break;
        case 0x12:
          tell.method = this.#string(end);
          break;
        case 0x18:
          tell.codec = CODECS[this.#uint32(end)];
          break;
        case 0x22:
          tell.payload = this.#view(end);
          break;
        case 0x2a:
          tell.trace = this.#string(end);
          break;
        case 0x30:
          tell.route = this.#uint32(end);
          break;
        default:
          this.#skip(tag, end);
      }
    }
    return tell;
  }

  /** A reply or an item of a stream: they look alike. */
  readAnswer(): Readonly<AnswerFields> {
    const end = this.#rewind();
    const answer = this.#answer;
    answer.id = 0;
    answer.codec = undefined;
    answer.payload = NOTHING;
    while (this.#at < end) {
      const tag = this.#tag(end);
      switch (tag) {
        case 0x08:
          answer.id = this.#uint32(end);
          break;
        case 0x10:
          answer.codec = CODECS[this.#uint32(end)];
          break;
        case 0x1a:
          answer.payload = this.#view(end);
          break;
        default:
          this.#skip(tag, end);
      }
    }
    return answer;
  }

  /** The value of field 1 or 2 of a frame that holds nothing but numbers: cancel, stream end, credit. */
  readNumber(field: 1 | 2): number {
    const end = this.#rewind();
    let value = 0;
    while (this.#at < end) {
      const tag = this.#tag(end);
      if (tag === field << 3) value = this.#uint32(end);
      else this.#skip(tag, end);
    }
    return value;
  }

  #blankCall(): CallFields {
    const call = this.#call;
    call.id = 0;
    call.target = "";
    call.method = "";
    call.remainingMs = 0;
    call.trace = "";
    call.codec = undefined;
    call.payload = NOTHING;
    call.credit = 0;
    call.idempotent = false;
    call.key = "";
    call.route = 0;
    return call;
  }

  /** Whether there is something known in the frame. Its last known field counts, as protobuf has it for a `oneof`. */
  #frame(end: number): boolean {
    let isKnown = false;
    while (this.#at < end) {
      const tag = this.#tag(end);
      const kind = KIND_OF_FIELD[tag >>> 3];
      if (kind === undefined || (tag & 7) !== LENGTH_DELIMITED) {
        this.#skip(tag, end);
        continue;
      }
      isKnown = true;
      this.#kind = kind;
      this.#bodyEnd = this.#lengthEnd(end);
      this.#bodyStart = this.#at;
      this.#at = this.#bodyEnd;
    }
    return isKnown;
  }

  /** To the begin of the body; where it ends. Reading it leaves off where the frame ends. */
  #rewind(): number {
    this.#at = this.#bodyStart;
    return this.#bodyEnd;
  }

  #tag(end: number): number {
    const tag = this.#uint32(end);
    if (tag >>> 3 === 0) throw new IrisError("PROTOCOL_ERROR", "a field without a number");
    return tag;
  }

  /** Reads a length; where what has it ends. */
  #lengthEnd(end: number): number {
    const length = this.#uint32(end);
    if (length > end - this.#at) {
      throw new IrisError("PROTOCOL_ERROR", `a field of ${length} bytes where ${end - this.#at} are left`);
    }
    return this.#at + length;
  }

  #view(end: number): Uint8Array {
    const viewEnd = this.#lengthEnd(end);
    const view = this.#bytes.subarray(this.#at, viewEnd);
    this.#at = viewEnd;
    return view;
  }

  #string(end: number): string {
    const { buffer, byteOffset, length } = this.#view(end);
    return Buffer.from(buffer, byteOffset, length).toString("utf8");
  }

  /** Steps over the value of a field that is not known. */
  #skip(tag: number, end: number): void {
    switch (tag & 7) {
      case 0:
        this.#uint32(end);
        return;
      case 1:
        this.#step(8, end);
        return;
      case LENGTH_DELIMITED:
        this.#at = this.#lengthEnd(end);
        return;
      case 5:
        this.#step(4, end);
        return;
      default:
        throw new IrisError("PROTOCOL_ERROR", `a field of wire type ${tag & 7}, which is not spoken here`);
    }
  }

  #step(length: number, end: number): void {
    if (length > end - this.#at) {
      throw new IrisError("PROTOCOL_ERROR", `a field of ${length} bytes where ${end - this.#at} are left`);
    }
    this.#at += length;
  }

  #uint32(end: number): number {
    if (this.#at < end) {
      const byte = this.#bytes[this.#at] as number;
      if (byte < 0x80) {
        this.#at++;
        return byte;
      }
    }
    return this.#longUint32(end);
  }

  /** At most ten bytes, of which the low 32 bits count, as everywhere in protobuf. */
  #longUint32(end: number): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= end) throw new IrisError("PROTOCOL_ERROR", "a number that breaks off");
      const byte = this.#bytes[this.#at++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new IrisError("PROTOCOL_ERROR", "a number of more than ten bytes");
  }
}
