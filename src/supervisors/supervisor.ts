/**
 * A running supervisor: one loop that does one thing at a time (start a child, follow up an exit, carry out an order),
 * while its machine says whether it may go on. What to do about an exit is decided in `policy.ts`.
 *
 * The one invariant: a stop overtakes everything. It turns the machine to `stopping` at once, whatever the loop is busy
 * with; the loop looks at the machine after every wait and starts nothing more.
 */
import { IrisError } from "../runtime/errors.ts";
import { describeExit, type ExitReason, NORMAL } from "../runtime/exit.ts";
import type { ActorRef } from "../runtime/ref.ts";
import { ChildLives } from "./child-lives.ts";
import { Children, infoOf, type Slot } from "./children.ts";
import { EventFan, type SupervisionEvent, type SupervisionFact } from "./events.ts";
import { type Group, Pauses } from "./pauses.ts";
import { backoffDelayMs, type Decision, decide, stopOrder, wasHealthy } from "./policy.ts";
import { RestartWindow } from "./restart-window.ts";
import type {
  ChildEnv,
  ChildInfo,
  ChildSpec,
  Counts,
  DynamicChild,
  RunningChild,
  SupervisorRef,
  SupervisorSpec,
} from "./spec.ts";
import { checkChildSpec } from "./spec-check.ts";
import { Steps } from "./steps.ts";
import { type SupervisorEvent, type SupervisorState, supervisorTable } from "./supervisor.machine.ts";
import { childOf } from "./template.ts";

export class Supervisor implements SupervisorRef {
  readonly name: string;
  readonly path: string;
  readonly ended: Promise<ExitReason>;

  readonly #spec: SupervisorSpec;
  readonly #env: ChildEnv;
  readonly #children: Children;
  readonly #lives: ChildLives;
  readonly #events = new EventFan();
  readonly #leave = new AbortController();
  readonly #force = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<ExitReason>();
  readonly #pauses: Pauses;
  readonly #steps: Steps;
  #state: SupervisorState = supervisorTable.initial;
  #end: ExitReason = NORMAL;
  /** Why the first children could not be started. */
  #failure: IrisError | undefined;
  readonly #restarts: RestartWindow;
  #numbered = 0;

  /** It does nothing before `start()`. */
  constructor(spec: SupervisorSpec, env: ChildEnv) {
    this.name = spec.name;
    this.path = env.path;
    this.ended = this.#over.promise;
    this.#spec = spec;
    this.#env = env;
    this.#children = new Children(env.path);
    this.#pauses = new Pauses(env.system.clock);
    this.#restarts = new RestartWindow(spec.intensity.withinMs);
    this.#steps = new Steps({
      leaving: () => this.#leaving,
      refusal: () => this.#refusal(),
      farewell: () => this.#stopAll(),
      onBug: (error) => this.#onBug(error),
    });
    this.#lives = new ChildLives({
      env: { system: env.system, logger: env.logger, report: (event) => this.#publish(event) },
      leaving: this.#leave.signal,
      forced: this.#force.signal,
      tell: (fact) => this.#tell(fact),
      onExit: (slot, child, reason) => this.#steps.post(() => this.#onExit(slot, child, reason)),
    });
    for (const child of spec.children) this.#children.add(child);
    const earlier = env.previous?.child.supervisor;
    if (earlier instanceof Supervisor) this.#takeOver(earlier);
    this.#started.promise.catch(() => {});
  }

  /**
   * Starts the children in order, each ready before the next. Rejects if one does not start: the earlier ones have then
   * been stopped again, in reverse.
   */
  async start(): Promise<this> {
    const { signal, previous } = this.#env;
    const onAbort = () => void this.stop("its start was given up");
    this.#steps.post(() => this.#startFirst());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#started.promise;
      return this;
    } catch (error) {
      this.#releaseOwn(previous?.child.supervisor);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  get state(): SupervisorState {
    return this.#state;
  }

  whichChildren(): ChildInfo[] {
    return [...this.#children].map(infoOf);
  }

  countChildren(): Counts {
    return this.#children.counts();
  }

  startChild(child: ChildSpec | DynamicChild = {}): Promise<ChildInfo> {
    return this.#steps.order(async () => {
      const { spec, args } = this.#specOf(child);
      checkChildSpec(spec, this.#spec.autoShutdown);
      const slot = this.#children.add(spec, args);
      const failure = await this.#lives.start(slot);
      if (failure === undefined) return infoOf(slot);
      this.#children.remove(slot);
      throw failure;
    });
  }

  terminateChild(id: string): Promise<void> {
    return this.#steps.order(async () => {
      const slot = this.#children.need(id);
      await this.#lives.stop(slot, "terminateChild() was called");
      slot.life = { at: "stopped" };
      this.#dropPauses();
      this.#retire(slot, slot.spec.restart === "temporary");
    });
  }

  restartChild(id: string): Promise<ChildInfo> {
    return this.#steps.order(async () => {
      const slot = this.#children.needStopped(id, "restarted");
      slot.restarts++;
      const failure = await this.#lives.start(slot);
      if (failure === undefined) return infoOf(slot);
      throw failure;
    });
  }

  deleteChild(id: string): Promise<void> {
    return this.#steps.order(async () => this.#retire(this.#children.needStopped(id, "deleted"), true));
  }

  ref<T>(id: string): ActorRef<T> {
    return this.#children.ref(id) as ActorRef<T>;
  }

  events(): AsyncIterable<SupervisionEvent> {
    return this.#events.subscribe();
  }

  /** As a child of another supervisor it is ended by force after `graceMs`; by itself it waits for its children. */
  stop(why = "stop() was called", graceMs: number = Number.POSITIVE_INFINITY): Promise<ExitReason> {
    this.#take("stop", { kind: "shutdown", why });
    if (!Number.isFinite(graceMs) || supervisorTable.isFinal(this.#state)) return this.ended;
    const { clock } = this.#env.system;
    const timer = clock.setTimeout(() => void this.kill(`did not end within ${graceMs} ms: ${why}`), graceMs);
    return this.ended.finally(() => clock.clearTimeout(timer));
  }

  /** Kills the children, all at once, and ends. */
  kill(why: string): Promise<ExitReason> {
    this.#take("kill", { kind: "killed", why });
    return this.ended;
  }

  /** It will not be started again, so neither will its children. */
  release(): void {
    for (const slot of this.#children) this.#lives.release(slot);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // The machine and the loop.

  /** Tells the machine what happened and does what it orders. Its state may not care: then nothing happens. */
  #take(event: SupervisorEvent["type"], end?: ExitReason): void {
    const next = supervisorTable.step(this.#state, event, undefined);
    if (next === undefined) return;
    this.#state = next.state;
    if (end !== undefined) this.#end = end;
    for (const action of next.actions) this.#act(action);
  }

  #act(action: string): void {
    if (action === "abandonStarts") this.#leave.abort(this.#refusal());
    if (action === "killChildren") {
      this.#force.abort();
      for (const slot of this.#children) this.#lives.kill(slot, describeExit(this.#end));
    }
    if (action === "stopChildren") void this.#steps.work();
    if (action === "announceEnd") this.#announceEnd();
  }

  get #leaving(): boolean {
    return this.#state === "stopping" || this.#state === "ended";
  }

  #onBug(error: IrisError): void {
    this.#env.logger.error({ supervisor: this.path, error }, "supervisor failed: its children are killed");
    this.#take("kill", { kind: "crashed", error });
  }

  // What the loop does.

  async #startFirst(): Promise<void> {
    for (const slot of this.#children) {
      const failure = await this.#lives.start(slot);
      if (this.#leaving) return;
      if (failure === undefined) continue;
      const { id } = slot.spec;
      const message = `supervisor ${this.path}: child "${id}" did not start, what started before it was stopped: ${failure.message}`;
      this.#failure = new IrisError(failure.code, message, { cause: failure, where: slot.path });
      return this.#take("startFailed", { kind: "shutdown", why: `child "${id}" did not start: ${failure.message}` });
    }
    this.#take("started");
    this.#started.resolve();
  }

  async #onExit(slot: Slot, child: RunningChild, cause: ExitReason): Promise<void> {
    if (slot.life.at !== "running" || slot.life.child !== child) return;
    if (wasHealthy(slot.spec.backoff, this.#now() - slot.life.sinceMs)) slot.streak = 0;
    slot.previous = { child, reason: cause };
    slot.life = { at: "stopped" };
    const decision = this.#decide(slot, cause);
    this.#tell({ kind: "exited", child: slot.spec.id, cause, decision: decision.kind });
    await this.#carryOut(decision, slot, cause);
  }

  /** The message to itself about a restart that failed; until it is read, orders and stops go first. */
  async #onFailedRestart(slot: Slot, error: IrisError, group: Group): Promise<void> {
    if (slot.life.at !== "restarting" || slot.life.group !== group) return this.#startGroup(group);
    const cause: ExitReason = { kind: "crashed", error };
    await this.#carryOut(this.#decide(slot, cause), slot, cause);
  }

  #decide(slot: Slot, cause: ExitReason): Decision {
    const decision = decide(
      this.#spec,
      this.#children.views(),
      slot.spec.id,
      cause,
      this.#restarts.countAt(this.#now()),
    );
    if (decision.kind === "restart") this.#restarts.add(this.#now());
    return decision;
  }

  async #carryOut(decision: Decision, slot: Slot, cause: ExitReason): Promise<void> {
    const { id } = slot.spec;
    if (decision.kind === "restart") return this.#restart(decision, slot, cause);
    if (decision.kind === "give-up") {
      const { maxRestarts, withinMs } = this.#spec.intensity;
      const fact = { child: id, cause, restarts: decision.restarts, maxRestarts, withinMs };
      this.#tell({ kind: "gave-up", ...fact });
      this.#env.logger.error({ supervisor: this.path, ...fact }, "supervisor gives up: too many restarts");
      const why = `gave up: ${decision.restarts} restarts within ${withinMs} ms, ${maxRestarts} allowed; last was child "${id}" (${describeExit(cause)})`;
      return this.#take("giveUp", { kind: "shutdown", why });
    }
    slot.life = { at: "stopped" };
    this.#retire(slot, decision.kind === "forget" || (decision.kind === "shut-down" && decision.first === "forget"));
    if (decision.kind === "shut-down") {
      this.#take("shutDown", { kind: "shutdown", why: `significant child "${id}" has ended (${describeExit(cause)})` });
    }
  }

  async #restart(decision: Decision & { kind: "restart" }, slot: Slot, cause: ExitReason): Promise<void> {
    const { id, backoff } = slot.spec;
    const group: Group = { ids: decision.start };
    const delayMs = backoffDelayMs(backoff, slot.streak++, this.#env.system.random.next());
    const { maxRestarts } = this.#spec.intensity;
    const fact = { child: id, cause, together: group.ids, delayMs, restarts: decision.restarts, maxRestarts };
    for (const startId of group.ids) this.#children.need(startId).restarts++;
    this.#take("restart");
    this.#tell({ kind: "restarting", ...fact });
    this.#env.logger.warn({ supervisor: this.path, ...fact }, "supervisor restarts a child");
    for (const siblingId of decision.stop) {
      const sibling = this.#children.need(siblingId);
      await this.#lives.stop(sibling, `restarted together with "${id}"`);
      if (decision.forget.includes(siblingId)) this.#retire(sibling, true);
    }
    for (const startId of group.ids) this.#children.need(startId).life = { at: "restarting", group };
    this.#dropPauses();
    if (this.#leaving) return;
    if (delayMs > 0) this.#pauses.add(group, delayMs, () => this.#steps.post(() => this.#startGroup(group)));
    else {
      // A turn of its own: a child that fails at once, again and again, must not keep timers and sockets waiting.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (!this.#leaving) await this.#startGroup(group);
    }
    this.#take("restarted");
  }

  /** Starts those in order that still wait in this group. One that fails leaves the rest waiting for its next try. */
  async #startGroup(group: Group): Promise<void> {
    for (const id of group.ids) {
      const slot = this.#children.get(id);
      if (slot?.life.at !== "restarting" || slot.life.group !== group) continue;
      const failure = await this.#lives.start(slot);
      if (this.#leaving) return;
      if (failure === undefined) continue;
      slot.life = { at: "restarting", group };
      this.#steps.post(() => this.#onFailedRestart(slot, failure, group));
      return;
    }
  }

  async #stopAll(): Promise<void> {
    for (const slot of this.#children) if (slot.life.at === "restarting") slot.life = { at: "stopped" };
    this.#dropPauses();
    const why = `supervisor ${this.path} ends: ${describeExit(this.#end)}`;
    const stops = stopOrder(this.#children.views()).map((id) => this.#children.need(id));
    if (this.#spec.strategy === "dynamic") await Promise.all(stops.map((slot) => this.#lives.stop(slot, why)));
    else for (const slot of stops) await this.#lives.stop(slot, why);
    this.#take("childrenStopped");
  }

  #announceEnd(): void {
    const message = `supervisor ${this.path} ended before it had started: ${describeExit(this.#end)}`;
    this.#started.reject(this.#failure ?? new IrisError("CANCELLED", message, { where: this.path }));
    this.#tell({ kind: "ended", cause: this.#end });
    this.#events.close();
    this.#over.resolve(this.#end);
  }

  // Small change.

  #specOf(child: ChildSpec | DynamicChild): { spec: ChildSpec; args: readonly unknown[] } {
    const { template } = this.#spec;
    if (template === undefined) return { spec: child as ChildSpec, args: [] };
    if ("start" in child) {
      const message = `supervisor ${this.path} makes its children from a template: pass { id?, args? } to startChild, not a spec`;
      throw new IrisError("INVALID_ARGUMENT", message);
    }
    return childOf(template, child, ++this.#numbered);
  }

  /** The child is not to be started again by itself; dynamic and temporary ones leave nothing behind. */
  #retire(slot: Slot, forget: boolean): void {
    this.#lives.release(slot);
    if (forget || this.#spec.strategy === "dynamic") this.#children.remove(slot);
  }

  #dropPauses(): void {
    this.#pauses.dropUnless((group) => this.#children.awaits(group));
  }

  /** References to the children of a supervisor that is started again go on with their successors. */
  #takeOver(earlier: Supervisor): void {
    for (const before of earlier.#children) {
      const slot = this.#children.get(before.spec.id);
      if (slot === undefined) earlier.#lives.release(before);
      else if (!before.released) slot.previous = before.previous;
    }
  }

  /** It did not start: references that were made on the way are of no use; those taken over wait for the next try. */
  #releaseOwn(earlier: SupervisorRef | undefined): void {
    for (const slot of this.#children) {
      const before = earlier instanceof Supervisor ? earlier.#children.get(slot.spec.id)?.previous : undefined;
      if (before?.child.ref !== slot.previous?.child.ref || before === undefined) this.#lives.release(slot);
    }
  }

  #now(): number {
    return this.#env.system.clock.now();
  }

  #tell(fact: SupervisionFact): void {
    this.#publish({ timeMs: this.#now(), supervisor: this.path, ...fact });
  }

  #publish(event: SupervisionEvent): void {
    this.#events.publish(event);
    this.#env.report(event);
  }

  #refusal(): IrisError {
    const state = supervisorTable.isFinal(this.#state) ? "has ended" : "is stopping";
    const message = `supervisor ${this.path} ${state} (${describeExit(this.#end)}): nothing more is started or changed`;
    return new IrisError("FAILED_PRECONDITION", message, { where: this.path });
  }
}
