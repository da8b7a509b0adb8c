/**
 * Keys of plain objects, remembered per process: programs send the same few records over and over, and reading or writing
 * their keys is most of the work. A pure cache: what is in it changes how fast a message is written or read, never what.
 */
import { VALUE_LIMITS } from "./format.ts";

/** Keys as an encoder knows them. */
export interface WrittenShape {
  readonly keys: readonly string[];
  /** The keys as they stand in a message. */
  readonly block: Uint8Array;
  /** The message that was taught this shape last, and the number it has there. */
  taughtTo: number;
  number: number;
}

/** Keys as a decoder knows them. */
export interface ReadShape {
  readonly keys: readonly string[];
  readonly block: Uint8Array;
  /** Whether one of them is `__proto__`, which must be defined, as assigning it sets the prototype. */
  readonly hasProto: boolean;
}

/** Shapes that begin with the same key; a program has few of these, and a stranger gets no more. */
const SHAPES_PER_FIRST_KEY = 8;
const NO_KEY = "";

let writtenCount = 0;
const written = new Map<string, WrittenShape[]>();

/** The shape with exactly these keys in this order, or undefined where they are not worth remembering. */
export function writtenShape(keys: readonly string[]): WrittenShape | undefined {
  const count = keys.length;
  if (count > VALUE_LIMITS.shapeKeys) return undefined;
  const first = keys[0] ?? NO_KEY;
  const candidates = written.get(first);
  if (candidates !== undefined) {
    for (let i = 0; i < candidates.length; i++) {
      const shape = candidates[i] as WrittenShape;
      if (sameKeys(shape.keys, keys)) return shape;
    }
  }
  return rememberWritten(first, keys, candidates);
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function rememberWritten(
  first: string,
  keys: readonly string[],
  candidates: WrittenShape[] | undefined,
): WrittenShape | undefined {
  const block = keyBlock(keys);
  if (block === undefined) return undefined;
  const shape: WrittenShape = { keys, block, taughtTo: 0, number: 0 };
  if (candidates !== undefined && candidates.length < SHAPES_PER_FIRST_KEY) {
    candidates.push(shape);
  } else if (candidates !== undefined) {
    candidates.shift();
    candidates.push(shape);
    return shape;
  } else {
    if (writtenCount >= VALUE_LIMITS.shapesKept) {
      written.clear();
      writtenCount = 0;
    }
    written.set(first, [shape]);
  }
  writtenCount += 1;
  return shape;
}

/** Length and UTF-8 of each key, or undefined when they are too long or one cannot be said in UTF-8. */
function keyBlock(keys: readonly string[]): Uint8Array | undefined {
  const parts: number[] = [];
  for (const key of keys) {
    if (key.length > VALUE_LIMITS.shapeBytes || !key.isWellFormed()) return undefined;
    const bytes = Buffer.from(key, "utf8");
    let length = bytes.length;
    while (length > 127) {
      parts.push((length & 127) | 128);
      length >>>= 7;
    }
    parts.push(length);
    for (const byte of bytes) parts.push(byte);
    if (parts.length > VALUE_LIMITS.shapeBytes) return undefined;
  }
  return Uint8Array.from(parts);
}

const read = new Map<number, ReadShape>();

/** The shape remembered for the `length` bytes of keys at `at`, or undefined. */
export function readShape(bytes: Uint8Array, at: number, length: number, count: number): ReadShape | undefined {
  const shape = read.get(sampleHash(bytes, at, length, count));
  if (shape === undefined || shape.keys.length !== count || shape.block.length !== length) return undefined;
  const { block } = shape;
  for (let i = 0; i < length; i++) if (block[i] !== bytes[at + i]) return undefined;
  return shape;
}

/** Remembers keys that were just read; they take the place of others with the same hash. */
export function rememberRead(bytes: Uint8Array, at: number, length: number, keys: readonly string[]): ReadShape {
  const shape = { keys, block: bytes.slice(at, at + length), hasProto: keys.includes("__proto__") };
  if (read.size >= VALUE_LIMITS.shapesKept) read.clear();
  read.set(sampleHash(bytes, at, length, keys.length), shape);
  return shape;
}

/** A hash of some bytes of the keys. Weak on purpose: the bytes are compared anyway, and a collision only costs time. */
function sampleHash(bytes: Uint8Array, at: number, length: number, count: number): number {
  const step = (length >>> 4) + 1;
  let hash = (length << 6) ^ count;
  for (let i = at; i < at + length; i += step) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  return hash;
}
