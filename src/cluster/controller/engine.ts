/**
 * Where the kernel's decisions come true: a command is handled, what it changes is adopted, everything that one turn
 * brought is committed together, and only then do answers leave and effects run. The one invariant: what anybody outside
 * has heard is on disk. When the disk refuses, memory is ahead of it, so the engine ends; its supervisor starts another
 * from what the disk has.
 */
import { IrisError, toError } from "../../runtime/errors.ts";
import type { Clock } from "../../runtime/ports/clock.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import type { Random } from "../../runtime/ports/random.ts";
import type { Journal } from "./journal.ts";
import type { Command, CommandKind, Effect, EventRow, Limits, Replies, ResultRow, Subject } from "./kernel/command.ts";
import { adopt, handle } from "./kernel/kernel.ts";
import { type ControllerEvent, type ControllerState, controllerTable } from "./machines/controller.machine.ts";
import { type Change, DURABLE_KINDS, State } from "./state.ts";
import { Wakes } from "./wakes.ts";

/** What effects reach: everything that is not the engine's own. None of these may throw. */
export interface Outside {
  push(workerId: string): void;
  jobChanged(jobId: string): void;
  endpointsChanged(key: string): void;
  probe(workerId: string, link: number, address: string): void;
  forgetLogs(taskIds: readonly string[]): void;
}

export interface EngineOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: Limits;
  readonly outside: Outside;
}

class Batch {
  readonly changes: Change[] = [];
  readonly events: EventRow[] = [];
  readonly results: ResultRow[] = [];
  readonly effects: Effect[] = [];
  readonly done = Promise.withResolvers<void>();

  constructor() {
    // Whoever waits for it hears of a failure; that nobody waits is no failure of its own.
    this.done.promise.catch(() => {});
  }
}

const DURABLE: ReadonlySet<string> = new Set(DURABLE_KINDS);
/** Subjects that wait until it is known who is there. */
const AFTER_OBSERVING: ReadonlySet<Subject["kind"]> = new Set(["task", "attempt", "prune"]);

/** Effects of a batch, each once: many steps of one turn change the same job or want the same worker told. */
function onceEach(effects: readonly Effect[]): Iterable<Effect> {
  return new Map(effects.map((effect) => [JSON.stringify(effect), effect])).values();
}

export class Engine {
  readonly #o: EngineOptions;
  readonly #wakes: Wakes;
  readonly #failed = Promise.withResolvers<never>();
  #state = new State();
  #phase: ControllerState = controllerTable.initial;
  #batch: Batch | undefined;
  /** The end of the batch that was opened last; commits go one after the other. */
  #committed: Promise<void> = Promise.resolve();
  #wantsPlan = false;
  #observeUntilMs = 0;
  /** What came due while observing. */
  #deferred: Subject[] = [];
  #failure: Error | undefined;
  /** Reports about attempts that were over or unknown. */
  #ignoredReports = 0;

  private constructor(options: EngineOptions) {
    this.#o = options;
    this.#failed.promise.catch(() => {});
    this.#wakes = new Wakes(options.clock, (subjects) => this.#due(subjects));
  }

  /** Reads the journal and begins to observe. Rejects with the journal's refusal. */
  static async start(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    engine.#state = await options.journal.load();
    engine.#moved("recovered");
    const { clock, limits } = options;
    engine.#observeUntilMs = clock.now() + limits.lostAfterMs;
    await engine.run({ kind: "recover" });
    return engine;
  }

  /** The state as it is, uncommitted steps of this turn included. For reading alone; see `settled`. */
  get state(): State {
    return this.#state;
  }

  get phase(): ControllerState {
    return this.#phase;
  }

  get ignoredReports(): number {
    return this.#ignoredReports;
  }

  /** Rejects when the engine has ended by itself: its state is not to be trusted then. Never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Carries out a command; resolves when that is durable. Rejects with what the kernel throws, or `UNAVAILABLE`. */
  async run<K extends CommandKind>(command: Command<K>): Promise<Replies[K]> {
    this.#checkOpen();
    const reply = this.#step(command);
    await this.settled();
    return reply;
  }

  /** Resolves when everything that can be read now is durable. */
  settled(): Promise<void> {
    return this.#committed;
  }

  /** Refuses what comes from now on, and resolves when what is on the way is durable. */
  async stop(): Promise<void> {
    if (this.#phase === "stopped" || this.#phase === "draining") return;
    this.#moved("stop");
    this.#wakes.stop();
    await this.settled().catch(() => {});
    this.#moved("drained");
  }

  #step<K extends CommandKind>(command: Command<K>): Replies[K] {
    const { clock, random, limits } = this.#o;
    const outcome = handle(this.#state, command, { now: clock.now(), random, limits });
    adopt(this.#state, outcome);
    this.#batch ??= this.#open();
    this.#batch.changes.push(...outcome.changes);
    this.#batch.events.push(...outcome.events);
    this.#batch.results.push(...outcome.results);
    for (const effect of outcome.effects) {
      // Planning is part of deciding, so it belongs to the same commit; all other effects wait for it.
      if (effect.kind === "schedule") this.#wantsPlan = true;
      else this.#batch.effects.push(effect);
    }
    return outcome.reply;
  }

  #open(): Batch {
    const batch = new Batch();
    const before = this.#committed;
    this.#committed = batch.done.promise;
    // The turn's end: whatever else arrived with this command shares its commit, and so does what waits for the disk.
    setImmediate(
      () =>
        void before.then(
          () => this.#close(batch),
          () => this.#close(batch),
        ),
    );
    return batch;
  }

  async #close(batch: Batch): Promise<void> {
    try {
      this.#observe();
      if (this.#wantsPlan && this.#phase === "serving") {
        this.#wantsPlan = false;
        this.#step({ kind: "schedule" });
      }
      this.#batch = undefined;
      if (this.#failure !== undefined) throw this.#failure;
      const { changes, events, results } = batch;
      const durable = changes.filter((change) => DURABLE.has(change.kind));
      if (durable.length + events.length + results.length > 0) {
        await this.#o.journal.commit({ changes: durable, events, results });
      }
    } catch (thrown) {
      this.#fail(toError(thrown));
      batch.done.reject(this.#ended());
      return;
    }
    batch.done.resolve();
    for (const effect of onceEach(batch.effects)) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    const { outside, journal, logger } = this.#o;
    switch (effect.kind) {
      case "push":
        outside.push(effect.workerId);
        break;
      case "jobChanged":
        outside.jobChanged(effect.jobId);
        break;
      case "endpointsChanged":
        outside.endpointsChanged(effect.key);
        break;
      case "probe":
        outside.probe(effect.workerId, effect.link, effect.address);
        break;
      case "wake":
        this.#wakes.add(effect.atMs, effect.subject);
        break;
      case "forgetEvents":
        void journal.prune(effect.beforeMs).catch((error) => logger.warn({ error }, "old events were not deleted"));
        break;
      case "forgetLogs":
        outside.forgetLogs(effect.taskIds);
        break;
      case "ignored":
        this.#ignoredReports += 1;
        logger.debug({ attempt: effect.uid }, "a report about an attempt that is over was ignored");
        break;
      case "schedule":
        break; // was carried out before the commit
    }
  }

  #due(subjects: Subject[]): void {
    if (this.#failure !== undefined) return;
    const waits = ({ kind }: Subject) => this.#phase === "observing" && AFTER_OBSERVING.has(kind);
    this.#deferred.push(...subjects.filter(waits));
    const ready = subjects.filter((subject) => !waits(subject));
    try {
      if (ready.length > 0) this.#step({ kind: "due", subjects: ready });
    } catch (thrown) {
      this.#fail(toError(thrown));
    }
  }

  /** Serving begins when everybody who was known has reported or was given up, or when time is up. */
  #observe(): void {
    if (this.#phase !== "observing") return;
    const awaited = [...this.#state.presences.values()].filter(
      ({ state, exchanged }) => state === "expected" || (state === "alive" && !exchanged),
    );
    if (awaited.length > 0 && this.#o.clock.now() < this.#observeUntilMs) return;
    this.#moved("observed");
    const deferred = this.#deferred;
    this.#deferred = [];
    if (deferred.length > 0) this.#step({ kind: "due", subjects: deferred });
  }

  #moved(event: ControllerEvent): void {
    const moved = controllerTable.step(this.#phase, event, {});
    if (moved === undefined) return;
    this.#o.logger.info({ from: this.#phase, to: moved.state }, "controller");
    this.#phase = moved.state;
  }

  #checkOpen(): void {
    if (this.#failure !== undefined || this.#phase === "draining" || this.#phase === "stopped") throw this.#ended();
  }

  #fail(error: Error): void {
    if (this.#failure === undefined)
      this.#o.logger.error({ error }, "a step could not be kept: starting over from the journal");
    this.#failure ??= error;
    this.#wakes.stop();
    this.#failed.reject(this.#failure);
  }

  #ended(): IrisError {
    if (this.#failure === undefined) return new IrisError("UNAVAILABLE", "the controller is stopping");
    const message = `the controller could not keep what it was told: ${this.#failure.message}`;
    return new IrisError("UNAVAILABLE", message, { cause: this.#failure, maybeExecuted: true });
  }
}
