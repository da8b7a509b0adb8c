/** Functions that travel: read where they are written, made again where they run. See `pack.ts` and `load.ts`. */
export { loadCallable } from "./load.ts";
export { moduleCallable } from "./module.ts";
export { packCallable } from "./pack.ts";
export type { WorkspaceOption } from "./workspace.ts";
