/** What `this.context` is: one incarnation's view of its cell. It goes dead with its incarnation, never with a later one. */
import type { ActorContext } from "./actor.ts";
import type { Cell } from "./cell.ts";
import { inHand } from "./context.ts";
import { IrisError } from "./errors.ts";
import { LocalRef } from "./local-ref.ts";
import type { ActorRef } from "./ref.ts";
import type { ActorSystem, SpawnOptions } from "./system.ts";

export class CellContext implements ActorContext {
  readonly #cell: Cell;
  readonly #incarnation: number;

  constructor(cell: Cell, incarnation: number) {
    this.#cell = cell;
    this.#incarnation = incarnation;
  }

  get path(): string {
    return this.#cell.path;
  }

  get self(): ActorRef<unknown> {
    return LocalRef.of(this.#cell);
  }

  get system(): ActorSystem {
    return this.#cell.registry.system;
  }

  get signal(): AbortSignal {
    const envelope = inHand.getStore();
    if (envelope !== undefined && !envelope.isHook && envelope.receiver === this.#cell) return envelope.signal;
    if (this.#isOver) return AbortSignal.abort(new IrisError("UNDELIVERABLE", `${this.path} has ended`));
    return this.#cell.lifetime;
  }

  get deadlineAt(): number | undefined {
    const envelope = inHand.getStore();
    return envelope?.receiver === this.#cell ? envelope.deadlineAt : undefined;
  }

  spawn<T extends object, A extends unknown[]>(cls: new (...args: A) => T, options?: SpawnOptions<A>): ActorRef<T> {
    if (!this.#cell.takesChildren(this.#incarnation)) {
      throw new IrisError(
        "FAILED_PRECONDITION",
        `${this.path} is ending (${this.#cell.whyGone}) and takes no more children`,
        { where: this.path },
      );
    }
    return this.#cell.registry.spawn(cls, options, this.#cell);
  }

  get #isOver(): boolean {
    return this.#cell.isOver || this.#cell.incarnation !== this.#incarnation;
  }
}
