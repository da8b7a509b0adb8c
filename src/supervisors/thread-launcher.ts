/** The seam between supervised threads and Node's worker threads, and the real side of it. */
import { finished } from "node:stream/promises";
import {
  MessageChannel,
  type MessagePort,
  type ResourceLimits,
  receiveMessageOnPort,
  type TransferListItem,
  Worker,
} from "node:worker_threads";
import type { Environment } from "../runtime/ports/environment.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { OutputSource } from "./output.ts";
import type { FromThread, ThreadStart, ToThread } from "./thread-message.ts";

export interface ThreadLaunch {
  /** URL of the module to run. */
  readonly module: string;
  readonly path: string;
  readonly data: unknown;
  readonly args: readonly unknown[];
  /** All variables of the thread. */
  readonly env: Environment;
  readonly resourceLimits: ResourceLimits | undefined;
  /** The thread's end of a port for its own use. */
  readonly port: MessagePort | undefined;
  /** A line that it printed, without its end; absent: it prints where this process does. */
  readonly onLine: ((source: OutputSource, line: string) => void) | undefined;
  readonly onMessage: (message: FromThread) => void;
}

export interface ThreadExit {
  readonly code: number;
  /** What it threw and nobody caught. */
  readonly error: unknown;
}

export interface LaunchedThread {
  /** Resolves when it has ended and its last lines were handed on. */
  readonly exited: Promise<ThreadExit>;
  /** Does nothing to a thread that has ended. */
  post(message: ToThread): void;
  /** Ends it wherever it is, also in a loop that never yields. */
  terminate(): void;
}

export interface ThreadLauncher {
  /** Throws what Node throws for data that cannot be copied, or limits that cannot be meant. */
  launch(options: ThreadLaunch): LaunchedThread;
}

/** Beside this file, as source or compiled, whichever runs. */
const MAIN = new URL(`./thread-main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** Starts real threads. */
export function nodeThreads(): ThreadLauncher {
  return {
    launch({ onLine, onMessage, env, resourceLimits, ...own }) {
      const { port1: ours, port2: control } = new MessageChannel();
      const workerData: ThreadStart = { ...own, control };
      const transferList: TransferListItem[] = own.port === undefined ? [control] : [control, own.port];
      let worker: Worker;
      try {
        const isOurs = onLine !== undefined;
        const name = own.path;
        worker = new Worker(MAIN, {
          workerData,
          transferList,
          env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)),
          name,
          stdout: isOurs,
          stderr: isOurs,
          ...(resourceLimits === undefined ? {} : { resourceLimits }),
        });
      } catch (thrown) {
        ours.close();
        throw thrown;
      }
      ours.on("message", onMessage);
      const allRead = onLine === undefined ? undefined : readLines(worker, onLine);
      let error: unknown;
      worker.on("error", (thrown) => {
        error = thrown;
      });
      const exited = new Promise<ThreadExit>((resolve) => {
        worker.once("exit", async (code) => {
          // What it said last may not have been read yet, and comes before its end.
          for (let last = receiveMessageOnPort(ours); last !== undefined; last = receiveMessageOnPort(ours)) {
            onMessage(last.message as FromThread);
          }
          ours.close();
          await allRead;
          resolve({ code, error });
        });
      });
      return { exited, post: (message) => ours.postMessage(message), terminate: () => void worker.terminate() };
    },
  };
}

/** Resolves when there is nothing more to read; never rejects. */
async function readLines(worker: Worker, onLine: (source: OutputSource, line: string) => void): Promise<void> {
  const read = (["stdout", "stderr"] as const).map(async (source) => {
    const lines = new LineSplitter((line) => onLine(source, line));
    worker[source].on("data", (bytes: Buffer) => lines.push(bytes));
    await finished(worker[source]).catch(() => {});
    lines.end();
  });
  await Promise.all(read);
}
