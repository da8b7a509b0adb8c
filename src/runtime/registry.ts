/**
 * The book of one system: which actor has which path, who is a root, and what they all share (clock, log, turns). It makes
 * actors and strikes them off; it does not run them. Invariant: a path names at most one actor that has not ended.
 */
import type { ActorContext } from "./actor.ts";
import { adopt, constructWith } from "./actor.ts";
import { Cell, type CellOptions } from "./cell.ts";
import { IrisError } from "./errors.ts";
import type { ExitReason } from "./exit.ts";
import type { Blueprint } from "./life.ts";
import { RUNTIME_LIMITS } from "./limits.ts";
import { LocalRef } from "./local-ref.ts";
import { methodsOf, methodsOfPrototype } from "./methods.ts";
import type { Clock } from "./ports/clock.ts";
import type { Logger } from "./ports/logger.ts";
import type { ActorRef } from "./ref.ts";
import { type Stoppable, stopInReverse } from "./stop-order.ts";
import type { ActorSystem, HostOptions, SpawnOptions } from "./system.ts";
import type { SupervisorNode } from "./tree.ts";
import { Turns } from "./turns.ts";

/** One segment of a path. No slash, no space, nothing that a shell or a URL would trip over. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._~$:@-]{0,126}$/;

export class Registry {
  readonly system: ActorSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly turns = new Turns(RUNTIME_LIMITS);
  /** Supervisors that want to be seen in `inspect()`. */
  readonly supervisors = new Set<SupervisorNode>();
  readonly #cells = new Map<string, Cell>();
  /** What the system itself stops, in the order of its coming. */
  readonly #roots = new Set<Stoppable>();
  #lastNumber = 0;
  #stopping: Promise<void> | undefined;

  constructor(system: ActorSystem) {
    this.system = system;
    this.clock = system.clock;
    this.logger = system.logger;
  }

  cells(): Iterable<Cell> {
    return this.#cells.values();
  }

  find(path: string): Cell | undefined {
    return this.#cells.get(path);
  }

  spawn<T extends object, A extends unknown[]>(
    cls: new (...args: A) => T,
    options: SpawnOptions<A> = {},
    parent: Cell | undefined,
  ): ActorRef<T> {
    const blueprint = blueprintOf(cls, options.args ?? ([] as unknown[] as A));
    return this.#launch<T>(blueprint, cls, options, parent);
  }

  host<T extends object>(instance: T, options: HostOptions = {}): ActorRef<T> {
    const make = (context: ActorContext) => {
      adopt(instance, context);
      return instance;
    };
    return this.#launch<T>({ methods: methodsOf(instance), make }, instance.constructor, options, undefined);
  }

  /** A new actor that a supervisor holds; not started yet. */
  addSupervised(
    path: string,
    blueprint: Blueprint,
    options: Omit<CellOptions, "path" | "parent" | "isSupervised">,
  ): Cell {
    for (const name of path.split("/")) checkName(name);
    const cell = new Cell(this, blueprint, { ...options, path, parent: undefined, isSupervised: true });
    this.#enter(cell);
    return cell;
  }

  addRoot(root: Stoppable): void {
    this.#roots.add(root);
  }

  remove(cell: Cell): void {
    this.#cells.delete(cell.path);
    this.#roots.delete(cell);
  }

  removeRoot(root: Stoppable): void {
    this.#roots.delete(root);
  }

  /** Throws `FAILED_PRECONDITION` once the system is being stopped. */
  checkOpen(): void {
    if (this.#stopping === undefined) return;
    throw new IrisError("FAILED_PRECONDITION", `system ${this.system.name} has been stopped and starts nothing more`);
  }

  /** Stops everything, the last root first; what has not ended after `timeoutMs` is killed. Safe to call again. */
  stop(timeoutMs: number): Promise<void> {
    this.#stopping ??= this.#stopAll(this.clock.now() + timeoutMs);
    return this.#stopping;
  }

  async #stopAll(endsAtMs: number): Promise<void> {
    const reason: ExitReason = { kind: "shutdown", why: `system ${this.system.name} stopped` };
    await stopInReverse(this.#roots, reason, endsAtMs, this.clock);
    // References that a supervisor did not release: nobody will start them again.
    for (const cell of [...this.#cells.values()].reverse()) cell.release(reason);
  }

  #launch<T>(blueprint: Blueprint, cls: unknown, options: HostOptions, parent: Cell | undefined): ActorRef<T> {
    const said = (cls as { readonly concurrency?: unknown }).concurrency;
    const cell = new Cell(this, blueprint, {
      path: this.#pathFor(options.name, cls, parent),
      parent,
      concurrency: checkConcurrency(options.concurrency ?? (typeof said === "number" ? said : 1)),
      capacity: checkCapacity(options.mailbox?.capacity ?? RUNTIME_LIMITS.mailboxMessages),
      endsOnThrow: options.onMethodError === "crash",
      isSupervised: false,
      retains: false,
    });
    this.#enter(cell);
    if (parent === undefined) this.#roots.add(cell);
    else {
      parent.children ??= new Set();
      parent.children.add(cell);
    }
    cell.start();
    return LocalRef.of<T>(cell);
  }

  #enter(cell: Cell): void {
    this.checkOpen();
    if (this.#cells.has(cell.path)) {
      throw new IrisError(
        "ALREADY_EXISTS",
        `an actor called ${cell.path} lives in system ${this.system.name} already`,
        {
          where: cell.path,
        },
      );
    }
    this.#cells.set(cell.path, cell);
  }

  #pathFor(name: string | undefined, cls: unknown, parent: Cell | undefined): string {
    const before = parent === undefined ? "" : `${parent.path}/`;
    if (name !== undefined) return before + checkName(name);
    const className = (cls as { readonly name?: unknown }).name;
    const base = typeof className === "string" && NAME.test(className) && className !== "Object" ? className : "Actor";
    for (;;) {
      this.#lastNumber += 1;
      const path = `${before}${base.charAt(0).toLowerCase()}${base.slice(1)}-${this.#lastNumber}`;
      if (!this.#cells.has(path)) return path;
    }
  }
}

const registries = new WeakMap<ActorSystem, Registry>();

/** Gives `system` its book. To be called once, by its constructor. */
export function openRegistry(system: ActorSystem): Registry {
  const registry = new Registry(system);
  registries.set(system, registry);
  return registry;
}

/** The book of a system, for the parts of the runtime that work beside it. */
export function registryOf(system: ActorSystem): Registry {
  const registry = registries.get(system);
  if (registry === undefined) throw new IrisError("INVALID_ARGUMENT", "this is no ActorSystem of this copy of Iris");
  return registry;
}

export function blueprintOf<T extends object, A extends unknown[]>(cls: new (...args: A) => T, args: A): Blueprint {
  return {
    methods: methodsOfPrototype(cls.prototype as object),
    make: (context) => constructWith(context, () => new cls(...args)),
  };
}

export function checkConcurrency(concurrency: number): number {
  if (concurrency === Number.POSITIVE_INFINITY || (Number.isSafeInteger(concurrency) && concurrency >= 1)) {
    return concurrency;
  }
  throw new IrisError("INVALID_ARGUMENT", `concurrency is ${concurrency}: wanted a whole number from 1, or Infinity`);
}

export function checkCapacity(messages: number): number {
  if (Number.isSafeInteger(messages) && messages >= 1) return messages;
  throw new IrisError("INVALID_ARGUMENT", `mailbox.capacity is ${messages}: wanted a whole number of messages from 1`);
}

function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is no name for an actor: 1 to 127 of A-Z a-z 0-9 . _ ~ $ : @ -, beginning with a letter, digit or _`,
  );
}
