/** What `this.context` is: one incarnation's view of its cell. It goes dead with its incarnation, never with a later one. */
import type { ActorContext } from "./actor.ts";
import { handlingNow } from "./context.ts";
import { IrisError } from "./errors.ts";
import type { Home, SpawnOptions } from "./home.ts";
import type { ActorRef } from "./ref.ts";

/** The actor that a context is about. */
export interface ContextSource {
  readonly path: string;
  readonly self: ActorRef<unknown>;
  readonly system: Home;
  readonly incarnation: number;
  readonly isOver: boolean;
  /** Aborts when the incarnation that lives now is over. */
  readonly lifetime: AbortSignal;
  /** One line on why it is ending. */
  readonly whyGone: string;
  takesChildren(incarnation: number): boolean;
  spawnChild<T extends object, A extends unknown[]>(cls: new (...args: A) => T, options?: SpawnOptions<A>): ActorRef<T>;
}

export class CellContext implements ActorContext {
  readonly #cell: ContextSource;
  readonly #incarnation: number;

  constructor(cell: ContextSource, incarnation: number) {
    this.#cell = cell;
    this.#incarnation = incarnation;
  }

  get path(): string {
    return this.#cell.path;
  }

  get self(): ActorRef<unknown> {
    return this.#cell.self;
  }

  get system(): Home {
    return this.#cell.system;
  }

  get signal(): AbortSignal {
    const envelope = handlingNow();
    if (envelope !== undefined && !envelope.isHook && envelope.receiver === this.#cell) return envelope.signal;
    if (this.#isOver) return AbortSignal.abort(new IrisError("UNDELIVERABLE", `${this.path} has ended`));
    return this.#cell.lifetime;
  }

  get deadlineAt(): number | undefined {
    const envelope = handlingNow();
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
    return this.#cell.spawnChild(cls, options);
  }

  get #isOver(): boolean {
    return this.#cell.isOver || this.#cell.incarnation !== this.#incarnation;
  }
}
