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

/** The one found last: often it is the next one, too. */
let latest: ReadShape = { keys: [], block: new Uint8Array(0), hasProto: false };

/** The shape remembered for the `length` bytes of `count` keys at `at`, or undefined. */
export function readShape(bytes: Uint8Array, at: number, length: number, count: number): ReadShape | undefined {
  if (isSame(latest, bytes, at, length, count)) return latest;
  const shape = remembered[placeOf(bytes, at, length)];
  if (shape === undefined || !isSame(shape, bytes, at, length, count)) return undefined;
  latest = shape;
  return shape;
}

function isSame(shape: ReadShape, bytes: Uint8Array, at: number, length: number, count: number): boolean {
  const { block } = shape;
  if (shape.keys.length !== count || block.length !== length) return false;
  for (let i = 0; i < length; i++) if (block[i] !== bytes[at + i]) return false;
  return true;
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
