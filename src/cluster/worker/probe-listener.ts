/**
 * The address by which a controller finds out whether this worker's process lives: connections are accepted as long as
 * it does, however busy its event loop is, because a thread of its own accepts them. Says nothing about health.
 */
import { once } from "node:events";
import { Worker as Thread } from "node:worker_threads";
import { IrisError } from "../../runtime/errors.ts";
import { entryFile } from "./entry-file.ts";

export interface ProbeListener {
  readonly port: number;
  /** Settles when it accepts no more: rejects with what went wrong, resolves after `stop`. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Starts it; rejects when it cannot listen there. Port 0 is any free one. */
export type ListenForProbes = (host: string, port: number) => Promise<ProbeListener>;

export const listenForProbes: ListenForProbes = async (host, port) => {
  const thread = new Thread(entryFile("probe-main"), { workerData: { host, port }, name: "iris-probe" });
  const [listening] = (await once(thread, "message").catch((thrown) => {
    const { message } = thrown as Error; // of another thread: its class is lost
    throw new IrisError("UNAVAILABLE", `probes cannot be accepted at ${host}:${port}: ${message}`, { cause: thrown });
  })) as [number];
  const ended = new Promise<void>((resolve, reject) => {
    thread.once("error", reject);
    thread.once("exit", () => resolve());
  });
  ended.catch(() => {}); // whoever looks at it hears of it
  return {
    port: listening,
    ended,
    stop: async () => {
      await thread.terminate();
    },
  };
};

/** The listener as a part of a worker: comes back on the same port when it fails. */
export class Probe {
  readonly #listen: ListenForProbes;
  readonly #host: string;
  #port = 0;

  constructor(listen: ListenForProbes, host: string) {
    this.#listen = listen;
    this.#host = host;
  }

  /** 0 before it has been started. */
  get port(): number {
    return this.#port;
  }

  /** Listens until `signal` aborts; rejects when it cannot, or cannot any more. */
  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const listener = await this.#listen(this.#host, this.#port);
    try {
      this.#port = listener.port;
      ready();
      await Promise.race([listener.ended, signal.aborted || once(signal, "abort")]);
    } finally {
      await listener.stop();
    }
    if (!signal.aborted) throw new IrisError("INTERNAL", "the thread that accepts probes has ended");
  }
}
