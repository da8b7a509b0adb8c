/**
 * What a pool and its threads say to each other over a message port: batches, each one run of bytes in the value format,
 * so that the calls of one turn cost one message.
 */
import type { MessagePort } from "node:worker_threads";
import { decodeValue, encodeValue } from "../net/value/index.ts";

/** To a thread: a function, by a number of the pool's choice; a call, by number, of a function; a call that nobody wants any more; a value. */
export type ToThread =
  | readonly ["code", fn: number, bytes: Uint8Array]
  | readonly ["call", id: number, fn: number, args: Uint8Array]
  | readonly ["cancel", id: number]
  | readonly ["share", index: number, bytes: Uint8Array];

/** From a thread: a call has ended, with a value (`ok`) or an error. */
export type FromThread = readonly [id: number, ok: boolean, bytes: Uint8Array, tookMs: number];

/** What a thread is started with. */
export interface ThreadStart {
  readonly port: MessagePort;
  /** Of `ThreadGate`. */
  readonly gate: SharedArrayBuffer;
  /** Where functions that travel by reference are looked up. */
  readonly workspace: string | null;
}

/** Gathers what is said and posts it as one message. */
export class Batch<M> {
  readonly #port: MessagePort;
  readonly #onPosted: () => void;
  #messages: M[] = [];
  #isScheduled = false;

  constructor(port: MessagePort, onPosted: () => void = () => {}) {
    this.#port = port;
    this.#onPosted = onPosted;
  }

  /** Goes out at the end of this turn, with all that was said by then. */
  add(message: M): void {
    this.hold(message);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** Goes out with the next flush. */
  hold(message: M): void {
    this.#messages.push(message);
  }

  flush(): void {
    if (this.#messages.length === 0) return;
    const bytes = encodeValue(this.#messages);
    this.#messages = [];
    // A port copies the whole buffer behind what it is given, and a short message may stand in one that holds others.
    const own = bytes.buffer.byteLength === bytes.length ? bytes : new Uint8Array(bytes);
    this.#port.postMessage(own, own.length >= TRANSFERRED_MIN ? [own.buffer as ArrayBuffer] : []);
    this.#onPosted();
  }
}

/** Bytes from which handing a buffer over is cheaper than copying it. */
const TRANSFERRED_MIN = 16_384;

/** Both ends run the same code, so what comes is what was said. */
export function readBatch<M>(bytes: Uint8Array): M[] {
  return decodeValue(bytes) as M[];
}
