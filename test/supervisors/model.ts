/**
 * A small model of OTP's supervisor, written from OTP's documentation and not from `policy.ts`: a tree of lists, one
 * event at a time, nothing asynchronous. It says what becomes of each child, in which order, and who gives up.
 */
import type { AutoShutdown, Restart, Strategy } from "../../src/supervisors/index.ts";

export type End = "normal" | "shutdown" | "killed" | "crashed" | "lost";

interface Common {
  readonly id: string;
  readonly restart: Restart;
  readonly significant: boolean;
}

export interface LeafSpec extends Common {
  readonly kind: "leaf";
}

export interface TreeSpec extends Common {
  readonly kind: "tree";
  readonly strategy: Strategy | "dynamic";
  readonly autoShutdown: AutoShutdown;
  readonly maxRestarts: number;
  /** None for a dynamic one, whose children are added, with this restart. */
  readonly children: readonly (LeafSpec | TreeSpec)[];
  readonly template: Restart;
}

export interface ModelChild {
  readonly spec: LeafSpec | TreeSpec;
  readonly parent: ModelTree;
  /** `restarting`: it is to be started again, but has not been yet. */
  state: "running" | "restarting" | "stopped";
  tree: ModelTree | undefined;
  restarts: number;
}

export interface ModelTree {
  readonly spec: TreeSpec;
  readonly path: string;
  /** The child that it is, unless it is the root. */
  readonly self: ModelChild | undefined;
  children: ModelChild[];
  restartsAt: number[];
}

export class Model {
  /** `+a` started, `-a` stopped, `xa` start failed. */
  readonly trace: string[] = [];
  /** Restarts and give-ups, as they are reported. */
  readonly reports: string[] = [];
  /** Starts of a leaf that are still to fail. */
  readonly failures = new Map<string, number>();
  readonly root: ModelTree;
  isOver = false;
  readonly #withinMs: number;
  #now = 0;

  constructor(spec: TreeSpec, withinMs: number) {
    this.#withinMs = withinMs;
    this.root = tree(spec, spec.id, undefined);
    for (const child of this.root.children) this.#start(child);
  }

  wait(ms: number): void {
    this.#now += ms;
  }

  /** The supervisors that run. */
  trees(from: ModelTree = this.root): ModelTree[] {
    return [from, ...from.children.flatMap((child) => (child.tree === undefined ? [] : this.trees(child.tree)))];
  }

  children(): ModelChild[] {
    return this.trees().flatMap(({ children }) => children);
  }

  /** The whole tree in words, as `whichChildren()` shows it. */
  outline(from: ModelTree = this.root): unknown[] {
    return from.children.map(({ spec, state, restarts, tree: below }) => [
      `${spec.id} ${state}, ${restarts} restarts`,
      ...(below === undefined ? [] : [this.outline(below)]),
    ]);
  }

  /** A leaf ends by itself. */
  end(child: ModelChild, how: End): void {
    this.#exited(child, how !== "normal" && how !== "shutdown");
  }

  terminate(child: ModelChild): void {
    this.#stop([child]);
    child.state = "stopped";
    if (child.spec.restart === "temporary" || child.parent.spec.strategy === "dynamic") this.#forget(child);
  }

  /** Whether it may; the start may fail. */
  restart(child: ModelChild): "refused" | "failed" | "done" {
    if (child.state !== "stopped") return "refused";
    child.restarts++;
    return this.#start(child) ? "done" : "failed";
  }

  delete(child: ModelChild): boolean {
    if (child.state !== "stopped") return false;
    this.#forget(child);
    return true;
  }

  add(to: ModelTree, spec: LeafSpec): boolean {
    const child: ModelChild = { spec, parent: to, state: "stopped", tree: undefined, restarts: 0 };
    to.children.push(child);
    if (this.#start(child)) return true;
    this.#forget(child);
    return false;
  }

  stopAll(from: ModelTree = this.root): void {
    this.#stop(from.children);
    if (from === this.root) this.isOver = true;
  }

  #exited(child: ModelChild, abnormal: boolean): void {
    const { spec, parent } = child;
    child.state = "stopped";
    child.tree = undefined;
    if (spec.restart === "permanent" || (spec.restart === "transient" && abnormal)) {
      this.#restart(child);
      return;
    }
    if (spec.restart === "temporary" || parent.spec.strategy === "dynamic") this.#forget(child);
    if (!spec.significant) return;
    const { autoShutdown } = parent.spec;
    const isLast = !parent.children.some(
      (other) => other !== child && other.spec.significant && other.state !== "stopped",
    );
    if (autoShutdown === "anySignificant" || (autoShutdown === "allSignificant" && isLast)) this.#ends(parent);
  }

  /** A child is to be started again: it ended, or its last start failed. */
  #restart(child: ModelChild): void {
    const { parent } = child;
    const { strategy, maxRestarts } = parent.spec;
    parent.restartsAt = [...parent.restartsAt, this.#now].filter((at) => at + this.#withinMs >= this.#now);
    if (parent.restartsAt.length > maxRestarts) {
      this.reports.push(`${parent.path} gave up over ${child.spec.id}`);
      child.state = "stopped";
      this.#ends(parent);
      return;
    }
    const from = strategy === "oneForAll" ? 0 : parent.children.indexOf(child);
    const group = strategy === "oneForAll" || strategy === "restForOne" ? parent.children.slice(from) : [child];
    const again = group.filter(({ spec }) => spec.restart !== "temporary");
    this.reports.push(
      `${parent.path} restarts ${again.map(({ spec }) => spec.id).join(" ")} because of ${child.spec.id}`,
    );
    this.#stop(group);
    for (const other of group) if (!again.includes(other)) this.#forget(other);
    for (const other of again) {
      other.state = "restarting";
      other.restarts++;
    }
    for (const other of again) {
      if (this.#start(other)) continue;
      other.state = "restarting";
      this.#restart(other);
      return;
    }
  }

  /** A supervisor ends with `shutdown`. */
  #ends(which: ModelTree): void {
    this.stopAll(which);
    if (which.self !== undefined) this.#exited(which.self, false);
  }

  #start(child: ModelChild): boolean {
    const { spec, parent } = child;
    if (spec.kind === "leaf") {
      const failures = this.failures.get(spec.id) ?? 0;
      this.failures.set(spec.id, Math.max(0, failures - 1));
      this.trace.push(`${failures > 0 ? "x" : "+"}${spec.id}`);
      child.state = failures > 0 ? "stopped" : "running";
      return failures === 0;
    }
    const below = tree(spec, `${parent.path}/${spec.id}`, child);
    for (const one of below.children) {
      if (this.#start(one)) continue;
      this.#stop(below.children);
      child.state = "stopped";
      return false;
    }
    child.tree = below;
    child.state = "running";
    return true;
  }

  #stop(children: readonly ModelChild[]): void {
    for (const child of [...children].reverse()) {
      if (child.state === "running" && child.spec.kind === "leaf") this.trace.push(`-${child.spec.id}`);
      if (child.tree !== undefined) this.#stop(child.tree.children);
      child.tree = undefined;
      child.state = "stopped";
    }
  }

  #forget(child: ModelChild): void {
    child.parent.children = child.parent.children.filter((other) => other !== child);
  }
}

function tree(spec: TreeSpec, path: string, self: ModelChild | undefined): ModelTree {
  const made: ModelTree = { spec, path, self, children: [], restartsAt: [] };
  made.children = spec.children.map((child) => ({
    spec: child,
    parent: made,
    state: "stopped",
    tree: undefined,
    restarts: 0,
  }));
  return made;
}
