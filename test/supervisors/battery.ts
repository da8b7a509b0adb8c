/**
 * What every kind of supervised child does alike, told once and run over each of them for real. A kind brings children
 * that behave in the five ways below, and says what is left of them outside.
 */
import { ok } from "node:assert/strict";
import type { TestFn } from "ava";
import { type ErrorCode, IrisError } from "../../src/runtime/errors.ts";
import type { ExitReason } from "../../src/runtime/exit.ts";
import { ActorSystem } from "../../src/runtime/system.ts";
import {
  type ChildOptions,
  type ChildSpec,
  type Intensity,
  type SupervisionEvent,
  type SupervisorRef,
  service,
  supervise,
} from "../../src/supervisors/index.ts";

export type Behaviour =
  /** Is ready, and runs until it is asked to end. */
  | "runs"
  /** Is ready, and ends by itself as one that has done its work. */
  | "ends"
  /** Is ready, and fails soon after. */
  | "crashes"
  /** Is ready, has children of its own where its kind can, and does not end when asked. */
  | "deaf"
  /** Cannot be started. */
  | "cannot";

export interface Kind {
  readonly name: string;
  child(id: string, behaviour: Behaviour, options: ChildOptions): ChildSpec;
  /** What is left of its children, and of theirs, wherever they ran; names or ids. */
  left(): Promise<readonly unknown[]>;
  /** With what one ends that ends by itself. */
  readonly endsAs: ExitReason["kind"];
  /** With what a start fails of one that cannot be started. */
  readonly cannot: { readonly code: ErrorCode; readonly message: RegExp };
  /** How a crash is told. */
  readonly crash: RegExp;
  /** Longest that its end by force takes. Unit: ms. */
  readonly forceMs: number;
}

/** Enough for any kind, so that only a hanging one is late. Unit: ms. */
const SHUTDOWN_MS = 20_000;
const DEAF_SHUTDOWN_MS = 300;

/** A root without children on a system of its own, and what it tells; leaving it stops both. */
class Root implements AsyncDisposable {
  readonly system: ActorSystem;
  readonly ref: SupervisorRef;
  readonly #events: AsyncIterator<SupervisionEvent>;

  private constructor(system: ActorSystem, ref: SupervisorRef) {
    this.system = system;
    this.ref = ref;
    this.#events = ref.events()[Symbol.asyncIterator]();
  }

  static async start(intensity: Intensity = { maxRestarts: 3, withinMs: 5_000 }): Promise<Root> {
    const system = new ActorSystem();
    return new Root(system, await system.start(supervise({ name: "root", intensity, children: [] })));
  }

  /** What comes until the first event of that kind, it included. */
  async until<K extends SupervisionEvent["kind"]>(kind: K): Promise<SupervisionEvent & { kind: K }> {
    for (;;) {
      const { value, done } = await this.#events.next();
      ok(!done, `the supervisor ended before it told "${kind}"`);
      if (value.kind === kind) return value as SupervisionEvent & { kind: K };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

/** Declares the battery for one kind; its tests run one after the other. */
export function battery(test: TestFn, kind: Kind): void {
  const { name } = kind;
  const spec = (behaviour: Behaviour, options: ChildOptions = {}) =>
    kind.child("child", behaviour, { shutdownMs: SHUTDOWN_MS, ...options });

  test.serial(`${name}: is running once it is ready, and ends when asked, well within its time`, async (t) => {
    await using root = await Root.start();
    const info = await root.ref.startChild(spec("runs"));
    t.like(info, { id: "child", kind: name, state: "running", restarts: 0 });
    const since = performance.now();
    await root.ref.terminateChild("child");
    t.true(performance.now() - since < SHUTDOWN_MS / 2);
    t.is(root.ref.whichChildren()[0]?.lastExit?.kind, "shutdown");
    t.deepEqual(await kind.left(), []);
  });

  test.serial(`${name}: one that ends by itself, transient, is left alone and nothing of it stays`, async (t) => {
    await using root = await Root.start();
    await root.ref.startChild(spec("ends", { restart: "transient" }));
    const exited = await root.until("exited");
    t.is(exited.cause.kind, kind.endsAs);
    t.is(exited.decision, "leave");
    t.deepEqual(await kind.left(), []);
  });

  test.serial(`${name}: a crash is told, followed by a restart, and too many of them by giving up`, async (t) => {
    await using root = await Root.start({ maxRestarts: 1, withinMs: 600_000 });
    await root.ref.startChild(spec("crashes"));
    const first = await root.until("exited");
    t.is(first.decision, "restart");
    t.regex(first.cause.kind === "crashed" ? first.cause.error.message : first.cause.kind, kind.crash);
    t.is((await root.until("started")).starts, 2);
    t.is((await root.until("exited")).decision, "give-up");
    t.like(await root.until("gave-up"), { child: "child", restarts: 2, maxRestarts: 1 });
    t.is((await root.ref.ended).kind, "shutdown");
    t.deepEqual(await kind.left(), []);
  });

  test.serial(
    `${name}: one that does not end when asked is ended by force in time, with its own children`,
    async (t) => {
      await using root = await Root.start();
      await root.ref.startChild(spec("deaf", { shutdownMs: DEAF_SHUTDOWN_MS }));
      const since = performance.now();
      await root.ref.stop();
      const tookMs = performance.now() - since;
      t.true(tookMs >= DEAF_SHUTDOWN_MS && tookMs < DEAF_SHUTDOWN_MS + kind.forceMs, `it took ${tookMs} ms`);
      const end = root.ref.whichChildren()[0]?.lastExit;
      t.is(end?.kind, "killed");
      t.regex(end?.kind === "killed" ? end.why : "", /did not (end|stop) within 300 ms/);
      t.deepEqual(await kind.left(), []);
    },
  );

  test.serial(`${name}: shutdownMs "kill" does not ask`, async (t) => {
    await using root = await Root.start();
    await root.ref.startChild(spec("deaf", { shutdownMs: "kill" }));
    const since = performance.now();
    await root.ref.stop();
    t.true(performance.now() - since < kind.forceMs);
    t.is(root.ref.whichChildren()[0]?.lastExit?.kind, "killed");
    t.deepEqual(await kind.left(), []);
  });

  test.serial(`${name}: a start that fails says why, and undoes what started before it`, async (t) => {
    await using system = new ActorSystem();
    const trace: string[] = [];
    const before = service("before", async (ctx) => {
      ctx.ready();
      trace.push("before runs");
      await new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve()));
      trace.push("before ends");
    });
    const failing = system.start(supervise({ name: "root", children: [before, spec("cannot")] }));
    const error = await t.throwsAsync(failing, { message: kind.cannot.message });
    t.is(IrisError.is(error) ? error.code : undefined, kind.cannot.code, error?.message);
    t.regex(error?.message ?? "", /child "child" did not start/);
    t.deepEqual(trace, ["before runs", "before ends"]);
    t.deepEqual(await kind.left(), []);
  });
}
