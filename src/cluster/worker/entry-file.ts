/** Where the entry files of processes and threads are: beside this file, as sources or compiled, whichever runs. */
import { fileURLToPath } from "node:url";

/** Absolute path of the entry file called `name`, such as `task-main`. */
export function entryFile(name: string): string {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  return fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
}
