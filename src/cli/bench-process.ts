/**
 * The server's process of a benchmark: started, asked what it has used, ended. Both ends of the little protocol between
 * parent and child are here, what is served is not. The one invariant: the child ends when its parent does.
 */
import { type ChildProcess, fork } from "node:child_process";

/** What a process has used so far. */
export interface Usage {
  readonly cpuUs: number;
  readonly rssBytes: number;
  /** Live bytes of its heap, when it was started with `--expose-gc` and could collect first. */
  readonly heapBytes: number;
}

type FromChild = { readonly address: string } | { readonly usage: Usage };

/** What this process has used so far. */
export function usageHere(): Usage {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuUs: user + system, rssBytes: rss, heapBytes: heapUsed + external };
}

/** The child's end: says where it serves and answers for its use until the parent lets go, then exits. */
export function serveParent(address: string): void {
  if (process.send === undefined) throw new Error("started by hand: this process belongs to a benchmark");
  const tell = (message: FromChild) => process.send?.(message);
  process.on("message", () => tell({ usage: usageHere() }));
  process.on("disconnect", () => process.exit(0));
  tell({ address });
}

/** The parent's end. */
export class ServerProcess implements AsyncDisposable {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  /** Starts `node entry ...args`; resolves when it serves. Rejects when it ends before, with its exit status. */
  static async start(
    entry: string,
    args: readonly string[] = [],
    options: { readonly env?: NodeJS.ProcessEnv; readonly execArgv?: readonly string[] } = {},
  ): Promise<ServerProcess> {
    const child = fork(entry, [...args], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: options.env ?? process.env,
      execArgv: [...(options.execArgv ?? process.execArgv)],
    });
    const message = await answerOf(child);
    if (!("address" in message)) throw new Error("the server's process spoke out of turn");
    return new ServerProcess(child, message.address);
  }

  /** Its id, to freeze it or to look at it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it has used so far. */
  async usage(): Promise<Usage> {
    const answer = answerOf(this.#child);
    this.#child.send("usage");
    const message = await answer;
    if (!("usage" in message)) throw new Error("the server's process spoke out of turn");
    return message.usage;
  }

  /** Ends it and resolves when it is gone. Safe to call twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL"); // it holds nothing that outlives it
    await gone;
  }
}

function answerOf(child: ChildProcess): Promise<FromChild> {
  return new Promise((resolve, reject) => {
    const forget = () => {
      child.off("message", onMessage);
      child.off("exit", onExit);
      child.off("error", onError);
    };
    const onMessage = (message: unknown) => {
      forget();
      resolve(message as FromChild);
    };
    const onExit = (status: number | null, signal: string | null) => {
      forget();
      reject(new Error(`the server's process ended early, with ${status ?? signal}`));
    };
    const onError = (error: Error) => {
      forget();
      reject(error);
    };
    child.on("message", onMessage);
    child.on("exit", onExit);
    child.on("error", onError);
  });
}
