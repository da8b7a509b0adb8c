/**
 * The members of a pool's name as runners of its dispatcher. A member whose call was lost is sent nothing until it is
 * known to be up again, or another attempt has taken its place; the controller's word that a member is gone is enough to
 * give it nothing more.
 */
import type { ActorPool, PoolMember } from "../net/actor-pool.ts";
import { IrisError, toIrisError } from "../runtime/errors.ts";
import type { Clock, TimerHandle } from "../runtime/ports/clock.ts";
import { asAnswer, type Call, readAnswer } from "./call.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { type Executor, MISSING } from "./executor-actor.ts";
import type { Ran, Runner } from "./lane.ts";
import { POOL_LIMITS } from "./limits.ts";

export interface RemoteRunnersOptions {
  readonly members: Pick<ActorPool<Executor>, "members" | "onChange" | "close">;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
}

/** Failures by which a call certainly never reached the function. */
const NOT_REACHED: ReadonlySet<string> = new Set([
  "UNAVAILABLE",
  "MAILBOX_FULL",
  "NO_SUCH_ACTOR",
  "UNDELIVERABLE",
  "UNAUTHENTICATED",
]);

/** Failures that say nothing of the worker, but of this call alone. */
const OF_THE_CALL: ReadonlySet<string> = new Set(["PAYLOAD_TOO_LARGE", "PROTOCOL_ERROR", "NOT_SHIPPABLE"]);

export class RemoteRunners {
  readonly #options: RemoteRunnersOptions;
  readonly #runners = new Map<string, RemoteRunner>();
  readonly #forget: () => void;
  #timer: TimerHandle;
  #isClosed = false;
  #nextCall = 0;

  constructor(options: RemoteRunnersOptions) {
    this.#options = options;
    this.#forget = options.members.onChange(() => this.#update());
    this.#update();
    this.#timer = this.#touchLater();
  }

  /** Sends nothing more, and lets go of the members. */
  close(): void {
    this.#isClosed = true;
    this.#forget();
    this.#options.clock.clearTimeout(this.#timer);
    void this.#options.members.close();
  }

  #update(): void {
    const { members, dispatcher } = this.#options;
    const present = new Map(members.members().map((member) => [member.endpoint.endpointId, member]));
    for (const [id, runner] of this.#runners) {
      const member = present.get(id);
      if (member === undefined) {
        this.#runners.delete(id);
        dispatcher.remove(runner);
      } else if (runner.isDown && !runner.isStuck && member.isUp) {
        this.#take(member);
      }
    }
    for (const [id, member] of present) if (!this.#runners.has(id)) this.#take(member);
  }

  #take(member: PoolMember<Executor>): void {
    const runner = new RemoteRunner(member, () => this.#nextCall++);
    this.#runners.set(runner.endpointId, runner);
    this.#options.dispatcher.add(runner);
  }

  /** Tells the workers now and then that their pool is there: one that hears nothing ends by itself. */
  #touchLater(): TimerHandle {
    return this.#options.clock.setTimeout(() => {
      if (this.#isClosed) return;
      for (const { member } of this.#runners.values()) {
        if (member.isUp) member.tell().touch();
        // Never called yet, so not connected: this connects it.
        else
          member
            .call({ timeoutMs: POOL_LIMITS.touchEveryMs })
            .touch()
            .catch(() => {});
      }
      this.#timer = this.#touchLater();
    }, POOL_LIMITS.touchEveryMs);
  }
}

class RemoteRunner implements Runner {
  readonly id: string;
  readonly endpointId: string;
  readonly member: PoolMember<Executor>;
  readonly #nextCall: () => number;
  /** Functions that it was sent. */
  readonly #taught = new Set<string>();
  /** What it has in hand: its numbers, and how to give it up. */
  readonly #calls = new Map<Call, { readonly id: number; readonly lose: (error: IrisError) => void }>();
  /** How many of the pool's shared values it was sent, or is being sent. */
  #shared = 0;
  /** Until they are there, calls wait; once one has failed, so does every call until the member is taken in again. */
  #sharing: Promise<void> | undefined;
  #isStopping = false;
  isDown = false;
  /** A call that was given up keeps it from hearing that it shall end: it is sent nothing any more, even if it is up. */
  isStuck = false;

  constructor(member: PoolMember<Executor>, nextCall: () => number) {
    this.member = member;
    this.#nextCall = nextCall;
    this.endpointId = member.endpoint.endpointId;
    this.id = member.endpoint.taskId === "" ? member.endpoint.address : member.endpoint.taskId;
  }

  run(call: Call): Promise<Ran> {
    return new Promise((resolve) => {
      const id = this.#nextCall();
      const end = (ran: Ran) => {
        this.#calls.delete(call);
        resolve(ran);
      };
      this.#calls.set(call, { id, lose: (error) => end({ as: "lost", error, reached: true }) });
      this.#ask(id, call).then(end, (error) => end(this.#failed(toIrisError(error))));
    });
  }

  cancel(call: Call): void {
    const inHand = this.#calls.get(call);
    if (inHand !== undefined && this.member.isUp) this.member.tell().cancel(inHand.id);
  }

  replace(call: Call): void {
    const inHand = this.#calls.get(call);
    if (inHand === undefined || this.#isStopping) return;
    this.#isStopping = true;
    this.member
      .call({ timeoutMs: POOL_LIMITS.stopMs })
      .stop(inHand.id)
      .catch((error: unknown) => {
        // The break of its link, if it did end, has told of every call already. Else it does not even read what it is sent.
        if (!IrisError.is(error, "DEADLINE_EXCEEDED") || this.#calls.get(call) !== inHand) return;
        this.isDown = true;
        this.isStuck = true;
        const message = `${this.id} does not answer: a call that was given up keeps it busy`;
        const lost = new IrisError("LOST", message, { where: this.id });
        for (const { lose } of [...this.#calls.values()]) lose(lost);
      })
      .finally(() => {
        this.#isStopping = false;
      });
  }

  async #ask(id: number, call: Call): Promise<Ran> {
    const { code, args } = call;
    if (this.#shared < call.sharedSize) this.#sharing = this.#share(call, this.#sharing);
    if (this.#sharing !== undefined) await this.#sharing;
    const isTaught = this.#taught.has(code.hash);
    // Calls on one connection arrive in order: what follows may count on this one to have brought the function.
    this.#taught.add(code.hash);
    const executor = this.member.call();
    let reply = isTaught
      ? await executor.run(id, code.hash, args)
      : await executor.teach(id, code.hash, code.bytes, args);
    if (reply === MISSING) reply = await executor.teach(id, code.hash, code.bytes, args);
    return toRan(asAnswer(reply));
  }

  /** Sends what is shared and it does not have, one part after the other. */
  async #share(call: Call, before: Promise<void> | undefined): Promise<void> {
    const from = this.#shared;
    this.#shared = call.sharedSize;
    await before;
    for (let index = from; index < call.sharedSize; index++) {
      const bytes = call.shared.at(index);
      const parts = Math.max(1, Math.ceil(bytes.length / POOL_LIMITS.sharePartBytes));
      for (let part = 0; part < parts; part++) {
        const at = part * POOL_LIMITS.sharePartBytes;
        await this.member.call().share(index, part, parts, bytes.subarray(at, at + POOL_LIMITS.sharePartBytes));
      }
    }
  }

  #failed(error: IrisError): Ran {
    if (OF_THE_CALL.has(error.code)) return { as: "threw", error, tookMs: 0 };
    this.isDown = true;
    return { as: "lost", error, reached: !NOT_REACHED.has(error.code) || error.maybeExecuted === true };
  }
}

function toRan({ ok, bytes, tookMs }: { ok: boolean; bytes: Uint8Array; tookMs: number }): Ran {
  try {
    return { as: "value", value: readAnswer({ ok, bytes }), tookMs };
  } catch (error) {
    return { as: "threw", error, tookMs };
  }
}
