/** The values that are measured, and how: one after another, checked in between. The same for every subject. */
import { isDeepStrictEqual } from "node:util";
import { check, rate } from "../stopwatch.ts";

export interface Codec {
  encode(value: unknown): Uint8Array | readonly Uint8Array[];
  decode(bytes: Uint8Array): unknown;
}

const text = "The quick brown fox jumps over the lazy dog and goes on to jump over it for exactly one hundred times";

const VALUES = {
  small: () => ({ id: 1_234_567, text: text.slice(0, 100) }),
  pair: () => [7, "value"],
  nested: () => ({
    id: 12_345,
    name: "an order as programs send it",
    active: true,
    score: 12.5,
    tags: ["alpha", "beta", "gamma", "delta"],
    owner: {
      id: 7,
      name: "Somebody Else",
      email: "somebody@example.org",
      address: { street: "1 Long Street", city: "Somewhere", zip: "12345" },
    },
    items: Array.from({ length: 8 }, (_, i) => ({ sku: `sku-${i}-0000`, count: i, price: 9.99 + i, note: "in stock" })),
    meta: { created: 1_700_000_000_000, updated: 1_700_000_001_000, version: 3 },
    description: text.repeat(2),
  }),
  records: () => Array.from({ length: 200 }, (_, id) => ({ id, name: `name ${id}`, ok: true })),
  bytes: () => new Uint8Array(65_536).map((_, i) => i),
  floats: () => new Float64Array(1_000_000).map((_, i) => i / 3),
} as const;

/** How many are done in a row, timed, before the last is checked. */
const BATCHES: Readonly<Record<keyof typeof VALUES, number>> = {
  small: 10_000,
  pair: 10_000,
  nested: 1_000,
  records: 100,
  bytes: 64,
  floats: 4,
};

/** Every case, of a codec that has it. */
export function casesOf(codec: Codec): Readonly<Record<string, () => Promise<number>>> {
  const cases: Record<string, () => Promise<number>> = {};
  for (const name of Object.keys(VALUES) as (keyof typeof VALUES)[]) {
    cases[`${name}-encode`] = () => encodes(name, codec);
    cases[`${name}-decode`] = () => decodes(name, codec);
  }
  return cases;
}

async function encodes(name: keyof typeof VALUES, codec: Codec): Promise<number> {
  const value = VALUES[name]();
  const count = BATCHES[name];
  const { length } = joined(codec.encode(value));
  return rate(async () => {
    let last: Uint8Array | readonly Uint8Array[] = [];
    let bytes = 0;
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      last = codec.encode(value);
      bytes += bytesIn(last);
    }
    const tookMs = processorMs(before);
    check(bytes === length * count, "each message is whole");
    check(isSame(codec.decode(joined(last)), value), "the last one says what was sent");
    return { completed: count, tookMs };
  });
}

async function decodes(name: keyof typeof VALUES, codec: Codec): Promise<number> {
  const value = VALUES[name]();
  const count = BATCHES[name];
  const bytes = joined(codec.encode(value));
  return rate(async () => {
    let last: unknown;
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) last = codec.decode(bytes);
    const tookMs = processorMs(before);
    check(isSame(last, value), "what arrives is what was sent");
    return { completed: count, tookMs };
  });
}

/**
 * Processor time, that of the collector's threads included: nothing here waits, so on an idle machine it is the time that
 * passes, and on a busy one the neighbours do not decide.
 */
function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
}

function bytesIn(message: Uint8Array | readonly Uint8Array[]): number {
  return message instanceof Uint8Array ? message.length : message.reduce((sum, piece) => sum + piece.length, 0);
}

/** To all but Node, its `Buffer` is the array that it is. Long ones are compared by samples, or nothing else is measured. */
function isSame(arrived: unknown, sent: unknown): boolean {
  if (!(sent instanceof Float64Array || sent instanceof Uint8Array)) return isDeepStrictEqual(arrived, sent);
  if (!(arrived instanceof Float64Array || arrived instanceof Uint8Array)) return false;
  const at = [0, 1, sent.length >> 1, sent.length - 1];
  return arrived.length === sent.length && at.every((index) => arrived[index] === sent[index]);
}

function joined(bytes: Uint8Array | readonly Uint8Array[]): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  const [first, ...rest] = bytes;
  return first !== undefined && rest.length === 0 ? first : Buffer.concat(bytes);
}

/** One of each, for a codec that learns. */
export function everyValue(): unknown[] {
  return [VALUES.small(), VALUES.pair(), VALUES.nested(), VALUES.records()];
}
