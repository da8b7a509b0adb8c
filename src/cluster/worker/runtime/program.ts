/**
 * Finds out before a task is started whether it can be: its directory, its program, its environment's names. What a
 * shell would say in its own words on the task's output is said here as an error. Reads the file system, nothing else.
 */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { type TaskLaunch, TaskSetupError } from "./runtime.ts";

/** Where programs are looked for by one that has no PATH: what `execvp` does. */
const DEFAULT_PATH = "/bin:/usr/bin";
/** What a shell takes as a variable; others would be lost on the way to the program. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Resolves with the absolute path of the launch's program; rejects with a `TaskSetupError`. */
export async function findProgram(launch: TaskLaunch): Promise<string> {
  const [program, ...args] = launch.argv;
  if (program === undefined || program === "")
    throw new TaskSetupError("INVALID_ARGUMENT", "the command is empty", 127);
  if ([program, ...args, ...Object.values(launch.env)].some((text) => text.includes("\0"))) {
    const message = "a command's words and the values of variables cannot hold the character NUL";
    throw new TaskSetupError("INVALID_ARGUMENT", message, 126);
  }
  const odd = Object.keys(launch.env).find((name) => !VARIABLE.test(name));
  if (odd !== undefined) {
    const message = `environment variable ${JSON.stringify(odd)} cannot be set: use letters, digits and "_", no digit first`;
    throw new TaskSetupError("INVALID_ARGUMENT", message, 126);
  }
  if (!(await isDirectory(launch.cwd))) {
    const message = `workspace ${launch.cwd} is no directory on this worker's machine`;
    throw new TaskSetupError("NOT_FOUND", message, 126);
  }
  const places = program.includes("/")
    ? [resolve(launch.cwd, program)]
    : (launch.env.PATH ?? DEFAULT_PATH)
        .split(delimiter)
        .map((place) => join(isAbsolute(place) ? place : resolve(launch.cwd, place), program));
  let found: string | undefined;
  for (const place of places) {
    const file = await stat(place).catch(() => undefined);
    if (file === undefined || !file.isFile()) {
      if (file !== undefined) found ??= place;
      continue;
    }
    if (await isExecutable(place)) return place;
    found ??= place;
  }
  if (found !== undefined) {
    throw new TaskSetupError("PERMISSION_DENIED", `command cannot be executed: ${program} (${found})`, 126);
  }
  const where = program.includes("/") ? `no such file in ${launch.cwd}` : "it is in no directory of the task's PATH";
  throw new TaskSetupError("NOT_FOUND", `command not found: ${program} (${where})`, 127);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
