/**
 * Keys of plain objects as an encoder remembers them, for the whole process: programs send the same few records over and
 * over, and writing their keys is most of the work. A tree in which each key leads on to those that were seen after it.
 * A pure cache: what is in it changes how fast a message is written, never what it says.
 */
import { VALUE_LIMITS } from "./format.ts";

/** The keys of an object, in their order. */
export class WrittenShape {
  readonly keys: readonly string[];
  /** The keys as a message teaches them: count, bytes of keys, keys. */
  readonly lesson: Uint8Array;
  /** The message that was taught this shape last, and the number that it has there. */
  taughtTo = 0;
  number = 0;
  /** How often it was taught to a message: what is sent once is not worth a session's memory. */
  lessons = 0;

  constructor(keys: readonly string[], lesson: Uint8Array) {
    this.keys = keys;
    this.lesson = lesson;
  }
}

/** Objects that begin with the same keys. */
class Place {
  /** Where the key that came next the last time leads to. */
  lastKey: string | undefined = undefined;
  last: Place | undefined = undefined;
  /** Where each key leads to. */
  next: Map<string, Place> | undefined = undefined;
  /** Of objects with no further keys. */
  shape: WrittenShape | undefined = undefined;
}

let root = new Place();
let placeCount = 0;

/** Whether plain objects inherit nothing that going through their properties would find. */
export function isObjectPrototypeBare(): boolean {
  for (const _key in Object.prototype) return false;
  return true;
}

/** The shape of an object without inherited enumerable properties; undefined where its keys are not worth remembering. */
export function shapeOf(object: Record<string, unknown>): WrittenShape | undefined {
  let place = root;
  // Going through the properties like this, not through `Object.keys`, costs a fifth: the engine has the keys at hand.
  for (const key in object) {
    const next = place.lastKey === key ? place.last : place.next?.get(key);
    if (next === undefined) return learnShape(Object.keys(object));
    place.lastKey = key;
    place.last = next;
    place = next;
  }
  return place.shape ?? learnShape(Object.keys(object));
}

/** The shape with exactly these keys in this order; undefined where they are not worth remembering. */
export function shapeWith(keys: readonly string[]): WrittenShape | undefined {
  let place = root;
  for (let i = 0; i < keys.length; i++) {
    const next = place.next?.get(keys[i] as string);
    if (next === undefined) return learnShape(keys);
    place = next;
  }
  return place.shape ?? learnShape(keys);
}

function learnShape(keys: readonly string[]): WrittenShape | undefined {
  if (keys.length > VALUE_LIMITS.shapeKeys) return undefined;
  const lesson = lessonOf(keys);
  if (lesson === undefined) return undefined;
  if (placeCount + keys.length > VALUE_LIMITS.keysWritten) {
    root = new Place();
    placeCount = 0;
  }
  let place = root;
  for (const key of keys) {
    place.next ??= new Map();
    let next = place.next.get(key);
    if (next === undefined) {
      next = new Place();
      placeCount += 1;
      place.next.set(key, next);
    }
    place = next;
  }
  place.shape = new WrittenShape(keys, lesson);
  return place.shape;
}

/** Count of keys, bytes of keys, each with its length; undefined when they are too long or one cannot be said in UTF-8. */
function lessonOf(keys: readonly string[]): Uint8Array | undefined {
  const block: number[] = [];
  for (const key of keys) {
    if (key.length > VALUE_LIMITS.shapeBytes || !key.isWellFormed()) return undefined;
    const bytes = Buffer.from(key, "utf8");
    pushVarint(block, bytes.length);
    for (const byte of bytes) block.push(byte);
    if (block.length > VALUE_LIMITS.shapeBytes) return undefined;
  }
  const head: number[] = [];
  pushVarint(head, keys.length);
  pushVarint(head, block.length);
  return Uint8Array.from([...head, ...block]);
}

function pushVarint(to: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    to.push((rest & 127) | 128);
    rest >>>= 7;
  }
  to.push(rest);
}
