/**
 * Pipes for what tasks print. Node gives a child's streams as sockets, which a program cannot open again by name: a
 * script's `echo … > /dev/stderr` would fail with ENXIO. So each stream is a named pipe whose name is gone as soon as
 * both ends are open. The one invariant: no descriptor and no name outlives `release`.
 */
import { execFile } from "node:child_process";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One stream of a task: the end that is read here, and the descriptor that the task writes to. */
export interface TaskPipe {
  readonly reader: Socket;
  readonly writerFd: number;
}

export interface TaskPipes {
  readonly stdout: TaskPipe;
  readonly stderr: TaskPipe;
  /** The task has the writing ends, or there is none: ours are closed, so that its end is seen. */
  release(): void;
}

/** Opens a pair. Rejects when the system has no named pipes, or no descriptors are left. */
export async function openTaskPipes(): Promise<TaskPipes> {
  const folder = await mkdtemp(join(tmpdir(), "iris-pipes-"));
  try {
    const names = [join(folder, "stdout"), join(folder, "stderr")] as const;
    await run("mkfifo", ["-m", "600", ...names]);
    const stdout = openPipe(names[0]);
    try {
      const stderr = openPipe(names[1]);
      return {
        stdout,
        stderr,
        release() {
          closeSync(stdout.writerFd);
          closeSync(stderr.writerFd);
        },
      };
    } catch (error) {
      stdout.reader.destroy();
      closeSync(stdout.writerFd);
      throw error;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openPipe(name: string): TaskPipe {
  // The reader first, without waiting for a writer; then the writer finds one and does not wait either.
  const readerFd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const writerFd = openSync(name, constants.O_WRONLY);
    return { reader: new Socket({ fd: readerFd, readable: true, writable: false }), writerFd };
  } catch (error) {
    closeSync(readerFd);
    throw error;
  }
}
