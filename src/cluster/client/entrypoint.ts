/**
 * Packs what a task runs for the way: functions by `net/callable`, arguments by `net/value`. Synchronous, so what
 * travels is what the variables hold at the moment of submission.
 */
import { moduleCallable, packCallable } from "../../net/callable/index.ts";
import { encodeValue } from "../../net/value/index.ts";
import type { Entrypoint as PackedEntrypoint } from "../../net/wire/iris.ts";
import type { Entrypoint } from "../job/entrypoint.ts";

export { Entrypoint } from "../job/entrypoint.ts";

/**
 * The entrypoint as it travels. `workspace` is the job's directory, null for none. Throws `NOT_SHIPPABLE` with the path
 * to what cannot travel, `INVALID_ARGUMENT` for a module that cannot be named from there.
 */
export function packEntrypoint(entrypoint: Entrypoint, workspace: string | null): PackedEntrypoint {
  const { recipe } = entrypoint;
  switch (recipe.kind) {
    case "command":
      return { command: { argv: [...recipe.argv] } };
    case "callable":
      return { invocation: { callable: packCallable(recipe.fn, { workspace }), arguments: encodeValue(recipe.args) } };
    case "module": {
      const callable = moduleCallable(recipe.module, recipe.exportName, { workspace });
      return { invocation: { callable, arguments: encodeValue(recipe.args) } };
    }
  }
}
