/** Runs of bytes as what they were: buffers and their views, made over a copy of their own. */
import type { BytesKind } from "./format.ts";
import { malformed } from "./reader.ts";

/** What a view is made with, by its name. `Float16Array` is absent where the engine lacks it. */
interface ViewConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): ArrayBufferView;
}

/** The `length` bytes at `at`, copied once. Throws `PROTOCOL_ERROR` when they are no whole number of elements. */
export function bytesOf(kind: BytesKind, bytes: Uint8Array, at: number, length: number): object {
  const buffer = new ArrayBuffer(length);
  const copy = new Uint8Array(buffer);
  copy.set(bytes.subarray(at, at + length));
  switch (kind) {
    case "Uint8Array":
      return copy;
    case "ArrayBuffer":
      return buffer;
    case "Buffer":
      return Buffer.from(buffer);
    case "DataView":
      return new DataView(buffer);
  }
  const View = (globalThis as unknown as Partial<Record<BytesKind, ViewConstructor>>)[kind];
  if (View === undefined) throw malformed(`this engine has no ${kind}`);
  if (length % View.BYTES_PER_ELEMENT !== 0) throw malformed(`${length} bytes are no whole ${kind}`);
  return new View(buffer);
}
