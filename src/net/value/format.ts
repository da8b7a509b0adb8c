/**
 * The bytes of a value: which number means what. A message is the version byte and then one value; a value is one tag
 * byte and what the tag wants. Numbers are little-endian, counts and lengths are LEB128 varints.
 *
 * Text of which every UTF-16 unit fits a byte goes as those bytes: neither side has to look at them twice. Longer runs of
 * bytes begin at a multiple of 8 from the start of the message, so that typed arrays can be made over them where they are.
 *
 * A message of a `ValueSession` may begin with what its sender has learned, and may name shapes that its receiver has.
 *
 * Tags only ever get added. 0x30–0x3f are kept for functions, classes and module references: a decoder of data must
 * refuse them, as it refuses every tag that it does not know.
 */

/** First byte of a message. Another one is another format. */
export const FORMAT_VERSION = 1;
/** First byte of a message that says which shapes its sender has learned: their count and numbers, and then one value. */
export const FORMAT_VERSION_LEARNED = 2;

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
  utf8: 0x06,
  /** Byte length, UTF-16: only for text with a lone surrogate, which UTF-8 cannot say. */
  utf16: 0x07,
  /** Sign (0 or 1), byte length, magnitude with the least byte first. */
  bigint: 0x08,
  /** Key in the registry: `Symbol.for(key)`. */
  symbol: 0x09,
  /** Number of an object of this message, counted from 0 in the order in which they begin. */
  reference: 0x0a,
  /** Length, then a byte for each UTF-16 unit. */
  latin1: 0x0b,

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
  /** Kind of view, byte length, and the bytes; from `alignedBytes` on with zeros before them, up to a multiple of 8. */
  bytes: 0x1d,
  /** A number for the session, then as `object`: teaches the session this shape, and the message, too. */
  objectTaught: 0x1e,
  /** Number of a shape that the session has learned, then its values. */
  objectLearned: 0x1f,
} as const;

/** 0x40–0x7f: a string of 0–63 UTF-16 units, a byte each. */
export const SHORT_STRING = 0x40;
export const SHORT_STRING_MAX = 63;
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
  /** Shapes that a decoder remembers per process: a table of this size, a power of two; newer ones take others' places. */
  shapesRead: 1_024,
  /** Keys that an encoder remembers per process, each with what comes before it; all are forgotten when one would pass it. */
  keysWritten: 16_384,
  /** Shapes that a session learns in each direction. Programs have fewer; who has more sends those beyond with each message. */
  shapesLearned: 256,
  /** Bytes from which a run is aligned, and is not copied into the message before the message is complete. */
  alignedBytes: 4_096,
  /** Highest length of an array. */
  arrayLength: 4_294_967_295,
});
