/**
 * A function that travelled, made usable again. Loading runs code of whoever sent it: tasks and threads load, the
 * controller never does.
 */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { IrisError } from "../../runtime/errors.ts";
import type { Callable, FunctionSource, ModuleExport } from "../wire/iris.ts";
import { outside } from "./module.ts";
import { fileInWorkspace, type WorkspaceOption } from "./workspace.ts";

type Loaded = (...args: unknown[]) => unknown;

/** Compiled texts that are kept; all are let go when the next one would pass it. */
const COMPILED_KEPT = 1_024;
/** Before the text, so that it is read as strict code and as an expression. Its width is taken off the first column. */
const PREFIX = '"use strict";(';
const EXPORTS_NAMED_MAX = 10;
const URL_SCHEME = /^[a-z][a-z0-9+.-]+:/i;
const NOT_FOUND_CODES = new Set([
  "ERR_MODULE_NOT_FOUND",
  "ERR_PACKAGE_PATH_NOT_EXPORTED",
  "ERR_UNKNOWN_BUILTIN_MODULE",
  "ERR_INVALID_MODULE_SPECIFIER",
]);

const compiled = new Map<string, Loaded>();

/**
 * The function of a `Callable`. Rejects with `NOT_FOUND` when its module or export is not there, `INVALID_ARGUMENT` when
 * the export is no function or a relative path leads out of the workspace, `PROTOCOL_ERROR` for a text that is no function;
 * and with whatever the module throws while it is loaded, unchanged.
 */
export async function loadCallable(callable: Callable, { workspace }: WorkspaceOption): Promise<Loaded> {
  if (callable.reference !== undefined) return loadExport(callable.reference, workspace);
  if (callable.source !== undefined) return compile(callable.source, workspace);
  throw new IrisError("PROTOCOL_ERROR", "a callable has neither a reference nor a source");
}

async function loadExport({ module, exportName }: ModuleExport, workspace: string | null): Promise<Loaded> {
  const namespace = await importModule(module, workspace);
  const value = namespace[exportName];
  if (typeof value === "function") return value as Loaded;
  if (exportName in namespace) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `export ${exportName} of ${module} is no function but of type ${typeof value}`,
    );
  }
  const names = Object.keys(namespace);
  const has = names.length === 0 ? "nothing" : names.slice(0, EXPORTS_NAMED_MAX).join(", ");
  throw new IrisError(
    "NOT_FOUND",
    `module ${module} has no export ${exportName}; it exports ${has}${names.length > EXPORTS_NAMED_MAX ? ", …" : ""}`,
  );
}

async function importModule(module: string, workspace: string | null): Promise<Record<string, unknown>> {
  if (URL_SCHEME.test(module)) return imported(module, () => import(module));
  const file = moduleFile(module, workspace);
  if (file !== undefined) {
    if (!existsSync(file)) throw new IrisError("NOT_FOUND", `module ${module} does not exist: no file ${file}`);
    return import(pathToFileURL(file).href) as Promise<Record<string, unknown>>;
  }
  // A package: looked up from the workspace, as an import in one of its modules would be.
  const importer = importerAt(pathToFileURL(join(workspace ?? process.cwd(), "iris-import.mjs")).href);
  return imported(module, () => importer(module));
}

/** The file of a module, or undefined when the name can only be that of a package. */
function moduleFile(module: string, workspace: string | null): string | undefined {
  if (isAbsolute(module)) return module;
  const isRelative = module.startsWith("./") || module.startsWith("../");
  if (workspace === null) {
    if (!isRelative) return undefined;
    throw new IrisError("INVALID_ARGUMENT", `module ${module} is relative, but the task has no workspace`);
  }
  const file = fileInWorkspace(module, workspace);
  if (file === undefined) throw outside(module, workspace);
  // `tasks.ts` and `lodash` look alike: what exists is a file, what ends like one is a file that is missing.
  return isRelative || existsSync(file) || /\.[cm]?[jt]sx?$/.test(module) ? file : undefined;
}

async function imported(
  module: string,
  load: () => Promise<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  try {
    return await load();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code !== "string" || !NOT_FOUND_CODES.has(code)) throw error;
    throw new IrisError("NOT_FOUND", `module ${module} cannot be loaded: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function importerAt(filename: string): (specifier: string) => Promise<Record<string, unknown>> {
  return new vm.Script("(specifier) => import(specifier)", {
    filename,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).runInThisContext() as (specifier: string) => Promise<Record<string, unknown>>;
}

function compile(source: FunctionSource, workspace: string | null): Loaded {
  const filename = filenameOf(source.file, workspace);
  const key = `${filename}:${source.line}:${source.column}:${source.name}:${source.text}`;
  let fn = compiled.get(key);
  if (fn === undefined) {
    fn = evaluate(source, filename);
    if (compiled.size >= COMPILED_KEPT) compiled.clear();
    compiled.set(key, fn);
  }
  return fn;
}

/** A URL as the loader of modules gives it, so that stacks read the same and imports resolve as they did. */
function filenameOf(file: string, workspace: string | null): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return pathToFileURL(join(workspace ?? process.cwd(), file === "" ? "iris-function.mjs" : file)).href;
}

function evaluate(source: FunctionSource, filename: string): Loaded {
  let value: unknown;
  try {
    const script = new vm.Script(`${PREFIX}${source.text}\n)`, {
      filename,
      lineOffset: source.line,
      columnOffset: source.column - PREFIX.length - leadWidth(source.text),
      // Asked for only where it is used: Node still warns of it as experimental.
      ...(source.text.includes("import") && {
        importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      }),
    });
    value = script.runInThisContext();
  } catch (cause) {
    throw new IrisError("PROTOCOL_ERROR", `function ${source.name} cannot be made again: ${String(cause)}`, { cause });
  }
  if (typeof value !== "function") throw new IrisError("PROTOCOL_ERROR", `the text of ${source.name} is no function`);
  if (value.name !== source.name) Object.defineProperty(value, "name", { value: source.name, configurable: true });
  return value as Loaded;
}

/**
 * Characters that packing put before the function's own text: taken off the first column, too. No text of a function
 * begins with two brackets by itself.
 */
function leadWidth(text: string): number {
  const lead = /^\(\(\) => \{ const \S+ = |^\(\(\{ /.exec(text);
  return lead === null ? 0 : lead[0].length;
}
