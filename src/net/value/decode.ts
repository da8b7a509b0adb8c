/**
 * Bytes as a value: data only. Nothing that is received runs code, loads a module or chooses a class beyond the built-in
 * ones; a tag that is not known is refused, and tags for code are not known here.
 */
import { IrisError } from "../../runtime/errors.ts";
import { copyOf, viewOf } from "./bytes-kind.ts";
import {
  BYTES_KINDS,
  ERROR_KINDS,
  ERROR_PART,
  FORMAT_VERSION,
  FORMAT_VERSION_LEARNED,
  SHORT_STRING,
  SMALL_INT,
  TAG,
  VALUE_LIMITS,
} from "./format.ts";
import { type ReadShape, readShape, rememberRead } from "./read-shapes.ts";
import { malformed, Reader } from "./reader.ts";
import type { TaughtShapes } from "./taught-shapes.ts";

/** Holes that an array may have on credit; a longer array with holes is made so that they take no memory. */
const HOLES_ON_CREDIT_MAX = 64;

/** Objects whose list is kept between messages; a longer one is left to the collector. */
const LISTED_MAX = 64;

/**
 * Whose the bytes are once they are decoded. `caller`: what is decoded shares none of them. `value`: long typed arrays and
 * buffers are views onto them, uncopied where they are aligned; the caller must neither change nor reuse the bytes, and a
 * view that is kept keeps all of them.
 */
export type BytesOwner = "caller" | "value";

/** Throws `PROTOCOL_ERROR` for anything that `encodeValue` cannot have written. */
export function decodeValue(bytes: Uint8Array, owner: BytesOwner = "caller"): unknown {
  return decodeWith(bytes, undefined, owner);
}

/** Decodes for a session that has learned some shapes. */
export function decodeWith(bytes: Uint8Array, taught: TaughtShapes | undefined, owner: BytesOwner): unknown {
  const decoder = spare ?? new Decoder();
  spare = undefined; // a setter that someone gave to all objects may decode a value while this one is decoded
  try {
    return decoder.message(bytes, taught, owner);
  } catch (error) {
    // A built-in constructor refused what it was given: a RegExp that does not parse, a URL that is none, a huge BigInt.
    throw IrisError.is(error, "PROTOCOL_ERROR") ? error : malformed(String(error), error);
  } finally {
    decoder.reset();
    spare = decoder;
  }
}

class Decoder {
  readonly #in = new Reader();
  #taught: TaughtShapes | undefined;
  #owner: BytesOwner = "caller";
  #objects: (object | undefined)[] = [];
  #objectCount = 0;
  #shapes: ReadShape[] = [];
  #depth = 0;

  message(bytes: Uint8Array, taught: TaughtShapes | undefined, owner: BytesOwner): unknown {
    this.#in.open(bytes);
    this.#taught = taught;
    this.#owner = owner;
    const version = this.#in.byte();
    if (version === FORMAT_VERSION_LEARNED && taught !== undefined) this.#confirmations(taught);
    else if (version !== FORMAT_VERSION) throw malformed(`format ${version} is not known, only ${FORMAT_VERSION} is`);
    const value = this.#value();
    if (this.#in.remaining > 0) throw malformed(`${this.#in.remaining} bytes too many`);
    return value;
  }

  /** Forgets the message, and lets go of what was in it. */
  reset(): void {
    this.#in.close();
    this.#taught = undefined;
    if (this.#objectCount > LISTED_MAX) this.#objects = [];
    else for (let i = 0; i < this.#objectCount; i++) this.#objects[i] = undefined;
    this.#objectCount = 0;
    if (this.#shapes.length > 0) this.#shapes = [];
    this.#depth = 0;
  }

  #confirmations(taught: TaughtShapes): void {
    const count = this.#in.count(1);
    for (let i = 0; i < count; i++) taught.confirmed(this.#in.varint());
  }

  #value(): unknown {
    return this.#tagged(this.#in.byte());
  }

  #tagged(tag: number): unknown {
    if (tag >= SMALL_INT) return tag - SMALL_INT;
    if (tag >= SHORT_STRING) return this.#in.latin1(tag - SHORT_STRING);
    switch (tag) {
      case TAG.undefined:
        return undefined;
      case TAG.null:
        return null;
      case TAG.false:
        return false;
      case TAG.true:
        return true;
      case TAG.int: {
        const zigzag = this.#in.varint();
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
      case TAG.double:
        return this.#in.double();
      case TAG.latin1:
      case TAG.utf8:
      case TAG.utf16:
        return this.#in.stringOf(tag);
      case TAG.bigint:
        return this.#bigint();
      case TAG.symbol:
        return Symbol.for(this.#in.string());
      case TAG.reference:
        return this.#reference();
      default:
        return this.#container(tag);
    }
  }

  #bigint(): bigint {
    const sign = this.#in.byte();
    if (sign > 1) throw malformed(`sign ${sign} of a BigInt`);
    const magnitude = this.#in.magnitude(this.#in.varint());
    return sign === 1 ? -magnitude : magnitude;
  }

  #reference(): object {
    const number = this.#in.varint();
    const object = number < this.#objectCount ? this.#objects[number] : undefined;
    if (object === undefined) throw malformed(`object ${number} of ${this.#objectCount}`);
    return object;
  }

  #container(tag: number): object {
    if (this.#depth === VALUE_LIMITS.nesting) throw malformed(`nested deeper than ${VALUE_LIMITS.nesting}`);
    this.#depth += 1;
    const value = this.#containerOf(tag);
    this.#depth -= 1;
    return value;
  }

  #containerOf(tag: number): object {
    switch (tag) {
      case TAG.object:
        return this.#record(this.#learnShape());
      case TAG.objectAgain: {
        const number = this.#in.varint();
        const shape = this.#shapes[number];
        if (shape === undefined) throw malformed(`shape ${number} of ${this.#shapes.length}`);
        return this.#record(shape);
      }
      case TAG.objectTaught:
        return this.#record(this.#learnForSession());
      case TAG.objectLearned:
        if (this.#taught === undefined) throw malformed("a shape of a session where there is none");
        return this.#record(this.#taught.learned(this.#in.varint()));
      case TAG.array:
        return this.#array();
      case TAG.sparseArray:
        return this.#sparseArray();
      case TAG.dictionary:
        return this.#pairsInto(this.#begun({}));
      case TAG.nullDictionary:
        return this.#pairsInto(this.#begun(Object.create(null) as object));
      case TAG.map:
        return this.#map();
      case TAG.set:
        return this.#set();
      case TAG.date:
        return this.#begun(new Date(this.#in.double()));
      case TAG.regExp:
        return this.#begun(new RegExp(this.#in.string(), this.#in.string()));
      case TAG.error:
        return this.#error();
      case TAG.url:
        return this.#begun(new URL(this.#in.string()));
      case TAG.bytes:
        return this.#bytes();
      default:
        throw malformed(`tag ${tag} is not known`);
    }
  }

  /** Gives an object its number, before what it contains is read: that may refer to it. */
  #begun<T extends object>(object: T): T {
    this.#objects[this.#objectCount++] = object;
    return object;
  }

  #learnForSession(): ReadShape {
    if (this.#taught === undefined) throw malformed("a shape for a session where there is none");
    const number = this.#in.varint();
    const shape = this.#learnShape();
    this.#taught.learn(number, shape);
    return shape;
  }

  #learnShape(): ReadShape {
    const count = this.#in.varint();
    const length = this.#in.varint();
    if (count > VALUE_LIMITS.shapeKeys || length > VALUE_LIMITS.shapeBytes) throw malformed("a shape is too long");
    const at = this.#in.skip(length);
    const shape = readShape(this.#in.bytes, at, length, count) ?? this.#parseShape(at, length, count);
    this.#shapes.push(shape);
    return shape;
  }

  #parseShape(at: number, length: number, count: number): ReadShape {
    const block = new Reader();
    block.open(this.#in.bytes.subarray(at, at + length));
    const keys: string[] = [];
    for (let i = 0; i < count; i++) keys.push(block.utf8(block.varint()));
    if (block.remaining > 0 || new Set(keys).size !== count) throw malformed("a shape is not what it says");
    return rememberRead(this.#in.bytes, at, length, keys);
  }

  #record(shape: ReadShape): object {
    const object = this.#begun({} as Record<string, unknown>);
    const { keys } = shape;
    if (shape.hasProto) {
      for (const key of keys) define(object, key, this.#value());
      return object;
    }
    for (let i = 0; i < keys.length; i++) object[keys[i] as string] = this.#value();
    return object;
  }

  #pairsInto<T extends object>(object: T): T {
    const count = this.#in.count(2);
    for (let i = 0; i < count; i++) {
      const key = this.#in.string();
      define(object, key, this.#value());
    }
    return object;
  }

  #array(): unknown[] {
    const count = this.#in.count(1);
    // Short ones, such as the arguments of a call, get just the room that they need; others grow with what is there.
    if (count <= ROOMS_MAX) {
      const array = this.#begun(roomFor(count));
      for (let i = 0; i < count; i++) array[i] = this.#value();
      return array;
    }
    const array: unknown[] = this.#begun([]);
    for (let i = 0; i < count; i++) array.push(this.#value());
    return array;
  }

  #sparseArray(): unknown[] {
    const length = this.#in.varint();
    const array: unknown[] = this.#begun([]);
    // A length beyond all arrays with room turns this one into a table of what it holds, and shortening keeps it one:
    // otherwise a few bytes could ask for megabytes of holes.
    if (length > HOLES_ON_CREDIT_MAX) array.length = VALUE_LIMITS.arrayLength;
    array.length = length;
    for (let tag = this.#in.byte(); tag !== TAG.end; tag = this.#in.byte()) {
      const index = this.#tagged(tag);
      if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= length) {
        throw malformed("an index is not within its array");
      }
      array[index] = this.#value();
    }
    return array;
  }

  #map(): Map<unknown, unknown> {
    const map = this.#begun(new Map<unknown, unknown>());
    for (let tag = this.#in.byte(); tag !== TAG.end; tag = this.#in.byte()) {
      const key = this.#tagged(tag);
      map.set(key, this.#value());
    }
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#begun(new Set<unknown>());
    for (let tag = this.#in.byte(); tag !== TAG.end; tag = this.#in.byte()) set.add(this.#tagged(tag));
    return set;
  }

  #bytes(): object {
    const kind = BYTES_KINDS[this.#in.byte()];
    if (kind === undefined) throw malformed("bytes of no known kind");
    const length = this.#in.varint();
    const isLong = length >= VALUE_LIMITS.alignedBytes;
    if (isLong) this.#in.align();
    const at = this.#in.skip(length);
    const make = isLong && this.#owner === "value" ? viewOf : copyOf;
    return this.#begun(make(kind, this.#in.bytes, at, length));
  }

  #error(): Error {
    const kind = ERROR_KINDS[this.#in.byte()];
    if (kind === undefined) throw malformed("an error of no known kind");
    const parts = this.#in.byte();
    const error = this.#begun(kind === "AggregateError" ? new AggregateError([]) : new (builtIn(kind))());
    if (kind === "IrisError") Object.setPrototypeOf(error, IrisError.prototype);
    const message = parts & ERROR_PART.message ? this.#in.string() : "";
    hide(error, "message", message);
    const name = parts & ERROR_PART.name ? this.#in.string() : undefined;
    if (name !== undefined) hide(error, "name", name);
    hide(error, "stack", parts & ERROR_PART.stack ? this.#in.string() : `${name ?? kind}: ${message}`);
    if (parts & ERROR_PART.cause) hide(error, "cause", this.#value());
    if (parts & ERROR_PART.errors) hide(error, "errors", this.#value());
    this.#pairsInto(error);
    if (kind === "IrisError" && !IrisError.is(error)) throw malformed("an IrisError without a code");
    return error;
  }
}

const ROOMS_MAX = 3;

function roomFor(count: number): unknown[] {
  if (count === 0) return [];
  if (count === 1) return [undefined];
  return count === 2 ? [undefined, undefined] : [undefined, undefined, undefined];
}

function builtIn(kind: Exclude<(typeof ERROR_KINDS)[number], "AggregateError">): ErrorConstructor {
  return kind === "IrisError" ? Error : globalThis[kind];
}

/** Sets an own property whatever its name: `__proto__` is one, and a setter of a prototype is not asked. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

/** The same, not enumerable: as `message`, `stack` and `cause` of an error are. */
function hide(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: false, configurable: true });
}

let spare: Decoder | undefined = new Decoder();
