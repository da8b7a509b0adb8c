/**
 * The bytes of a value: which number means what. A message is the version byte and then one value; a value is one tag
 * byte and what the tag wants. Numbers are little-endian, counts and lengths are LEB128 varints, text is UTF-8.
 *
 * Tags only ever get added. 0x30–0x3f are kept for functions, classes and module references: a decoder of data must
 * refuse them, as it refuses every tag that it does not know.
 */

/** First byte of every message. Another one is another format. */
export const FORMAT_VERSION = 1;

export const TAG = {
  undefined: 0x00,
  null: 0x01,
  false: 0x02,
  true: 0x03,
  /** An integer of 32 bits: zigzag varint. */
  int: 0x04,
  /** Any other number, −0 and NaN among them: 8 bytes. */
  double: 0x05,
  /** Byte length, UTF-8. */
  string: 0x06,
  /** Byte length, UTF-16: only for text with a lone surrogate, which UTF-8 cannot say. */
  string16: 0x07,
  /** Sign (0 or 1), byte length, magnitude with the least byte first. */
  bigint: 0x08,
  /** Key in the registry: `Symbol.for(key)`. */
  symbol: 0x09,
  /** Number of an object of this message, counted from 0 in the order in which they begin. */
  reference: 0x0a,

  /** Count, then as many values. */
  array: 0x10,
  /** Length, then pairs of index and value for what is not a hole, then `end`. */
  sparseArray: 0x11,
  /** Count of keys, bytes of keys, the keys (length and UTF-8 each), then as many values. Teaches the message a shape. */
  object: 0x12,
  /** Number of a shape that the message taught, then its values. */
  objectAgain: 0x13,
  /** Count, then pairs of a string value and a value: for objects with many or odd keys. */
  dictionary: 0x14,
  /** The same, without a prototype. */
  nullDictionary: 0x15,
  /** Pairs of values, then `end`. */
  map: 0x16,
  /** Values, then `end`. */
  set: 0x17,
  end: 0x18,
  /** 8 bytes: ms since the epoch, NaN for an invalid one. */
  date: 0x19,
  /** Two string values: source and flags. */
  regExp: 0x1a,
  /** Kind of error, flags, the string values and values that the flags name, count of own properties, their pairs. */
  error: 0x1b,
  /** One string value. */
  url: 0x1c,
  /** Kind of view, byte length, bytes. */
  bytes: 0x1d,
} as const;

/** 0x40–0x7f: a string of 0–63 bytes of UTF-8. */
export const SHORT_STRING = 0x40;
export const SHORT_STRING_BYTES_MAX = 63;
/** 0x80–0xff: an integer of 0–127. */
export const SMALL_INT = 0x80;
export const SMALL_INT_MAX = 127;

/** What a run of bytes is, by its number on the wire. The order is the format: add at the end. */
export const BYTES_KINDS = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
  "DataView",
  "Buffer",
  "ArrayBuffer",
] as const;

export type BytesKind = (typeof BYTES_KINDS)[number];

/** Which class an error arrives as, by its number on the wire. The order is the format: add at the end. */
export const ERROR_KINDS = [
  "Error",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
  "AggregateError",
  "IrisError",
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

/** Which parts of an error follow, in this order. */
export const ERROR_PART = { message: 1, name: 2, stack: 4, cause: 8, errors: 16 } as const;

export const VALUE_LIMITS = Object.freeze({
  /** Containers within containers. Far below what either side's stack bears; deeper data is a linked list, send it flat. */
  nesting: 100,
  /** Keys of an object whose shape is worth remembering; records have fewer, dictionaries more. */
  shapeKeys: 48,
  /** Bytes of the keys of such an object: bounds what a peer can make a decoder remember. */
  shapeBytes: 2_048,
  /** Shapes remembered per process and direction; all are forgotten when the next one would pass it. */
  shapesKept: 1_024,
  /** Bytes from which a run is put beside the text of the message instead of into it, and so copied once only. */
  pieceBytes: 4_096,
  /** Highest length of an array. */
  arrayLength: 4_294_967_295,
});
