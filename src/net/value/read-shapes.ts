/**
 * Keys of plain objects as a decoder remembers them, for the whole process, found by their bytes. A pure cache of a fixed
 * size: what is in it changes how fast a message is read, never what is read.
 */
import { VALUE_LIMITS } from "./format.ts";

export interface ReadShape {
  readonly keys: readonly string[];
  /** The keys as they stand in a message. */
  readonly block: Uint8Array;
  /** Whether one of them is `__proto__`, which must be defined, as assigning it sets the prototype. */
  readonly hasProto: boolean;
}

/** Bytes of a block that its place depends on, at most. */
const SAMPLES = 12;

const remembered: (ReadShape | undefined)[] = new Array(VALUE_LIMITS.shapesRead).fill(undefined);

/** The shape remembered for the `length` bytes of `count` keys at `at`, or undefined. */
export function readShape(bytes: Uint8Array, at: number, length: number, count: number): ReadShape | undefined {
  const shape = remembered[placeOf(bytes, at, length)];
  if (shape === undefined || shape.keys.length !== count) return undefined;
  const { block } = shape;
  if (block.length !== length) return undefined;
  for (let i = 0; i < length; i++) if (block[i] !== bytes[at + i]) return undefined;
  return shape;
}

/** Remembers keys that were just read; they take the place of others. */
export function rememberRead(bytes: Uint8Array, at: number, length: number, keys: readonly string[]): ReadShape {
  const block = Uint8Array.prototype.slice.call(bytes, at, at + length);
  const shape = { keys, block, hasProto: keys.includes("__proto__") };
  remembered[placeOf(bytes, at, length)] = shape;
  return shape;
}

/** Weak on purpose: the bytes are compared anyway, and keys that fall on one place only cost time. */
function placeOf(bytes: Uint8Array, at: number, length: number): number {
  const step = length <= SAMPLES ? 1 : Math.ceil(length / SAMPLES);
  let hash = length;
  for (let i = at; i < at + length; i += step) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  return (hash ^ (hash >>> 15)) & (VALUE_LIMITS.shapesRead - 1);
}
