/**
 * A value as bytes. What arrives is what `structuredClone` would give, with a few things more: null prototypes, `Buffer`,
 * `URL`, registered symbols, own properties of errors.
 *
 * - Identity and cycles are kept: what was one object is one object, within one message.
 * - An instance of a class arrives as a plain object with its own enumerable properties.
 * - Errors keep message, name, stack, cause and own properties; a class that is not built in arrives as the nearest that
 *   is, under its own name. `IrisError` arrives as `IrisError`.
 * - A typed array, `DataView` or `Buffer` arrives as what it is, over bytes of its own: only what it shows is sent, never
 *   the rest of a pool that it is cut from, so two views of one buffer arrive apart.
 * - Keys that are symbols, and properties of arrays beside their elements, are left behind.
 * - What would arrive as something else than it is (functions, promises, weak collections, handles, proxies) is refused
 *   with `NOT_SHIPPABLE` and the way to it.
 */
import { types } from "node:util";
import { IrisError, toError } from "../../runtime/errors.ts";
import { errorParts } from "./error-parts.ts";
import {
  BYTES_KINDS,
  type BytesKind,
  ERROR_KINDS,
  ERROR_PART,
  FORMAT_VERSION,
  FORMAT_VERSION_LEARNED,
  SMALL_INT,
  SMALL_INT_MAX,
  TAG,
  VALUE_LIMITS,
} from "./format.ts";
import { Identities } from "./identities.ts";
import { refusal } from "./refusal.ts";
import type { TaughtShapes } from "./taught-shapes.ts";
import { type PathStep, unshippable } from "./unshippable.ts";
import { Writer } from "./writer.ts";
import { isObjectPrototypeBare, shapeOf, shapeWith, type WrittenShape } from "./written-shapes.ts";

/** Messages begun so far: each knows by its number which shapes it has taught. */
let messages = 0;

/**
 * Throws `NOT_SHIPPABLE`, naming the culprit and the way to it, for what cannot travel, for containers nested deeper than
 * 100, and when a getter throws. The bytes belong to the caller; their `buffer` may hold those of others, too, so it must
 * not be transferred, unless it is no longer than they are.
 */
export function encodeValue(value: unknown): Uint8Array {
  return encodeWith(value, undefined, inOne);
}

/**
 * The same bytes in pieces, for a sender that can write one after another: runs of 4 KiB and more are not copied, the
 * pieces are the value's own memory. What changes there before they are written changes what is sent.
 */
export function encodeValuePieces(value: unknown): Uint8Array[] {
  return encodeWith(value, undefined, inPieces);
}

/** Encodes for a session that knows some shapes. */
export function encodeWith<T>(value: unknown, taught: TaughtShapes | undefined, take: (out: Writer) => T): T {
  const encoder = spare ?? new Encoder();
  spare = undefined; // a getter may encode a value while this one is encoded
  try {
    encoder.message(value, taught);
    return take(encoder.out);
  } catch (error) {
    throw IrisError.is(error, "NOT_SHIPPABLE") ? error : encoder.unreadable(error);
  } finally {
    encoder.reset();
    spare = encoder;
  }
}

export const inOne = (out: Writer): Uint8Array => out.take();
export const inPieces = (out: Writer): Uint8Array[] => out.takePieces();

class Encoder {
  readonly out = new Writer();
  readonly #steps: PathStep[] = new Array(VALUE_LIMITS.nesting).fill("");
  readonly #identities = new Identities();
  #taught: TaughtShapes | undefined;
  #message = 0;
  /** Some step holds a key of the user's. */
  #holdsEntries = false;
  #depth = 0;
  #shapes = 0;

  /** Forgets the message, and lets go of what was in it. */
  reset(): void {
    this.out.reset();
    this.#identities.clear();
    if (this.#holdsEntries) this.#steps.fill("");
    this.#holdsEntries = false;
    this.#taught = undefined;
    this.#depth = 0;
    this.#shapes = 0;
  }

  message(value: unknown, taught: TaughtShapes | undefined): void {
    this.#message = ++messages;
    this.#taught = taught;
    const learned = taught?.toConfirm() ?? [];
    if (learned.length === 0) {
      this.out.byte(FORMAT_VERSION);
    } else {
      this.out.byte(FORMAT_VERSION_LEARNED);
      this.out.varint(learned.length);
      for (const number of learned) this.out.varint(number);
    }
    this.#value(value);
  }

  /** What was thrown by the user's code, a getter or a proxy's trap, while it was read. */
  unreadable(error: unknown): IrisError {
    return unshippable("a property", `reading it threw: ${toError(error).message}`, this.#path(this.#depth), error);
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.out.string(value);
        break;
      case "number":
        this.#number(value);
        break;
      case "boolean":
        this.out.byte(value ? TAG.true : TAG.false);
        break;
      case "undefined":
        this.out.byte(TAG.undefined);
        break;
      case "object":
        if (value === null) this.out.byte(TAG.null);
        else this.#object(value);
        break;
      case "bigint":
        this.out.byte(TAG.bigint);
        this.out.bigint(value);
        break;
      case "symbol":
        this.#symbol(value);
        break;
      default:
        this.#refuse(value);
    }
  }

  #number(value: number): void {
    const out = this.out;
    const int = value | 0;
    if (int !== value || (int === 0 && Object.is(value, -0))) {
      out.byte(TAG.double);
      out.double(value);
    } else if (int >= 0 && int <= SMALL_INT_MAX) {
      out.byte(SMALL_INT + int);
    } else {
      out.byte(TAG.int);
      out.varint(((int << 1) ^ (int >> 31)) >>> 0);
    }
  }

  #symbol(value: symbol): void {
    const key = Symbol.keyFor(value);
    if (key === undefined) this.#refuse(value);
    this.out.byte(TAG.symbol);
    this.out.string(key);
  }

  #object(value: object): void {
    const known = this.#identities.known(value);
    if (known >= 0) {
      this.out.byte(TAG.reference);
      this.out.varint(known);
      return;
    }
    if (this.#depth === VALUE_LIMITS.nesting) this.#refuseDepth();
    this.#depth += 1;
    if (types.isProxy(value)) this.#refuse(value);
    else if (Array.isArray(value)) hasHoles(value) ? this.#sparseArray(value) : this.#array(value);
    else {
      const prototype = Object.getPrototypeOf(value);
      if (prototype === Object.prototype) this.#record(value as Record<string, unknown>);
      else if (prototype === null) this.#dictionary(value as Record<string, unknown>, TAG.nullDictionary);
      else this.#special(value);
    }
    this.#depth -= 1;
  }

  #refuseDepth(): never {
    const why = `it is nested deeper than ${VALUE_LIMITS.nesting}; send it flat`;
    throw unshippable("a value", why, this.#path(this.#depth));
  }

  #record(value: Record<string, unknown>): void {
    if (!isObjectPrototypeBare()) {
      this.#instance(value);
      return;
    }
    const shape = shapeOf(value);
    if (shape === undefined) {
      this.#dictionary(value, TAG.dictionary);
      return;
    }
    this.#shape(shape);
    const { keys } = shape;
    const step = this.#depth - 1;
    let i = 0;
    for (const key in value) {
      if (key !== keys[i]) break;
      i += 1;
      this.#steps[step] = key;
      this.#value(value[key]);
    }
    // A getter has removed what was to come, so what was announced is not there.
    if (i < keys.length) throw new Error("its properties changed meanwhile");
  }

  /** An object whose prototype may have enumerable properties, which do not travel. */
  #instance(value: Record<string, unknown>): void {
    const keys = Object.keys(value);
    const shape = shapeWith(keys);
    if (shape === undefined) {
      this.#dictionary(value, TAG.dictionary);
      return;
    }
    this.#shape(shape);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      this.#at(key);
      this.#value(value[key]);
    }
  }

  /** Says which shape comes, and says the shape itself where the receiver may not know it. */
  #shape(shape: WrittenShape): void {
    const out = this.out;
    if (shape.taughtTo === this.#message) {
      out.byte(TAG.objectAgain);
      out.varint(shape.number);
      return;
    }
    const place = this.#taught?.place(shape);
    if (place?.isLearned) {
      out.byte(TAG.objectLearned);
      out.varint(place.number);
      return;
    }
    shape.taughtTo = this.#message;
    shape.number = this.#shapes++;
    shape.lessons += 1;
    if (place === undefined) {
      out.byte(TAG.object);
    } else {
      out.byte(TAG.objectTaught);
      out.varint(place.number);
    }
    out.raw(shape.lesson);
  }

  #dictionary(value: Record<string, unknown>, tag: number): void {
    this.out.byte(tag);
    this.#pairs(value, Object.keys(value));
  }

  #pairs(value: Record<string, unknown>, keys: readonly string[]): void {
    this.out.varint(keys.length);
    for (const key of keys) {
      this.out.string(key);
      this.#at(key);
      this.#value(value[key]);
    }
  }

  /** Notes which part of the present container comes next, before it is read: reading may throw. */
  #at(step: PathStep): void {
    this.#steps[this.#depth - 1] = step;
  }

  #array(array: readonly unknown[]): void {
    const length = array.length;
    this.out.byte(TAG.array);
    this.out.varint(length);
    const step = this.#depth - 1;
    for (let i = 0; i < length; i++) {
      this.#steps[step] = i;
      this.#value(array[i]);
    }
  }

  #sparseArray(array: readonly unknown[]): void {
    const out = this.out;
    out.byte(TAG.sparseArray);
    out.varint(array.length);
    for (const key of Object.keys(array)) {
      const index = Number(key);
      // Keys that are indices come first, in order: the first other one ends them.
      if (!Number.isInteger(index) || index < 0 || index >= VALUE_LIMITS.arrayLength || String(index) !== key) break;
      this.#number(index);
      this.#at(index);
      this.#value(array[index]);
    }
    out.byte(TAG.end);
  }

  #special(value: object): void {
    const out = this.out;
    if (types.isMap(value)) {
      out.byte(TAG.map);
      this.#holdsEntries = true;
      Map.prototype.forEach.call(value, (entry, key) => {
        this.#at({ into: "mapKey", key });
        this.#value(key);
        this.#at({ into: "mapValue", key });
        this.#value(entry);
      });
      out.byte(TAG.end);
    } else if (types.isSet(value)) {
      out.byte(TAG.set);
      this.#holdsEntries = true;
      Set.prototype.forEach.call(value, (key) => {
        this.#at({ into: "setMember", key });
        this.#value(key);
      });
      out.byte(TAG.end);
    } else if (types.isDate(value)) {
      out.byte(TAG.date);
      out.double(Date.prototype.getTime.call(value));
    } else if (types.isRegExp(value)) {
      out.byte(TAG.regExp);
      out.string(value.source);
      out.string(value.flags);
    } else if (ArrayBuffer.isView(value)) this.#view(value);
    else if (types.isArrayBuffer(value)) this.#bytes("ArrayBuffer", value, 0, value.byteLength);
    else if (types.isNativeError(value) || value instanceof Error) this.#error(value as Error);
    else if (value instanceof URL) {
      out.byte(TAG.url);
      out.string(value.href);
    } else if (refusal(value) !== undefined) this.#refuse(value);
    else this.#instance(value as Record<string, unknown>);
  }

  #view(view: ArrayBufferView): void {
    const kind = Buffer.isBuffer(view)
      ? "Buffer"
      : ((types.isTypedArray(view) ? view[Symbol.toStringTag] : "DataView") as BytesKind);
    this.#bytes(kind, view.buffer, view.byteOffset, view.byteLength);
  }

  #bytes(kind: BytesKind, buffer: ArrayBufferLike, byteOffset: number, byteLength: number): void {
    if (types.isSharedArrayBuffer(buffer) || buffer.detached) this.#refuse(buffer);
    const out = this.out;
    out.byte(TAG.bytes);
    out.byte(BYTES_KINDS.indexOf(kind));
    out.varint(byteLength);
    out.run(new Uint8Array(buffer, byteOffset, byteLength));
  }

  #error(error: Error): void {
    const out = this.out;
    this.#at("stack"); // the first of what a class may have made a getter that throws
    const { kind, message, name, stack, hasCause, hasErrors, own } = errorParts(error);
    out.byte(TAG.error);
    out.byte(ERROR_KINDS.indexOf(kind));
    out.byte(
      ERROR_PART.message |
        (name === undefined ? 0 : ERROR_PART.name) |
        (stack === undefined ? 0 : ERROR_PART.stack) |
        (hasCause ? ERROR_PART.cause : 0) |
        (hasErrors ? ERROR_PART.errors : 0),
    );
    for (const text of [message, name, stack]) if (text !== undefined) out.string(text);
    if (hasCause) {
      this.#at("cause");
      this.#value(error.cause);
    }
    if (hasErrors) {
      this.#at("errors");
      this.#value((error as AggregateError).errors);
    }
    this.#pairs(error as unknown as Record<string, unknown>, own);
  }

  #refuse(value: unknown): never {
    const [what, why] = refusal(value) ?? ["a value", "it is of no known kind"];
    // An object is refused when it counts as a container already.
    throw unshippable(what, why, this.#path(typeof value === "object" ? this.#depth - 1 : this.#depth));
  }

  #path(depth: number): readonly PathStep[] {
    return this.#steps.slice(0, depth);
  }
}

function hasHoles(array: readonly unknown[]): boolean {
  for (let i = 0; i < array.length; i++) if (array[i] === undefined && !Object.hasOwn(array, i)) return true;
  return false;
}

let spare: Encoder | undefined = new Encoder();
