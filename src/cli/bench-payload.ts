/** What benchmarks of calls send (pure): small records and bytes, each with a way to tell whether the answer is right. */

/** The small record that calls carry: `text` has 100 characters. */
export interface SmallRecord {
  readonly id: number;
  readonly text: string;
}

/** What the server of a benchmark does with it: gives it back. */
export class Echo {
  small(record: SmallRecord): SmallRecord {
    return record;
  }

  bytes(bytes: Uint8Array): Uint8Array {
    return bytes;
  }

  /** `count` small records, one after the other. */
  async *stream(count: number): AsyncGenerator<SmallRecord> {
    yield* records(count);
  }
}

const TEXTS = Array.from({ length: 64 }, (_, at) =>
  `${at} the quick brown fox jumps over the lazy dog `.repeat(4).slice(0, 100),
);

/** The text of record `id`, of 100 characters; neighbours differ. */
export function textOf(id: number): string {
  return TEXTS[id & 63] ?? "";
}

/** The first `count` records. */
export function* records(count: number): Generator<SmallRecord> {
  for (let id = 0; id < count; id++) yield { id, text: textOf(id) };
}

/** Undefined when `reply` is what record `id` looks like, otherwise what is wrong with it. */
export function wrongRecord(reply: SmallRecord, id: number): Error | undefined {
  if (reply.id === id && reply.text === textOf(id)) return undefined;
  return new Error(`record ${id} came back as ${JSON.stringify(reply).slice(0, 120)}`);
}

/** Buffers, one for each slot; what it holds is marked with the number of the call. */
export class Buffers {
  readonly #buffers: readonly Uint8Array[];
  readonly #length: number;

  constructor(slots: number, length: number) {
    this.#length = length;
    this.#buffers = Array.from({ length: slots }, (_, slot) => new Uint8Array(length).fill(slot + 1));
  }

  /** The slot's buffer, marked at both ends. */
  marked(slot: number, call: number): Uint8Array {
    const buffer = this.#buffers[slot] ?? new Uint8Array(this.#length);
    for (let at = 0; at < 4; at++) {
      buffer[at] = call >>> (8 * at);
      buffer[this.#length - 1 - at] = call >>> (8 * at);
    }
    return buffer;
  }

  /** Undefined when `reply` has the length and the marks of call `call`, otherwise what is wrong with it. */
  wrong(reply: Uint8Array, slot: number, call: number): Error | undefined {
    if (reply.length !== this.#length) return new Error(`${this.#length} bytes came back as ${reply.length}`);
    const middle = this.#length >> 1;
    for (let at = 0; at < 4; at++) {
      const byte = (call >>> (8 * at)) & 255;
      if (reply[at] !== byte || reply[this.#length - 1 - at] !== byte)
        return new Error(`not the bytes of call ${call}`);
    }
    return reply[middle] === ((slot + 1) & 255) ? undefined : new Error(`not the bytes of slot ${slot}`);
  }
}
