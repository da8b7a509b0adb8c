/**
 * An XState machine as an actor: its events come through a bounded mailbox, its life is that of any other actor. The
 * machine reaching its final state ends the actor `normal`, an error in it `crashed`; the actor's end stops the machine.
 * XState's own parents and children stay inside the machine and are no part of our tree.
 */
import { type AnyActorLogic, createActor, type EventFromLogic, type InputFrom, type SnapshotFrom } from "xstate";
import type { ActorContext } from "./actor.ts";
import { tellTo } from "./dispatch.ts";
import type { ExitReason } from "./exit.ts";
import type { MachineRef } from "./machine-ref.ts";
import type { Logger } from "./ports/logger.ts";
import type { AnyRef } from "./ref.ts";

/** The machine's side that outlives it: its last snapshot, and who wants to hear of the next. */
export class MachineView<L extends AnyActorLogic> {
  last: SnapshotFrom<L> | undefined;
  readonly readers = new Set<(snapshot: SnapshotFrom<L>) => void>();

  show(snapshot: SnapshotFrom<L>, logger: Logger): void {
    this.last = snapshot;
    for (const read of this.readers) {
      try {
        read(snapshot);
      } catch (error) {
        logger.error({ error }, "a reader of a machine's snapshots threw");
      }
    }
  }
}

/** The instance behind a machine's mailbox: `send` is its one method. */
export class MachineHost<L extends AnyActorLogic> {
  readonly #interpreter: ReturnType<typeof createActor>;
  readonly #context: ActorContext;
  #failure: { error: unknown } | undefined;

  /** `crash` ends the actor with an error that no message brought about. */
  constructor(
    logic: L,
    input: InputFrom<L> | undefined,
    view: MachineView<L>,
    context: ActorContext,
    crash: (error: unknown) => void,
  ) {
    this.#context = context;
    this.#interpreter = createActor<AnyActorLogic>(logic, { clock: context.system.clock, input });
    this.#interpreter.subscribe({
      next: (snapshot) => view.show(snapshot as SnapshotFrom<L>, context.system.logger),
      // Without an error observer XState would end the process.
      error: (error) => {
        this.#failure = { error };
        crash(error);
      },
      complete: () => void this.#context.self.stop(),
    });
  }

  onStart(): void {
    const stop = () => this.#interpreter.stop();
    this.#context.signal.addEventListener("abort", stop, { once: true });
    this.#interpreter.start();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  send(event: EventFromLogic<L>): void {
    // It may have come to its end by an event before this one.
    if (this.#interpreter.getSnapshot().status !== "active") return;
    this.#interpreter.send(event);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

export class LocalMachineRef<L extends AnyActorLogic> implements MachineRef<L> {
  readonly #ref: AnyRef;
  readonly #view: MachineView<L>;

  constructor(ref: AnyRef, view: MachineView<L>) {
    this.#ref = ref;
    this.#view = view;
  }

  get path(): string {
    return this.#ref.path;
  }

  get ended(): Promise<ExitReason> {
    return this.#ref.ended;
  }

  stop(options?: { graceMs?: number }): Promise<ExitReason> {
    return this.#ref.stop(options);
  }

  send(event: EventFromLogic<L>): boolean {
    return tellTo(this.#ref, "send", [event]);
  }

  snapshot(): SnapshotFrom<L> | undefined {
    return this.#view.last;
  }

  subscribe(fn: (snapshot: SnapshotFrom<L>) => void): () => void {
    this.#view.readers.add(fn);
    return () => {
      this.#view.readers.delete(fn);
    };
  }
}
