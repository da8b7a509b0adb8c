/** Keeps the process alive while something is awaited whose own handles do not. A message port that nobody writes to. */
import { MessageChannel } from "node:worker_threads";

export class KeepAlive {
  readonly #port = new MessageChannel().port1;

  constructor() {
    this.#port.on("message", () => {}); // only a port that is listened at can hold the process
    this.#port.unref();
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#port.ref();
    else this.#port.unref();
  }

  close(): void {
    this.#port.close();
  }
}
