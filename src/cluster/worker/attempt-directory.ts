/**
 * An attempt's directory on the worker: `work` (where it starts unless its job has a workspace), `output` (what it wants
 * to keep), and the files through which a function task gets its invocation and gives its result. Readable by the
 * worker's user alone. It goes when the attempt is forgotten; `output` stays if anything is in it.
 */
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ErrorInfo, ErrorInfoCodec, type Invocation, InvocationCodec } from "../../net/wire/iris.ts";

const PRIVATE_MODE = 0o700;

export class AttemptDirectory {
  readonly path: string;
  readonly workDir: string;
  readonly outputDir: string;
  readonly invocationFile: string;
  readonly resultFile: string;
  readonly errorFile: string;

  /** `root` holds the directories of all attempts. */
  constructor(root: string, uid: string) {
    this.path = join(root, uid);
    this.workDir = join(this.path, "work");
    this.outputDir = join(this.path, "output");
    this.invocationFile = join(this.path, "invocation");
    this.resultFile = join(this.path, "result");
    this.errorFile = join(this.path, "error");
  }

  async create(): Promise<void> {
    await mkdir(this.workDir, { recursive: true, mode: PRIVATE_MODE });
    await mkdir(this.outputDir, { recursive: true, mode: PRIVATE_MODE });
  }

  async writeInvocation(invocation: Invocation): Promise<void> {
    await writeFile(this.invocationFile, InvocationCodec.encode(invocation));
  }

  /** The encoded value that the task's function returned, if it did. */
  async readResult(): Promise<Uint8Array | undefined> {
    return await readIfThere(this.resultFile);
  }

  /** What the task's function threw, if it did. */
  async readError(): Promise<ErrorInfo | undefined> {
    const bytes = await readIfThere(this.errorFile);
    return bytes && ErrorInfoCodec.decode(bytes);
  }

  async remove(): Promise<void> {
    // Fails, as it should, for one that is not empty.
    const kept = await rmdir(this.outputDir).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === "ENOTEMPTY",
    );
    if (!kept) {
      await rm(this.path, { recursive: true, force: true });
      return;
    }
    for (const path of [this.workDir, this.invocationFile, this.resultFile, this.errorFile]) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

/** Names of the attempts that have a directory below `root`, which is made if it is not there. */
export async function listAttemptDirectories(root: string): Promise<string[]> {
  await mkdir(root, { recursive: true, mode: PRIVATE_MODE });
  return await readdir(root);
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
