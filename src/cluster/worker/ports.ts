/**
 * Picks network ports for tasks. A port is given to one attempt at a time, and only if nothing listens on it; between
 * that look and the task's own bind another program may still take it. The one invariant: no port is held twice.
 */
import { createServer } from "node:net";
import { IrisError } from "../../runtime/errors.ts";
import type { Random } from "../../runtime/ports/random.ts";
import { CLUSTER_LIMITS } from "../job/limits.ts";
import { WORKER_LIMITS } from "./limits.ts";

/** Whether nothing listens on the port. */
export type PortProbe = (port: number) => Promise<boolean>;

export interface TaskPortsOptions {
  readonly random: Random;
  readonly isFree?: PortProbe | undefined;
  /** Both included. */
  readonly first?: number | undefined;
  readonly last?: number | undefined;
}

export class TaskPorts {
  readonly #isFree: PortProbe;
  readonly #first: number;
  readonly #count: number;
  readonly #held = new Set<number>();
  #next: number;

  constructor(options: TaskPortsOptions) {
    this.#isFree = options.isFree ?? canBind;
    this.#first = options.first ?? CLUSTER_LIMITS.taskPortFirst;
    this.#count = (options.last ?? CLUSTER_LIMITS.taskPortLast) - this.#first + 1;
    // Several workers of one machine begin at different places, and a port is not reused at once.
    this.#next = Math.floor(options.random.next() * this.#count);
  }

  /** One port for each name, held until released. Rejects with `RESOURCE_EXHAUSTED`, holding none. */
  async pick(names: readonly string[]): Promise<Record<string, number>> {
    const picked: Record<string, number> = {};
    try {
      for (const name of names) picked[name] = await this.#pickOne();
      return picked;
    } catch (error) {
      this.release(picked);
      throw error;
    }
  }

  /** Gives ports back. Those that are not held do no harm. */
  release(ports: Readonly<Record<string, number>>): void {
    for (const port of Object.values(ports)) this.#held.delete(port);
  }

  async #pickOne(): Promise<number> {
    const tries = Math.min(this.#count, WORKER_LIMITS.portTries);
    for (let tried = 0; tried < tries; tried++) {
      const port = this.#first + this.#next;
      this.#next = (this.#next + 1) % this.#count;
      if (this.#held.has(port)) continue;
      this.#held.add(port); // before the look, which takes a while
      if (await this.#isFree(port)) return port;
      this.#held.delete(port);
    }
    const range = `${this.#first} to ${this.#first + this.#count - 1}`;
    throw new IrisError("RESOURCE_EXHAUSTED", `no free port for a task: tried ${tries} of ${range} on this machine`);
  }
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "0.0.0.0", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
