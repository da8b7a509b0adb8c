/**
 * Load on something that answers, and what of it came back. It knows neither who answers nor what is asked: `Issue` does,
 * and checks the answer. Completions are counted, never sends. The one invariant: a load that was stopped has heard of
 * every call that it issued, or fails.
 */
import { setTimeout as delay } from "node:timers/promises";

/** Takes latencies, in µs. A histogram, usually. */
export interface LatencyRecorder {
  record(us: number): void;
}

/**
 * Issues call number `call`, which belongs to `slot`, and settles once: without an error when the answer was right. No
 * slot has two calls at a time, so what belongs to a slot, such as a buffer, may be used again.
 */
export type Issue = (call: number, slot: number, settle: (error?: unknown) => void) => void;

/** Time without a single completion after which a load is given up. Unit: ms. */
const STALL_MS = 15_000;

/** Counts completions, and knows when all that was issued has settled. */
export abstract class Load {
  /** Completions since the load began. */
  completed = 0;
  /** Completions of each slot. */
  readonly bySlot: number[];
  /** Who hears of latencies; none while it warms up. */
  latency: LatencyRecorder | undefined;
  protected readonly issue: Issue;
  protected issued = 0;
  protected isStopped = false;
  readonly #failed = Promise.withResolvers<never>();
  readonly #drained = Promise.withResolvers<void>();

  constructor(issue: Issue, slots: number) {
    this.issue = issue;
    this.bySlot = new Array<number>(slots).fill(0);
    this.#failed.promise.catch(() => {}); // whoever measures hears of it
  }

  /** Issues the first calls. */
  abstract start(): this;

  /** Rejects with the first wrong or failed answer. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Issues no more and resolves when all has settled. Rejects with the first failure, or when nothing moves for 15 s. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.#settleStop();
    for (let before = -1; ; ) {
      const done = await Promise.race([this.#drained.promise.then(() => true), this.failed, delay(STALL_MS, false)]);
      if (done) return;
      if (before === this.completed) {
        throw new Error(`${this.issued - this.completed} of ${this.issued} calls were not answered in ${STALL_MS} ms`);
      }
      before = this.completed;
    }
  }

  protected complete(slot: number): void {
    this.completed++;
    this.bySlot[slot] = (this.bySlot[slot] ?? 0) + 1;
    if (this.isStopped) this.#settleStop();
  }

  protected fail(error: unknown): void {
    this.isStopped = true;
    this.#failed.reject(error);
  }

  #settleStop(): void {
    if (this.completed === this.issued) this.#drained.resolve();
  }
}

/** A fixed number in flight: each answer is followed by the next call. Latencies are those that callers see. */
export class ClosedLoop extends Load {
  readonly #inFlight: number;
  readonly #sampleEvery: number;

  /** Records the latency of every `sampleEvery`th call: at a million a second the clock itself would be measured. */
  constructor(issue: Issue, options: { readonly inFlight: number; readonly sampleEvery?: number }) {
    super(issue, options.inFlight);
    this.#inFlight = options.inFlight;
    this.#sampleEvery = options.sampleEvery ?? 1;
  }

  override start(): this {
    for (let slot = 0; slot < this.#inFlight; slot++) this.#run(slot);
    return this;
  }

  #run(slot: number): void {
    let beganAt = 0;
    const settle = (error?: unknown): void => {
      if (error !== undefined) {
        this.fail(error);
        return;
      }
      if (beganAt !== 0) this.latency?.record((performance.now() - beganAt) * 1_000);
      this.complete(slot);
      if (!this.isStopped) next();
    };
    const next = (): void => {
      const call = this.issued++;
      beganAt = this.latency !== undefined && call % this.#sampleEvery === 0 ? performance.now() : 0;
      this.issue(call, slot, settle);
    };
    next();
  }
}

/**
 * A fixed number per second, whether answers come or not. A latency counts from when the call was due, so that a pause is
 * felt by every call that fell into it: no coordinated omission. The loop is kept polling, or timers of 1 ms would be
 * what is measured; so a core is busy and CPU time says nothing here.
 */
export class OpenLoop extends Load {
  readonly #everyMs: number;
  readonly #free: number[];

  /** Beyond `inFlightMax` calls wait to be issued; their time counts all the same. */
  constructor(issue: Issue, options: { readonly perSecond: number; readonly inFlightMax: number }) {
    super(issue, options.inFlightMax);
    this.#everyMs = 1_000 / options.perSecond;
    this.#free = Array.from({ length: options.inFlightMax }, (_, slot) => options.inFlightMax - 1 - slot);
  }

  override start(): this {
    const beganAt = performance.now();
    const tick = (): void => {
      if (this.isStopped) return;
      const now = performance.now();
      for (let dueAt = beganAt + this.issued * this.#everyMs; dueAt <= now; dueAt += this.#everyMs) {
        const slot = this.#free.pop();
        if (slot === undefined) break;
        this.#run(slot, dueAt);
      }
      setImmediate(tick);
    };
    tick();
    return this;
  }

  #run(slot: number, dueAt: number): void {
    this.issue(this.issued++, slot, (error) => {
      if (error !== undefined) {
        this.fail(error);
        return;
      }
      this.latency?.record((performance.now() - dueAt) * 1_000);
      this.#free.push(slot);
      this.complete(slot);
    });
  }
}

/** What happened between two moments of a load; `usage` is what its reader read at each. */
export interface Window<U> {
  readonly completed: number;
  readonly tookMs: number;
  /** Completions of each slot. */
  readonly bySlot: readonly number[];
  readonly before: U;
  readonly after: U;
}

export interface WindowOptions<U> {
  /** CPU time of this process to warm up with, or four times as long by the clock, whichever is first. */
  readonly warmUpMs: number;
  /** How long to look; longer when not a single call has been looked at by then. */
  readonly measureMs: number;
  /** Read where the window begins and where it ends. */
  readonly usage: () => Promise<U>;
  /** Hears of latencies inside the window. */
  readonly latency?: LatencyRecorder | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Lets a load that runs warm up, looks at one window of it, and stops it. Rejects with its first wrong answer. */
export async function observe<U>(load: Load, options: WindowOptions<U>): Promise<Window<U>> {
  const pause = (ms: number) => Promise.race([delay(ms, undefined, { signal: options.signal }), load.failed]);
  try {
    // On a busy machine code gets warm by the time that it runs, not by the time that passes.
    const [coldAt, coldCpuMs] = [performance.now(), cpuMs()];
    do await pause(Math.max(1, options.warmUpMs / 8));
    while (cpuMs() - coldCpuMs < options.warmUpMs && performance.now() - coldAt < 4 * options.warmUpMs);
    const before = await options.usage();
    const [beganAt, completedBefore, bySlotBefore] = [performance.now(), load.completed, [...load.bySlot]];
    const { latency } = options;
    let heard = 0;
    load.latency = {
      record: (us) => {
        heard++;
        latency?.record(us);
      },
    };
    await pause(options.measureMs);
    // A window without a single call from its beginning to its end says nothing: it stays open for the first.
    while (heard === 0 && performance.now() - beganAt < STALL_MS) await pause(5);
    const after = await options.usage();
    const [tookMs, completed] = [performance.now() - beganAt, load.completed - completedBefore];
    load.latency = undefined;
    const bySlot = load.bySlot.map((count, slot) => count - (bySlotBefore[slot] ?? 0));
    return { completed, tookMs, bySlot, before, after };
  } finally {
    await load.stop();
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
