/**
 * One member of a pool: its endpoint, the calls that it has not answered, and its share of a connection, which is dialled
 * when the member is first wanted. The one invariant: a member that has left keeps its connection until its last call
 * has settled, and then lets go of it.
 */
import { IrisError } from "../runtime/errors.ts";
import type { ConnectionCache, DialledChannel, Health, SharedConnection } from "./actor-pool-connections.ts";
import { afterFailure, IN_GOOD_STANDING, isEjected, type Standing, verdictOf } from "./actor-pool-ejection.ts";
import type { Candidate } from "./actor-pool-route.ts";
import type { Endpoint } from "./wire/iris.ts";

const NOT_DIALLED: Health = { at: "dialling" };

export class Member implements Candidate {
  endpoint: Endpoint;
  readonly #connections: ConnectionCache;
  readonly #onChange: () => void;
  #held: { readonly connection: SharedConnection; readonly unsubscribe: () => void } | undefined;
  #hasLeft = false;
  #outstanding = 0;
  #standing: Standing = IN_GOOD_STANDING;
  /** Epoch in which its link was last seen to break: all calls that this took with it are one failure. */
  #lostEpoch: number | undefined;

  /** `onChange` is called whenever its health may have changed. */
  constructor(endpoint: Endpoint, connections: ConnectionCache, onChange: () => void) {
    this.endpoint = endpoint;
    this.#connections = connections;
    this.#onChange = onChange;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  /** How its connection fares; one that nobody has dialled yet counts as being dialled. */
  get health(): Health {
    if (this.#hasLeft) {
      const { name, address } = this.endpoint;
      return { at: "down", error: new IrisError("UNAVAILABLE", `${address} has left pool "${name}"`) };
    }
    return this.#held?.connection.health ?? NOT_DIALLED;
  }

  get epoch(): number {
    return this.#held?.connection.epoch ?? 0;
  }

  /** The way to it; dials if nobody has. Throws `UNAVAILABLE` once it has left. */
  open(): DialledChannel {
    if (this.#held === undefined) {
      const { health } = this;
      if (health.at === "down") throw health.error;
      const connection = this.#connections.acquire(this.endpoint.address, this.endpoint.token);
      this.#held = { connection, unsubscribe: connection.onChange(this.#onChange) };
    }
    return this.#held.connection.channel;
  }

  /** A call was sent to it. */
  began(): void {
    this.#outstanding++;
  }

  /** A call that was sent to it has settled. */
  ended(): void {
    this.#outstanding--;
    this.#letGo();
  }

  /** Whether it has failed so often that others are asked first. */
  isEjected(now: number): boolean {
    return isEjected(this.#standing, now);
  }

  /** A call that was sent in `epoch` has ended, with `error` or, if undefined, well. */
  learn(error: unknown, epoch: number, now: number): void {
    const verdict = verdictOf(error);
    if (verdict === "success") this.#standing = IN_GOOD_STANDING;
    if (verdict !== "failure") return;
    if (IrisError.is(error, "LOST")) {
      if (this.#lostEpoch === epoch) return;
      this.#lostEpoch = epoch;
    }
    this.#standing = afterFailure(this.#standing, now);
  }

  /** It is no member any more. Safe to call twice. */
  leave(): void {
    this.#hasLeft = true;
    this.#letGo();
    this.#onChange();
  }

  #letGo(): void {
    if (!this.#hasLeft || this.#outstanding > 0 || this.#held === undefined) return;
    this.#held.unsubscribe();
    this.#held = undefined;
    this.#connections.release(this.endpoint.address, this.endpoint.token);
  }
}
