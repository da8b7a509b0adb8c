/**
 * Writes the frames that leave by the hundred thousand straight into the batch that will carry them, in protobuf's wire
 * format; `proto/frame.proto` stays their definition, and protobufjs the judge in the tests. Payloads come last, so that
 * a big one need not be copied behind its frame. The one invariant: what is written has exactly the size announced.
 */
import type { Payload } from "./channel.ts";
import type { Outbox } from "./outbox.ts";
import type { Route } from "./routes.ts";

/** What a call's frame says beside its route and its payload. */
export interface CallHead {
  readonly id: number;
  /** 0 means none. */
  readonly remainingMs: number;
  readonly trace: string;
  readonly credit: number;
  readonly idempotent: boolean;
  /** Empty means none. */
  readonly key: string;
}

const FRAMES_TAG = 0x0a;
const CALL_TAG = 0x12;
const TELL_TAG = 0x1a;
const REPLY_TAG = 0x22;
const CANCEL_TAG = 0x32;
const STREAM_ITEM_TAG = 0x3a;
const STREAM_END_TAG = 0x42;
const CREDIT_TAG = 0x4a;

/** Bytes of a call's body; `frameBytes` tells what that takes in all. */
export function callBodyBytes(head: CallHead, route: Route, named: boolean, payload: Payload): number {
  return (
    numberBytes(head.id) +
    namesBytes(route, named) +
    numberBytes(head.remainingMs) +
    textBytes(head.trace) +
    2 +
    payloadBytes(payload) +
    numberBytes(head.credit) +
    (head.idempotent ? 2 : 0) +
    textBytes(head.key)
  );
}

/** Puts a call; its ticket. `bodyBytes` is what `callBodyBytes` says. */
export function putCall(
  outbox: Outbox,
  head: CallHead,
  route: Route,
  named: boolean,
  payload: Payload,
  bodyBytes: number,
): number {
  let at = outbox.begin(frameBytes(bodyBytes), payload.bytes.length);
  const into = outbox.into;
  at = writeOpening(into, at, CALL_TAG, bodyBytes);
  at = writeNumber(into, at, 0x08, head.id);
  if (named) {
    at = writeBytes(into, at, 0x12, route.targetBytes);
    at = writeBytes(into, at, 0x1a, route.methodBytes);
  }
  at = writeNumber(into, at, 0x20, head.remainingMs);
  if (head.trace !== "") at = writeBytes(into, at, 0x2a, Buffer.from(head.trace));
  at = writeNumber(into, at, 0x30, codecNumber(payload));
  at = writeNumber(into, at, 0x40, head.credit);
  if (head.idempotent) at = writeNumber(into, at, 0x48, 1);
  if (head.key !== "") at = writeBytes(into, at, 0x52, Buffer.from(head.key));
  at = writeNumber(into, at, 0x58, route.id);
  at = writeNumber(into, at, 0x3a, payload.bytes.length);
  return outbox.finish(at, payload.bytes);
}

/** Bytes of a tell's body. */
export function tellBodyBytes(route: Route, named: boolean, payload: Payload): number {
  return namesBytes(route, named) + 2 + payloadBytes(payload);
}

/** Puts a tell; its ticket. */
export function putTell(outbox: Outbox, route: Route, named: boolean, payload: Payload, bodyBytes: number): number {
  let at = outbox.begin(frameBytes(bodyBytes), payload.bytes.length);
  const into = outbox.into;
  at = writeOpening(into, at, TELL_TAG, bodyBytes);
  if (named) {
    at = writeBytes(into, at, 0x0a, route.targetBytes);
    at = writeBytes(into, at, 0x12, route.methodBytes);
  }
  at = writeNumber(into, at, 0x18, codecNumber(payload));
  at = writeNumber(into, at, 0x30, route.id);
  at = writeNumber(into, at, 0x22, payload.bytes.length);
  return outbox.finish(at, payload.bytes);
}

/** Bytes of the body of a reply or an item of a stream. */
export function answerBodyBytes(id: number, payload: Payload): number {
  return numberBytes(id) + 2 + payloadBytes(payload);
}

export function putReply(outbox: Outbox, id: number, payload: Payload, bodyBytes: number): void {
  putAnswer(outbox, REPLY_TAG, id, payload, bodyBytes);
}

export function putStreamItem(outbox: Outbox, id: number, payload: Payload, bodyBytes: number): void {
  putAnswer(outbox, STREAM_ITEM_TAG, id, payload, bodyBytes);
}

export function putStreamEnd(outbox: Outbox, id: number): void {
  putNumbers(outbox, STREAM_END_TAG, id, 0);
}

export function putCancel(outbox: Outbox, id: number): void {
  putNumbers(outbox, CANCEL_TAG, id, 0);
}

export function putCredit(outbox: Outbox, id: number, items: number): void {
  putNumbers(outbox, CREDIT_TAG, id, items);
}

/** What a frame with a body of so many bytes takes in a batch, all told. */
export function frameBytes(bodyBytes: number): number {
  const frame = 1 + varintBytes(bodyBytes) + bodyBytes;
  return 1 + varintBytes(frame) + frame;
}

function putAnswer(outbox: Outbox, tag: number, id: number, payload: Payload, bodyBytes: number): void {
  let at = outbox.begin(frameBytes(bodyBytes), payload.bytes.length);
  const into = outbox.into;
  at = writeOpening(into, at, tag, bodyBytes);
  at = writeNumber(into, at, 0x08, id);
  at = writeNumber(into, at, 0x10, codecNumber(payload));
  at = writeNumber(into, at, 0x1a, payload.bytes.length);
  outbox.finish(at, payload.bytes);
}

function putNumbers(outbox: Outbox, tag: number, first: number, second: number): void {
  const bodyBytes = numberBytes(first) + numberBytes(second);
  let at = outbox.begin(frameBytes(bodyBytes), 0);
  const into = outbox.into;
  at = writeOpening(into, at, tag, bodyBytes);
  at = writeNumber(into, at, 0x08, first);
  at = writeNumber(into, at, 0x10, second);
  outbox.finish(at, NOTHING);
}

const NOTHING = new Uint8Array(0);

function codecNumber(payload: Payload): number {
  return payload.codec === "VALUE" ? 2 : 1;
}

function namesBytes(route: Route, named: boolean): number {
  const names = named ? nameBytes(route.targetBytes) + nameBytes(route.methodBytes) : 0;
  return names + numberBytes(route.id);
}

function nameBytes(name: Uint8Array): number {
  return name.length === 0 ? 0 : bytesBytes(name.length);
}

function payloadBytes({ bytes }: Payload): number {
  return bytes.length === 0 ? 0 : bytesBytes(bytes.length);
}

/** A number's field; none for 0, which is what it is when it is missing. */
function numberBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

/** A text's field; none for an empty one. */
function textBytes(text: string): number {
  return text === "" ? 0 : bytesBytes(Buffer.byteLength(text));
}

function bytesBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

function writeOpening(into: Uint8Array, at: number, tag: number, bodyBytes: number): number {
  into[at] = FRAMES_TAG;
  const inner = writeVarint(into, at + 1, 1 + varintBytes(bodyBytes) + bodyBytes);
  into[inner] = tag;
  return writeVarint(into, inner + 1, bodyBytes);
}

function writeNumber(into: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  into[at] = tag;
  return writeVarint(into, at + 1, value);
}

function writeBytes(into: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return at;
  into[at] = tag;
  const from = writeVarint(into, at + 1, bytes.length);
  into.set(bytes, from);
  return from + bytes.length;
}

export function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** Writes a non-negative integer below 2^32; where it ends. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    into[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[next++] = rest;
  return next;
}
