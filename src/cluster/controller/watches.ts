/**
 * Who wants to hear of what: listeners by topic, and streams that give the present and then each change, as many changes
 * at once as came while the reader was busy. It knows no rows; topics are texts.
 */

export class Watches {
  readonly #listeners = new Map<string, Set<() => void>>();

  /** Calls `fn` at each change of a topic until the returned function is called. */
  listen(topic: string, fn: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners);
    listeners.add(fn);
    return () => {
      listeners.delete(fn);
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic);
    };
  }

  changed(topic: string): void {
    for (const fn of [...(this.#listeners.get(topic) ?? [])]) fn();
  }

  /** Something about everything may be different: after the state was read anew. */
  changedAll(): void {
    for (const topic of [...this.#listeners.keys()]) this.changed(topic);
  }

  /** Topics that somebody listens to: zero when everybody has left. */
  get topics(): number {
    return this.#listeners.size;
  }
}

/** A bell that one reader waits for: rings between two waits are one ring. */
export class Bell {
  #rung = false;
  #waiting: (() => void) | undefined;

  readonly ring = (): void => {
    this.#rung = true;
    this.#waiting?.();
  };

  /** Resolves at the next ring, at once for one since the last wait, and when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) {
      this.#rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const settle = () => {
        signal.removeEventListener("abort", settle);
        this.#waiting = undefined;
        this.#rung = false;
        resolve();
      };
      this.#waiting = settle;
      signal.addEventListener("abort", settle, { once: true });
    });
  }
}

/** Topics by kind, so that no two kinds ever share one. */
export const topicOf = {
  job: (jobId: string) => `job ${jobId}`,
  /** Anything below a job. */
  tree: (jobId: string) => `tree ${jobId}`,
  endpoints: (key: string) => `endpoints ${key}`,
};
