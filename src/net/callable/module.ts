/** Exports of modules, named outright: the form of a function that needs nothing to be found out about it. */
import { isAbsolute, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { IrisError } from "../../runtime/errors.ts";
import type { Callable } from "../wire/iris.ts";
import { fileInWorkspace, pathInWorkspace, type WorkspaceOption } from "./workspace.ts";

const URL_SCHEME = /^([a-z][a-z0-9+.-]+):/i;
const SCHEMES = ["file:", "node:", "data:"];

/**
 * The export `exportName` of a module, for `loadCallable` to find. `module` is a path (relative ones refer to the
 * workspace), a `file:`, `node:` or `data:` URL, or the name of a package that the workspace depends on. Whether it exists
 * is seen where it runs. Throws `INVALID_ARGUMENT` for what can be none of these, or leads out of the workspace.
 */
export function moduleCallable(module: string | URL, exportName: string, { workspace }: WorkspaceOption): Callable {
  const name: unknown = exportName;
  if (typeof name !== "string" || name === "") {
    throw new IrisError("INVALID_ARGUMENT", `the name of an export is a non-empty string, not ${described(name)}`);
  }
  return { reference: { module: moduleName(module, workspace), exportName: name } };
}

function moduleName(module: unknown, workspace: string | null): string {
  const text = module instanceof URL ? module.href : module;
  if (typeof text !== "string" || text === "") {
    throw new IrisError("INVALID_ARGUMENT", `a module is named by a path, a URL or a package, not ${described(text)}`);
  }
  // "C:\\…" is a path on Windows: only what is longer than a letter is a scheme.
  const scheme = URL_SCHEME.exec(text)?.[0].toLowerCase();
  if (scheme !== undefined) {
    if (!SCHEMES.includes(scheme)) {
      throw new IrisError("INVALID_ARGUMENT", `${text}: Node imports from ${SCHEMES.join(", ")} URLs, not ${scheme}`);
    }
    if (scheme !== "file:") return text;
    const url = new URL(text);
    return url.search === "" && url.hash === "" ? fromFile(fileURLToPath(url), workspace, text) : text;
  }
  if (isAbsolute(text)) return fromFile(text, workspace, text);
  if (!text.startsWith(".")) return text;
  if (workspace === null) {
    throw new IrisError("INVALID_ARGUMENT", `${text} is relative, but there is no workspace; name it by its file: URL`);
  }
  const file = fileInWorkspace(text, workspace);
  if (file === undefined) throw outside(text, workspace);
  return fromFile(file, workspace, text);
}

function fromFile(file: string, workspace: string | null, otherwise: string): string {
  return (workspace === null ? undefined : pathInWorkspace(file, workspace)) ?? otherwise.split(sep).join("/");
}

/** The error for a relative path that leads out of its workspace. */
export function outside(path: string, workspace: string): IrisError {
  return new IrisError("INVALID_ARGUMENT", `${path} leads out of the workspace ${workspace}`);
}

function described(value: unknown): string {
  return value === "" ? "an empty string" : value === null ? "null" : `a value of type ${typeof value}`;
}
