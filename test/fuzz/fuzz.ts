/** Feeds so many inputs to all victims in turn, and stops at the first that does what it must not. */
import { Inputs } from "./inputs.ts";
import { SessionVictim, ValueVictim, type Victim } from "./victims.ts";

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Most of the processor's time that one input may take: a machine that stands still is no fault of it. Unit: ms. */
  readonly inputMs: number;
  /** Most memory of the process. Unit: bytes. */
  readonly rssBytes: number;
  /** Told now and then how far it is. */
  readonly onProgress?: (fed: number) => void;
}

export interface FuzzReport {
  readonly fed: Readonly<Record<string, number>>;
  /** Values that turned out well-formed. */
  readonly valuesAccepted: number;
  /** Sessions that were opened, and those of them that the input closed. */
  readonly sessions: number;
  readonly sessionsClosed: number;
  readonly slowestMs: number;
  readonly rssBytesMax: number;
}

/** What went wrong, with what to feed to see it again. */
export class Found extends Error {
  constructor(victim: string, seed: number, input: Uint8Array, cause: unknown) {
    const hex = Buffer.from(input).toString("hex");
    super(`${victim}, seed ${seed}, last input ${hex}: ${String(cause)}`, { cause });
  }
}

const CHECK_EVERY = 256;

/** Rejects with `Found`. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // nearly every input is an error, and stacks are most of what it costs
  try {
    return await feedAll(options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function feedAll(options: FuzzOptions): Promise<FuzzReport> {
  const { inputs: count, seed, inputMs, rssBytes, onProgress } = options;
  const inputs = new Inputs(seed);
  const [value, hello, session] = [new ValueVictim(), new SessionVictim(false), new SessionVictim(true)];
  const makers: [Victim, () => Uint8Array][] = [
    [value, () => inputs.value()],
    [hello, () => inputs.hello()],
    [session, () => inputs.message()],
    [session, () => inputs.message()],
  ];
  const fed: Record<string, number> = {};
  let [slowestMs, rssBytesMax] = [0, 0];
  for (let at = 0; at < count; at++) {
    const [victim, make] = makers[at % makers.length] as [Victim, () => Uint8Array];
    const input = make();
    const usedBefore = process.cpuUsage();
    try {
      await victim.feed(input.slice());
      if (at % CHECK_EVERY < makers.length) await victim.check();
    } catch (error) {
      throw new Found(victim.name, seed, input, error);
    }
    fed[victim.name] = (fed[victim.name] ?? 0) + 1;
    const used = process.cpuUsage(usedBefore);
    const tookMs = (used.user + used.system) / 1_000;
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > inputMs)
      throw new Found(victim.name, seed, input, `it took ${tookMs} ms, at most ${inputMs} may pass`);
    if (at % 4_096 === 0) {
      const rss = process.memoryUsage.rss();
      rssBytesMax = Math.max(rssBytesMax, rss);
      if (rss > rssBytes) throw new Found(victim.name, seed, input, `${rss} bytes of memory, at most ${rssBytes}`);
    }
    if (at % 250_000 === 0) onProgress?.(at);
  }
  return {
    fed,
    valuesAccepted: value.accepted,
    sessions: hello.sessions + session.sessions,
    sessionsClosed: hello.closed + session.closed,
    slowestMs: Math.round(slowestMs),
    rssBytesMax,
  };
}
