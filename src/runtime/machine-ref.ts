/** How a machine that runs as an actor is spoken to. */
import type { AnyActorLogic, EventFromLogic, InputFrom, SnapshotFrom } from "xstate";
import type { MailboxOptions } from "./mailbox.ts";
import type { AnyRef } from "./ref.ts";

export interface MachineOptions<L extends AnyActorLogic> {
  /** As for `spawn`; default `machine` and a number. */
  name?: string | undefined;
  /** Handed to the machine when it starts. */
  input?: InputFrom<L> | undefined;
  mailbox?: MailboxOptions | undefined;
}

export interface MachineRef<L extends AnyActorLogic> extends AnyRef {
  /** Queues an event; false when it was refused: mailbox full, or the machine has ended. Never throws. */
  send(event: EventFromLogic<L>): boolean;
  /** Where the machine stands, or stood last; `undefined` before it has started. */
  snapshot(): SnapshotFrom<L> | undefined;
  /** Calls `fn` with every snapshot from now on; gives a function that ends that. */
  subscribe(fn: (snapshot: SnapshotFrom<L>) => void): () => void;
}
