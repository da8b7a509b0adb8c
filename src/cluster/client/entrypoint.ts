/**
 * Packs what a task runs for the way: functions by `net/callable`, arguments by `net/value`. Synchronous, so what
 * travels is what the variables hold at the moment of submission.
 */
import { isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { packCallable } from "../../net/callable/index.ts";
import { encodeValue } from "../../net/value/index.ts";
import type { Callable, Entrypoint as PackedEntrypoint } from "../../net/wire/iris.ts";
import { IrisError } from "../../runtime/errors.ts";
import type { Entrypoint } from "../job/entrypoint.ts";

export { Entrypoint } from "../job/entrypoint.ts";

/**
 * The entrypoint as it travels. `workspace` is the job's directory, null for none. Throws `NOT_SHIPPABLE` with the path
 * to what cannot travel, `INVALID_ARGUMENT` for a module that cannot be found from there.
 */
export function packEntrypoint(entrypoint: Entrypoint, workspace: string | null): PackedEntrypoint {
  const { recipe } = entrypoint;
  switch (recipe.kind) {
    case "command":
      return { command: { argv: [...recipe.argv] } };
    case "callable":
      return { invocation: { callable: packCallable(recipe.fn, { workspace }), arguments: encodeValue(recipe.args) } };
    case "module":
      return {
        invocation: {
          callable: moduleReference(recipe.module, recipe.exportName, workspace),
          arguments: encodeValue(recipe.args),
        },
      };
  }
}

/** A module of the workspace is named from there, so that it is found wherever the workspace lies. */
function moduleReference(module: string, exportName: string, workspace: string | null): Callable {
  const isRelative = module.startsWith("./") || module.startsWith("../");
  if (isRelative && workspace === null) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `module ${JSON.stringify(module)} is relative, but the job has no workspace: give one, or an absolute path`,
    );
  }
  const isPath = isRelative || isAbsolute(module) || module.startsWith("file:");
  if (!isPath) return { reference: { module, exportName } };
  const path = module.startsWith("file:") ? fileURLToPath(module) : resolve(workspace ?? sep, module);
  return { reference: { module: fromWorkspace(path, workspace), exportName } };
}

function fromWorkspace(path: string, workspace: string | null): string {
  if (workspace === null) return path;
  const inside = relative(workspace, path);
  if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return path;
  return inside.split(sep).join("/");
}
