/** What the runtime itself sends to an actor, past its users' messages: an event for its machine. */
import type { ActorEvent } from "./actor.machine.ts";
import type { ExitReason } from "./exit.ts";

export interface Control {
  readonly event: ActorEvent | "begin";
  readonly incarnation: number;
  readonly reason?: ExitReason | undefined;
  readonly graceMs?: number | undefined;
}
