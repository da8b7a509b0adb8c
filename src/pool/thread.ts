/** One thread of a `LocalPool`, as the dispatcher sees it: calls go out in batches, and their answers settle them. */
import type { MessagePort } from "node:worker_threads";
import type { IrisError } from "../runtime/errors.ts";
import { type Call, readAnswer } from "./call.ts";
import type { Ran, Runner } from "./lane.ts";
import { CALL_ID_MAX, ThreadGate } from "./thread-gate.ts";
import { Batch, type FromThread, readBatch, type ToThread } from "./thread-message.ts";

export class Thread implements Runner {
  readonly id: string;
  readonly gate = new ThreadGate();
  readonly #port: MessagePort;
  readonly #terminate: () => void;
  readonly #out: Batch<ToThread>;
  readonly #functions = new Map<string, number>();
  readonly #calls = new Map<number, (ran: Ran) => void>();
  readonly #ids = new Map<Call, number>();
  #nextCall = 0;
  /** How many of the pool's shared values it was sent. */
  #shared = 0;
  #lost: IrisError | undefined;

  /** `terminate` ends the thread, whatever it does; that it has ended is told by `lose`. */
  constructor(id: string, port: MessagePort, terminate: () => void) {
    this.id = id;
    this.#port = port;
    this.#terminate = terminate;
    this.#out = new Batch<ToThread>(port, () => this.gate.knock());
    port.on("message", (batch: Uint8Array) => {
      for (const answer of readBatch<FromThread>(batch)) this.#answered(answer);
    });
    // What holds the process is the pool's business, not each thread's.
    port.unref();
  }

  run(call: Call): Promise<Ran> {
    return new Promise((resolve) => {
      if (this.#lost !== undefined) {
        resolve({ as: "lost", error: this.#lost, reached: false });
        return;
      }
      const id = this.#nextCall;
      this.#nextCall = id === CALL_ID_MAX ? 0 : id + 1;
      this.#ids.set(call, id);
      this.#calls.set(id, (ran) => {
        this.#ids.delete(call);
        resolve(ran);
      });
      for (; this.#shared < call.sharedSize; this.#shared++) {
        this.#out.add(["share", this.#shared, call.shared.at(this.#shared)]);
      }
      this.#out.add(["call", id, this.#functionNumber(call), call.args]);
    });
  }

  cancel(call: Call): void {
    const id = this.#ids.get(call);
    if (id !== undefined && this.#lost === undefined) this.#out.add(["cancel", id]);
  }

  replace(call: Call): void {
    const id = this.#ids.get(call);
    if (id !== undefined && this.gate.close(id)) this.#terminate();
  }

  /** The thread is no more: what it had in hand is lost. Safe to call twice. */
  lose(error: IrisError): void {
    this.#lost ??= error;
    this.#port.close();
    for (const resolve of this.#calls.values()) resolve({ as: "lost", error, reached: true });
    this.#calls.clear();
  }

  #functionNumber({ code }: Call): number {
    const known = this.#functions.get(code.hash);
    if (known !== undefined) return known;
    const number = this.#functions.size;
    this.#functions.set(code.hash, number);
    this.#out.add(["code", number, code.bytes]);
    return number;
  }

  #answered([id, ok, bytes, tookMs]: FromThread): void {
    const resolve = this.#calls.get(id);
    this.#calls.delete(id);
    try {
      resolve?.({ as: "value", value: readAnswer({ ok, bytes }), tookMs });
    } catch (error) {
      resolve?.({ as: "threw", error, tookMs });
    }
  }
}
