/** Module paths as they travel: relative to the workspace where they are inside it, so that they mean the same elsewhere. */
import { realpathSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";

/** Where module references are looked up. */
export interface WorkspaceOption {
  /** Absolute path of the directory that relative module paths refer to, or null when there is none. */
  readonly workspace: string | null;
}

/** The path of `file` below `workspace`, with forward slashes; undefined when it is not below it, links resolved. */
export function pathInWorkspace(file: string, workspace: string): string | undefined {
  const path = relative(realPath(workspace), realPath(file));
  if (path === "" || path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path)) return undefined;
  return path.split(sep).join("/");
}

/** The absolute path of a path that is relative to the workspace; undefined when it leads out of it. */
export function fileInWorkspace(path: string, workspace: string): string | undefined {
  const file = resolve(workspace, path);
  return pathInWorkspace(file, workspace) === undefined ? undefined : file;
}

/** The path without links; what does not exist stays as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
