/** Runs of bytes as what they were: buffers and their views, made over a copy of their own or over the message itself. */
import type { BytesKind } from "./format.ts";
import { malformed } from "./reader.ts";

/** What a view is made with, by its name. `Float16Array` is absent where the engine lacks it. */
interface ViewConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
}

/** The `length` bytes at `at`, copied once. Throws `PROTOCOL_ERROR` when they are no whole number of elements. */
export function copyOf(kind: BytesKind, bytes: Uint8Array, at: number, length: number): object {
  const buffer = ownBuffer(bytes, at, length);
  return kind === "ArrayBuffer" ? buffer : viewOver(kind, buffer, 0, length);
}

/** The same, uncopied, wherever that is possible: a buffer is a copy, and so is a view that would not be aligned. */
export function viewOf(kind: BytesKind, bytes: Uint8Array, at: number, length: number): object {
  const byteOffset = bytes.byteOffset + at;
  if (kind === "ArrayBuffer" || byteOffset % elementBytes(kind) !== 0) return copyOf(kind, bytes, at, length);
  return viewOver(kind, bytes.buffer, byteOffset, length);
}

function ownBuffer(bytes: Uint8Array, at: number, length: number): ArrayBuffer {
  const { buffer, byteOffset } = bytes;
  // One pass over the memory; making a buffer and copying into it are two.
  if (buffer instanceof ArrayBuffer) return buffer.slice(byteOffset + at, byteOffset + at + length);
  const own = new Uint8Array(length);
  own.set(bytes.subarray(at, at + length));
  return own.buffer;
}

function viewOver(kind: BytesKind, buffer: ArrayBufferLike, byteOffset: number, length: number): object {
  if (kind === "Uint8Array") return new Uint8Array(buffer, byteOffset, length);
  if (kind === "Buffer") return Buffer.from(buffer, byteOffset, length);
  if (kind === "DataView") return new DataView(buffer, byteOffset, length);
  const elements = length / elementBytes(kind);
  if (!Number.isInteger(elements)) throw malformed(`${length} bytes are no whole ${kind}`);
  return new (constructorOf(kind))(buffer, byteOffset, elements);
}

function elementBytes(kind: BytesKind): number {
  return kind === "Buffer" || kind === "DataView" || kind === "ArrayBuffer" ? 1 : constructorOf(kind).BYTES_PER_ELEMENT;
}

function constructorOf(kind: BytesKind): ViewConstructor {
  const View = (globalThis as unknown as Partial<Record<BytesKind, ViewConstructor>>)[kind];
  if (View === undefined) throw malformed(`this engine has no ${kind}`);
  return View;
}
