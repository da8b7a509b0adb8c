/**
 * A supervisor's children in the order of their start, and where each stands. Keeps the books for `supervisor.ts`;
 * decides nothing and starts nothing.
 */
import { IrisError } from "../runtime/errors.ts";
import type { ExitReason } from "../runtime/exit.ts";
import type { ActorRef } from "../runtime/ref.ts";
import type { Group } from "./pauses.ts";
import type { ChildView } from "./policy.ts";
import type { ChildInfo, ChildSpec, Counts, RunningChild } from "./spec.ts";

export type Life =
  | { readonly at: "starting" }
  | { readonly at: "running"; readonly child: RunningChild; readonly sinceMs: number }
  | { readonly at: "restarting"; readonly group: Group | undefined }
  | { readonly at: "stopping"; readonly child: RunningChild }
  | { readonly at: "stopped" };

/** One child: its spec, its present life, and what is remembered of earlier ones. */
export interface Slot {
  readonly spec: ChildSpec;
  readonly path: string;
  readonly args: readonly unknown[];
  life: Life;
  /** The life before the present one: what its references are taken over from. */
  previous: { readonly child: RunningChild; readonly reason: ExitReason } | undefined;
  /** Whether holders of its references were told that they are of no more use. */
  released: boolean;
  startedAtMs: number | undefined;
  starts: number;
  /** Counted when they are decided, so that whoever was answered by the new life sees its restart. */
  restarts: number;
  /** Restarts since it was last healthy: what its pause grows with. */
  streak: number;
}

export class Children implements Iterable<Slot> {
  readonly #path: string;
  readonly #slots = new Map<string, Slot>();

  /** `path` is the supervisor's. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Adds a child behind the others; throws `ALREADY_EXISTS` for an id that is in use. */
  add(spec: ChildSpec, args: readonly unknown[] = []): Slot {
    const known = this.#slots.get(spec.id);
    if (known !== undefined) {
      const way = known.life.at === "stopped" ? "restart or delete it, or use another id" : "use another id";
      throw new IrisError(
        "ALREADY_EXISTS",
        `supervisor ${this.#path} has a child "${spec.id}" (${known.life.at}): ${way}`,
      );
    }
    const slot: Slot = {
      spec,
      path: `${this.#path}/${spec.id}`,
      args,
      life: { at: "stopped" },
      previous: undefined,
      released: false,
      startedAtMs: undefined,
      starts: 0,
      restarts: 0,
      streak: 0,
    };
    this.#slots.set(spec.id, slot);
    return slot;
  }

  get(id: string): Slot | undefined {
    return this.#slots.get(id);
  }

  /** The child of that id, or `NOT_FOUND` with the ids that there are. */
  need(id: string): Slot {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return slot;
    const ids = [...this.#slots.keys()];
    const known =
      ids.length === 0 ? "it has none" : `it has ${ids.slice(0, 10).join(", ")}${ids.length > 10 ? ", …" : ""}`;
    throw new IrisError("NOT_FOUND", `supervisor ${this.#path} has no child "${id}": ${known}`);
  }

  /** The child of that id, if it is stopped; else `FAILED_PRECONDITION`: it cannot be `what`. */
  needStopped(id: string, what: "restarted" | "deleted"): Slot {
    const slot = this.need(id);
    if (slot.life.at === "stopped") return slot;
    const message = `child "${id}" of supervisor ${this.#path} is ${slot.life.at} and cannot be ${what}: terminate it first`;
    throw new IrisError("FAILED_PRECONDITION", message, { where: slot.path });
  }

  /** The reference of that child, or `FAILED_PRECONDITION` if it has none. */
  ref(id: string): ActorRef<unknown> {
    const slot = this.need(id);
    const holder = holderOf(slot);
    if (holder?.ref !== undefined) return holder.ref;
    const trouble = holder === undefined ? "has not started yet" : `is a ${slot.spec.kind}, which has no reference`;
    throw new IrisError("FAILED_PRECONDITION", `child "${id}" of supervisor ${this.#path} ${trouble}`, {
      where: slot.path,
    });
  }

  /** True if it was there, with this very slot. */
  remove(slot: Slot): boolean {
    return this.#slots.get(slot.spec.id) === slot && this.#slots.delete(slot.spec.id);
  }

  /** What `policy.ts` decides on. */
  views(): ChildView[] {
    return [...this.#slots.values()].map(({ spec, life }) => ({
      id: spec.id,
      restart: spec.restart,
      significant: spec.significant,
      active: life.at !== "stopped",
      running: life.at === "running",
    }));
  }

  /** Whether somebody still waits for `group` to be started. */
  awaits(group: Group): boolean {
    return [...this.#slots.values()].some(({ life }) => life.at === "restarting" && life.group === group);
  }

  counts(): Counts {
    const slots = [...this.#slots.values()];
    const supervisors = slots.filter(({ spec }) => spec.kind === "supervisor").length;
    return {
      specs: slots.length,
      active: slots.filter(({ life }) => life.at === "running").length,
      supervisors,
      workers: slots.length - supervisors,
    };
  }

  [Symbol.iterator](): Iterator<Slot> {
    return this.#slots.values();
  }
}

/** The child whose references one may hold: the running one, or the one whose successor is to take them over. */
function holderOf({ life, previous }: Slot): RunningChild | undefined {
  return life.at === "running" || life.at === "stopping" ? life.child : previous?.child;
}

export function infoOf(slot: Slot): ChildInfo {
  const { spec, path, life, previous, restarts, startedAtMs } = slot;
  const holder = holderOf(slot);
  const pid = life.at === "running" || life.at === "stopping" ? life.child.pid : undefined;
  return {
    id: spec.id,
    kind: spec.kind,
    path,
    state: life.at,
    restart: spec.restart,
    restarts,
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(previous === undefined ? {} : { lastExit: previous.reason }),
    ...(holder?.ref === undefined ? {} : { ref: holder.ref }),
    ...(holder?.supervisor === undefined ? {} : { supervisor: holder.supervisor }),
    ...(pid === undefined ? {} : { pid }),
  };
}
