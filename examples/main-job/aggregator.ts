// The actor that shards report to. It runs in a job of its own and is found by name.
import { ActorServer } from "iris-runtime";
import { addSurveys, type Surveys } from "./javascript.ts";

export interface Progress {
  readonly shardsDone: number;
  readonly filesDone: number;
  /** Processes that work on shards. */
  readonly processes: number[];
}

export class Aggregator {
  /** A stream is a message in hand for as long as it is read: reports come in beside it. */
  static readonly concurrency = 16;

  readonly #byShard = new Map<number, { files: number; surveys: Surveys }>();
  readonly #processes = new Set<number>();
  #changed = Promise.withResolvers<void>();

  /** A process begins to work on a shard. */
  begin(processId: number): void {
    this.#processes.add(processId);
    this.#notify();
  }

  /** A shard is done. Saying it twice counts once: a shard may run again when its worker dies. */
  report(shard: number, files: number, surveys: Surveys): void {
    this.#byShard.set(shard, { files, surveys });
    this.#notify();
  }

  total(): Surveys {
    const total: Surveys = {};
    for (const { surveys } of this.#byShard.values()) addSurveys(total, surveys);
    return total;
  }

  /** How far it is, now and after each change; the stream ends with its reader. */
  async *progress(): AsyncGenerator<Progress> {
    for (;;) {
      const { promise } = this.#changed;
      yield {
        shardsDone: this.#byShard.size,
        filesDone: [...this.#byShard.values()].reduce((sum, { files }) => sum + files, 0),
        processes: [...this.#processes],
      };
      await promise;
    }
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** The job: serves the aggregator until it is ended with its parent. */
export async function serveAggregator(): Promise<void> {
  const server = new ActorServer();
  await server.register("aggregator", new Aggregator());
  await server.serve();
}
