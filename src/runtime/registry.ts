/**
 * The book of one system: which actor has which path, who is a root, and what they all share (clock, log, turns). It makes
 * actors and strikes them off; it does not run them. Invariant: a path names at most one actor that has not ended.
 */
import type { AnyActorLogic } from "xstate";
import type { ActorContext } from "./actor.ts";
import { adopt, constructWith } from "./actor.ts";
import type { Blueprint } from "./blueprint.ts";
import { Cell, type CellOptions } from "./cell.ts";
import { IrisError } from "./errors.ts";
import type { ExitReason } from "./exit.ts";
import type { Home, HostOptions, SpawnOptions } from "./home.ts";
import type { Life, LifeHost } from "./life.ts";
import { RUNTIME_LIMITS } from "./limits.ts";
import { LocalRef } from "./local-ref.ts";
import { LocalMachineRef, MachineHost, MachineView } from "./machine-actor.ts";
import type { MachineOptions, MachineRef } from "./machine-ref.ts";
import { methodsOf, methodsOfPrototype } from "./methods.ts";
import { type Clock, sleep } from "./ports/clock.ts";
import type { Logger } from "./ports/logger.ts";
import type { ActorRef } from "./ref.ts";
import { type Stoppable, stopInReverse } from "./stop-order.ts";
import { type ActorSnapshot, type Branch, snapshotActor } from "./tree.ts";
import { Turns } from "./turns.ts";

/** One segment of a path. No slash, no space, nothing that a shell or a URL would trip over. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._~$:@-]{0,126}$/;

export class Registry implements LifeHost {
  readonly system: Home;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly turns = new Turns(RUNTIME_LIMITS);
  readonly #cells = new Map<string, Cell>();
  readonly #branches = new Map<string, Branch>();
  /** What the system itself stops, in the order of its coming. */
  readonly #roots = new Set<Stoppable>();
  #lastNumber = 0;
  #stopping: Promise<void> | undefined;

  constructor(system: Home) {
    this.system = system;
    this.clock = system.clock;
    this.logger = system.logger;
  }

  find(path: string): Cell | undefined {
    return this.#cells.get(path);
  }

  spawn<T extends object, A extends unknown[]>(
    cls: new (...args: A) => T,
    options: SpawnOptions<A> = {},
    parent: Life | undefined,
  ): ActorRef<T> {
    const blueprint = blueprintOf(cls, options.args ?? ([] as unknown[] as A));
    return LocalRef.of<T>(this.#launch(blueprint, cls, options, parent));
  }

  host<T extends object>(instance: T, options: HostOptions = {}): ActorRef<T> {
    const make = (context: ActorContext) => {
      adopt(instance, context);
      return instance;
    };
    return LocalRef.of<T>(
      this.#launch({ kind: "actor", methods: methodsOf(instance), make }, instance.constructor, options, undefined),
    );
  }

  spawnMachine<L extends AnyActorLogic>(logic: L, options: MachineOptions<L> = {}): MachineRef<L> {
    const view = new MachineView<L>();
    const methods = methodsOfPrototype(MachineHost.prototype);
    const make = (context: ActorContext) =>
      new MachineHost(logic, options.input, view, context, (error) => cell.crash(error));
    const { name, mailbox } = options;
    const cell = this.#launch(
      { kind: "machine", methods, make },
      { name: "machine" },
      { name, mailbox, onMethodError: "crash" },
      undefined,
    );
    return new LocalMachineRef(LocalRef.of(cell), view);
  }

  /** A new actor that a supervisor holds; down until it starts it. */
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

  /** Adds a tree that is no actor; gives how to take it away again. */
  addBranch(branch: Branch): () => void {
    this.#checkFree(branch.path);
    const root: Stoppable = { stop: (_reason, graceMs) => this.#stopBranch(branch, graceMs) };
    this.#branches.set(branch.path, branch);
    this.#roots.add(root);
    return () => {
      if (this.#branches.get(branch.path) === branch) this.#branches.delete(branch.path);
      this.#roots.delete(root);
    };
  }

  remove(cell: Life): void {
    this.#cells.delete(cell.path);
    this.#roots.delete(cell);
  }

  /** Everything that lives: actors that nobody above holds, then the branches with the actors that are theirs. */
  inspect(): ActorSnapshot[] {
    const shown = new Set<Cell>();
    const find = (path: string) => {
      const cell = this.#cells.get(path);
      if (cell === undefined) return undefined;
      shown.add(cell);
      return snapshotActor(cell);
    };
    const branches = Array.from(this.#branches.values(), (branch) => branch.snapshot(find));
    const actors: ActorSnapshot[] = [];
    for (const cell of this.#cells.values()) {
      if (cell.parent === undefined && !shown.has(cell)) actors.push(snapshotActor(cell));
    }
    return [...actors, ...branches];
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

  #launch(blueprint: Blueprint, cls: unknown, options: HostOptions, parent: Life | undefined): Cell {
    const cell = new Cell(this, blueprint, {
      path: this.pathFor(options.name, cls, parent?.path),
      parent,
      concurrency: checkConcurrency(options.concurrency ?? concurrencyOf(cls)),
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
    return cell;
  }

  #enter(cell: Cell): void {
    this.#checkFree(cell.path);
    this.#cells.set(cell.path, cell);
  }

  #checkFree(path: string): void {
    this.checkOpen();
    if (!this.#cells.has(path) && !this.#branches.has(path)) return;
    const kind = this.#cells.has(path) ? "an actor" : "a tree";
    const message = `system ${this.system.name} runs ${kind} "${path}" already: give one of the two another name`;
    throw new IrisError("ALREADY_EXISTS", message, { where: path });
  }

  /** A tree has a shutdown time of its own for each child; past the system's deadline it is killed. */
  async #stopBranch(branch: Branch, graceMs: number): Promise<void> {
    const done = new AbortController();
    const late = sleep(this.clock, graceMs, done.signal).then(
      () => {
        this.logger.warn({ path: branch.path, graceMs }, "a tree did not stop in time and is killed");
        return branch.kill(`system ${this.system.name} stopped, and it did not end within ${graceMs} ms`);
      },
      () => undefined,
    );
    try {
      await Promise.race([branch.stop(), late]);
    } catch (error) {
      // The roots before it still have to be stopped.
      this.logger.error({ path: branch.path, error }, "a tree failed to stop; its actors are killed");
    } finally {
      done.abort();
    }
  }

  /** The path of a new actor below `parent`: of the name that was given, or of one that is made up from its class. */
  pathFor(name: string | undefined, cls: unknown, parent: string | undefined): string {
    const before = parent === undefined ? "" : `${parent}/`;
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

const registries = new WeakMap<Home, Registry>();

/** Gives `system` its book. To be called once, by its constructor. */
export function openRegistry(system: Home): Registry {
  const registry = new Registry(system);
  registries.set(system, registry);
  return registry;
}

/** The book of a system, for the parts of the runtime that work beside it. */
export function registryOf(system: Home): Registry {
  const registry = registries.get(system);
  if (registry === undefined) throw new IrisError("INVALID_ARGUMENT", "this is no ActorSystem of this copy of Iris");
  return registry;
}

export function blueprintOf<T extends object, A extends unknown[]>(cls: new (...args: A) => T, args: A): Blueprint {
  return {
    kind: "actor",
    methods: methodsOfPrototype(cls.prototype as object),
    make: (context) => constructWith(context, () => new cls(...args)),
  };
}

/** What a class says of itself: `static concurrency`, else 1. */
export function concurrencyOf(cls: unknown): number {
  const said = (cls as { readonly concurrency?: unknown }).concurrency;
  return typeof said === "number" ? said : 1;
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
