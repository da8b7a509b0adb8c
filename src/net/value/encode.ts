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
  SMALL_INT,
  SMALL_INT_MAX,
  TAG,
  VALUE_LIMITS,
} from "./format.ts";
import { Identities } from "./identities.ts";
import { refusal } from "./refusal.ts";
import { writtenShape } from "./shapes.ts";
import { type PathStep, unshippable } from "./unshippable.ts";
import { Writer } from "./writer.ts";

/** A buffer that has grown past this is given back after the message. */
const KEPT_BYTES_MAX = 1 << 20;
/** Messages begun so far: each knows by its number which shapes it has taught. */
let messages = 0;

/**
 * Throws `NOT_SHIPPABLE`, naming the culprit and the way to it, for what cannot travel, for containers nested deeper than
 * 100, and when a getter throws. The bytes belong to the caller; their `buffer` may hold those of others, too, so it must
 * not be transferred.
 */
export function encodeValue(value: unknown): Uint8Array {
  const encoder = spare ?? new Encoder();
  spare = undefined; // a getter may call encodeValue while this one runs
  try {
    return encoder.message(value);
  } catch (error) {
    throw IrisError.is(error, "NOT_SHIPPABLE") ? error : encoder.unreadable(error);
  } finally {
    encoder.reset();
    if (encoder.capacity <= KEPT_BYTES_MAX) spare = encoder;
  }
}

class Encoder {
  readonly #out = new Writer();
  readonly #steps: PathStep[] = [];
  readonly #identities = new Identities();
  #message = 0;
  /** Some step holds a key of the user's. */
  #holdsEntries = false;
  #depth = 0;
  #shapes = 0;

  /** Bytes that are kept between messages. */
  get capacity(): number {
    return this.#out.capacity;
  }

  /** Forgets the message, and lets go of what was in it. */
  reset(): void {
    this.#out.reset();
    this.#identities.clear();
    if (this.#holdsEntries) this.#steps.fill("");
    this.#holdsEntries = false;
    this.#depth = 0;
    this.#shapes = 0;
  }

  message(value: unknown): Uint8Array {
    this.#message = ++messages;
    this.#out.byte(FORMAT_VERSION);
    this.#value(value);
    return this.#out.take();
  }

  /** What was thrown by the user's code, a getter or a proxy's trap, while it was read. */
  unreadable(error: unknown): IrisError {
    return unshippable("a property", `reading it threw: ${toError(error).message}`, this.#path(this.#depth), error);
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.#out.string(value);
        break;
      case "number":
        this.#number(value);
        break;
      case "boolean":
        this.#out.byte(value ? TAG.true : TAG.false);
        break;
      case "undefined":
        this.#out.byte(TAG.undefined);
        break;
      case "object":
        if (value === null) this.#out.byte(TAG.null);
        else this.#object(value);
        break;
      case "bigint":
        this.#bigint(value);
        break;
      case "symbol":
        this.#symbol(value);
        break;
      default:
        this.#refuse(value);
    }
  }

  #number(value: number): void {
    const out = this.#out;
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

  #bigint(value: bigint): void {
    const out = this.#out;
    const negative = value < 0n;
    const digits = (negative ? -value : value).toString(16);
    const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex").reverse();
    out.byte(TAG.bigint);
    out.byte(negative ? 1 : 0);
    out.varint(bytes.length);
    out.raw(bytes);
  }

  #symbol(value: symbol): void {
    const key = Symbol.keyFor(value);
    if (key === undefined) this.#refuse(value);
    this.#out.byte(TAG.symbol);
    this.#out.string(key);
  }

  #object(value: object): void {
    const known = this.#identities.known(value);
    if (known !== undefined) {
      this.#out.byte(TAG.reference);
      this.#out.varint(known);
      return;
    }
    if (this.#depth === VALUE_LIMITS.nesting) {
      throw unshippable(
        "a value",
        `it is nested deeper than ${VALUE_LIMITS.nesting}; send it flat`,
        this.#path(this.#depth),
      );
    }
    this.#depth += 1;
    const prototype = Object.getPrototypeOf(value);
    if (types.isProxy(value)) this.#refuse(value);
    else if (prototype === Object.prototype) this.#record(value as Record<string, unknown>);
    else if (Array.isArray(value)) hasHoles(value) ? this.#sparseArray(value) : this.#array(value);
    else if (prototype === null) this.#dictionary(value as Record<string, unknown>, TAG.nullDictionary);
    else this.#special(value);
    this.#depth -= 1;
  }

  #record(value: Record<string, unknown>): void {
    const keys = Object.keys(value);
    const shape = writtenShape(keys);
    const out = this.#out;
    if (shape === undefined) {
      this.#dictionary(value, TAG.dictionary);
      return;
    }
    if (shape.taughtTo === this.#message) {
      out.byte(TAG.objectAgain);
      out.varint(shape.number);
    } else {
      shape.taughtTo = this.#message;
      shape.number = this.#shapes++;
      out.byte(TAG.object);
      out.varint(keys.length);
      out.varint(shape.block.length);
      out.raw(shape.block);
    }
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      this.#at(key);
      this.#value(value[key]);
    }
  }

  #dictionary(value: Record<string, unknown>, tag: number): void {
    this.#out.byte(tag);
    this.#pairs(value, Object.keys(value));
  }

  #pairs(value: Record<string, unknown>, keys: readonly string[]): void {
    this.#out.varint(keys.length);
    for (const key of keys) {
      this.#out.string(key);
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
    this.#out.byte(TAG.array);
    this.#out.varint(length);
    for (let i = 0; i < length; i++) {
      this.#at(i);
      this.#value(array[i]);
    }
  }

  #sparseArray(array: readonly unknown[]): void {
    const out = this.#out;
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
    const out = this.#out;
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
    else this.#record(value as Record<string, unknown>);
  }

  #view(view: ArrayBufferView): void {
    const kind = Buffer.isBuffer(view)
      ? "Buffer"
      : ((types.isTypedArray(view) ? view[Symbol.toStringTag] : "DataView") as BytesKind);
    this.#bytes(kind, view.buffer, view.byteOffset, view.byteLength);
  }

  #bytes(kind: BytesKind, buffer: ArrayBufferLike, byteOffset: number, byteLength: number): void {
    if (types.isSharedArrayBuffer(buffer) || buffer.detached) this.#refuse(buffer);
    const out = this.#out;
    out.byte(TAG.bytes);
    out.byte(BYTES_KINDS.indexOf(kind));
    out.varint(byteLength);
    out.raw(new Uint8Array(buffer, byteOffset, byteLength));
  }

  #error(error: Error): void {
    const out = this.#out;
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
