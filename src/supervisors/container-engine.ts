/**
 * The seam between supervised containers and whatever runs them. An engine knows nothing of supervision. The one
 * invariant: every container says who owns it, so that `sweep` can remove what an owner left that was killed.
 */
import type { OutputSource } from "./output.ts";

/** A port of the container that can be reached at one of this machine. */
export interface PublishedPort {
  /** In the container. */
  readonly container: number;
  /** On this machine. */
  readonly host: number;
  /** Address of this machine that it is bound to. */
  readonly address: string;
}

/** A directory or file of this machine that the container sees. */
export interface Mount {
  /** Absolute path on this machine; it must be there. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly?: boolean;
}

export interface ContainerLaunch {
  /** For people: the child's path. */
  readonly path: string;
  readonly image: string;
  /** Instead of the image's own command. */
  readonly command: readonly string[] | undefined;
  /** Instead of the image's own entrypoint. */
  readonly entrypoint: readonly string[] | undefined;
  /** Variables beside the image's own; nothing is inherited from this process. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly user: string | undefined;
  readonly ports: readonly PublishedPort[];
  readonly mounts: readonly Mount[];
  /** Such as `bridge`, `host`, `none`; `undefined` for the engine's default. */
  readonly network: string | undefined;
  /** More ends it as out of memory; swap is not added. Unit: bytes. */
  readonly memoryBytes: number | undefined;
  /** Unit: thousandths of a core. */
  readonly cpuMillis: number | undefined;
  /** Whether a small init of the engine's is process 1: it hands signals on and takes away zombies. */
  readonly init: boolean;
  /** A line of its output, without its end. Must not throw. */
  readonly onLine: (source: OutputSource, line: string) => void;
}

/** How a container ended. */
export interface ContainerExit {
  /** Exit status of its main process; `undefined` if nobody knows. */
  readonly code: number | undefined;
  /** Name of the signal that ended it, such as `SIGKILL`. */
  readonly signal: string | undefined;
  readonly isOutOfMemory: boolean;
  /** What the engine says about an end of its own making; empty if nothing. */
  readonly message: string;
}

export interface StartedContainer {
  readonly id: string;
  /**
   * Resolves when it has ended, and its last lines were handed on. Rejects when the engine was not to be reached for
   * long: then it must be presumed alive.
   */
  readonly exited: Promise<ContainerExit>;
  /** Where this process reaches a port of it; `undefined` if it cannot. */
  reach(port: number): { readonly host: string; readonly port: number } | undefined;
  /** Sends a signal to its main process; does nothing to one that has ended. */
  signal(name: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Ends it if it still runs, and removes all of it, its anonymous volumes too. Safe to call twice. */
  remove(): Promise<void>;
}

export interface ContainerEngine {
  /**
   * Starts a container; resolves when its main process runs. Rejects, leaving nothing behind, with `NOT_FOUND` if there is
   * no such image, `ALREADY_EXISTS` for a port that is taken, `INVALID_ARGUMENT` for what the engine does not take, and
   * `UNAVAILABLE` if no engine answers.
   */
  start(launch: ContainerLaunch): Promise<StartedContainer>;
  /** Removes the containers of owners that are gone; resolves with how many there were. */
  sweep(): Promise<number>;
}
