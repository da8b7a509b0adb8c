/**
 * Who at this end of a session watches a target at the other, and the other way round. The one invariant: a watch fires
 * once, by the target's end or by the session's, or is taken back before.
 */
import { IrisError, toIrisError } from "../runtime/errors.ts";
import type { ExitReason } from "../runtime/exit.ts";
import type { Logger } from "../runtime/ports/logger.ts";
import type { Targets } from "./channel.ts";
import { encodeFrame } from "./frame.ts";
import type { SessionLimits } from "./limits.ts";
import type { Outbox } from "./outbox.ts";
import type { Down, Watch } from "./wire/iris.ts";

type OnEnded = (reason: ExitReason) => void;

export class Watches {
  readonly #outbox: Outbox;
  readonly #limits: SessionLimits;
  readonly #targets: Targets;
  /** Ours, by id. */
  readonly #watching = new Map<number, OnEnded>();
  /** Theirs: ids that want to hear of an end, each with those that wait for the same one. */
  readonly #watched = new Map<number, Set<number>>();
  /** One subscription to each end, however often it is watched and unwatched. */
  readonly #waiting = new Map<Promise<ExitReason>, Set<number>>();
  readonly #logger: Logger;
  #lastId = 0;

  constructor(outbox: Outbox, limits: SessionLimits, targets: Targets, logger: Logger) {
    this.#logger = logger;
    this.#outbox = outbox;
    this.#limits = limits;
    this.#targets = targets;
  }

  /** Throws `RESOURCE_EXHAUSTED` when there are too many. */
  watch(target: string, fn: OnEnded): () => void {
    if (this.#watching.size >= this.#limits.watches) {
      throw new IrisError("RESOURCE_EXHAUSTED", `${this.#limits.watches} watches are set already, which is the most`);
    }
    const id = ++this.#lastId;
    this.#watching.set(id, fn);
    this.#outbox.put(encodeFrame("watch", { id, target, cancel: false }));
    return () => {
      if (this.#watching.delete(id)) this.#outbox.put(encodeFrame("watch", { id, target, cancel: true }));
    };
  }

  onDown(down: Down): void {
    const fn = this.#watching.get(down.id);
    if (this.#watching.delete(down.id) && fn !== undefined) this.#fire(fn, reasonOf(down));
  }

  /** Throws `PROTOCOL_ERROR` for an id in use, or too many watches. */
  onWatch(watch: Watch): void {
    const { id, target } = watch;
    if (watch.cancel) {
      this.#watched.get(id)?.delete(id);
      this.#watched.delete(id);
      return;
    }
    if (this.#watched.has(id)) throw new IrisError("PROTOCOL_ERROR", `watch id ${id} is in use`);
    if (this.#watched.size >= this.#limits.watches) {
      throw new IrisError("PROTOCOL_ERROR", `more than ${this.#limits.watches} watches`);
    }
    const found = this.#targets(target);
    const ids = this.#idsOf(found?.ended);
    ids.add(id);
    this.#watched.set(id, ids);
    if (found === undefined) {
      const error = new IrisError("NO_SUCH_ACTOR", `nothing is registered as "${target}" here`);
      this.#tell(id, { kind: "crashed", error });
    }
  }

  #idsOf(ended: Promise<ExitReason> | undefined): Set<number> {
    if (ended === undefined) return new Set();
    const known = this.#waiting.get(ended);
    if (known !== undefined) return known;
    const ids = new Set<number>();
    this.#waiting.set(ended, ids);
    const over = (reason: ExitReason) => {
      this.#waiting.delete(ended);
      for (const id of ids) this.#tell(id, reason);
    };
    ended.then(over, (error) => over({ kind: "crashed", error: toIrisError(error) }));
    return ids;
  }

  /** The session is over: nobody hears anything more from it. */
  loseAll(node: string): void {
    this.#watched.clear();
    const watching = [...this.#watching.values()];
    this.#watching.clear();
    for (const fn of watching) this.#fire(fn, { kind: "lost", node });
  }

  #fire(fn: OnEnded, reason: ExitReason): void {
    try {
      fn(reason);
    } catch (error) {
      this.#logger.error({ error }, "a watcher threw");
    }
  }

  #tell(id: number, reason: ExitReason): void {
    if (!this.#watched.delete(id)) return;
    this.#outbox.put(encodeFrame("down", { id, reason: reason.kind, why: whyOf(reason) }));
  }
}

function whyOf(reason: ExitReason): string {
  switch (reason.kind) {
    case "normal":
      return "";
    case "shutdown":
    case "killed":
      return reason.why;
    case "crashed":
      return reason.error.message;
    case "lost":
      return reason.node;
  }
}

function reasonOf(down: Down): ExitReason {
  switch (down.reason) {
    case "normal":
      return { kind: "normal" };
    case "shutdown":
    case "killed":
      return { kind: down.reason, why: down.why };
    case "lost":
      return { kind: "lost", node: down.why };
    default:
      return { kind: "crashed", error: new IrisError("INTERNAL", down.why) };
  }
}
