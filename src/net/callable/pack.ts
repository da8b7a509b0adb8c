/**
 * A function as something that travels. An export of a module of the workspace goes by its name; any other function goes
 * by its text, if that needs nothing from around it. What a function captures does not travel with it: it is refused, and
 * each captured variable is named.
 */
import { isAbsolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { types } from "node:util";
import type { Callable } from "../wire/iris.ts";
import { expressionOf } from "./expression.ts";
import { factsOf, scriptAt } from "./inspector.ts";
import { refused } from "./refused.ts";
import { pathInWorkspace, realPath, type WorkspaceOption } from "./workspace.ts";
import { type WrittenFunction, WrittenScript } from "./written.ts";

type AnyFunction = (...args: never[]) => unknown;

/** What was found for a function, per workspace: packing the same one again costs a look-up. */
const packed = new WeakMap<AnyFunction, Map<string | null, Callable>>();

/**
 * Packs `fn`. Synchronous; some 100 µs for a new function, and a few ms for the first one of a file. Own properties of the
 * function stay behind. Throws `NOT_SHIPPABLE`, with the reason, the place and a way out.
 */
export function packCallable(fn: AnyFunction, { workspace }: WorkspaceOption): Callable {
  const before = packed.get(fn)?.get(workspace);
  if (before !== undefined) return before;
  const callable = pack(fn, workspace);
  const perWorkspace = packed.get(fn) ?? new Map<string | null, Callable>();
  packed.set(fn, perWorkspace.set(workspace, callable));
  return callable;
}

function pack(fn: AnyFunction, workspace: string | null): Callable {
  if (typeof fn !== "function") throw refused(`a value of type ${typeof fn}`, "it is not a function");
  if (types.isProxy(fn)) throw refused("a proxy of a function", "what it stands for is out of sight");
  const called = fn.name === "" ? "function (anonymous)" : `function ${fn.name}`;
  const facts = readFacts(fn, called);
  if (facts.isBound)
    throw refused(called, "it is bound; send the function itself, and what it is bound to as arguments");
  if (facts.place === undefined) throw refused(called, "it is native code; wrap it: (...args) => it(...args)");

  const text = Function.prototype.toString.call(fn);
  const script = scriptAt(facts.place);
  const written = script && WrittenScript.of(script);
  const found = written?.functionAt(facts.place, text);
  if (written !== undefined && found !== undefined && workspace !== null) {
    const reference = referenceTo(written, found, workspace);
    if (reference !== undefined) return { reference };
  }
  const file = fileOf(script?.url ?? "", workspace);
  const start = written !== undefined && found !== undefined ? written.lineAndColumn(startOf(found)) : facts.place;
  const place = { file, line: start.line, column: start.column };
  return { source: { text: expressionOf({ text, called, place, found }), name: fn.name, ...place } };
}

function readFacts(fn: AnyFunction, called: string): ReturnType<typeof factsOf> {
  try {
    return factsOf(fn);
  } catch (error) {
    const why = `this engine does not show where it was written (${(error as Error).message}); name it with Entrypoint.fromModule()`;
    throw refused(called, why, undefined, error);
  }
}

function referenceTo(
  written: WrittenScript,
  found: WrittenFunction,
  workspace: string,
): { module: string; exportName: string } | undefined {
  const path = pathOf(written.url);
  if (path === undefined || path === entryPath()) return undefined;
  const module = pathInWorkspace(path, workspace);
  if (module === undefined) return undefined;
  const exportName = written.exportNameOf(found.node);
  return exportName === undefined ? undefined : { module, exportName };
}

/** The program's own file: importing it elsewhere would run the program there. */
function entryPath(): string | undefined {
  const entry = process.argv[1];
  return entry === undefined ? undefined : realPath(entry);
}

/** The path of a script that is a file and nothing more; a query makes it another module than its file. */
function pathOf(url: string): string | undefined {
  if (isAbsolute(url)) return realPath(url);
  if (!url.startsWith("file:")) return undefined;
  const { search, hash } = new URL(url);
  return search === "" && hash === "" ? realPath(fileURLToPath(url)) : undefined;
}

function fileOf(url: string, workspace: string | null): string {
  if (isAbsolute(url)) return fileOf(pathToFileURL(url).href, workspace);
  if (!url.startsWith("file:")) return "";
  const path = fileURLToPath(url);
  return (workspace === null ? undefined : pathInWorkspace(path, workspace)) ?? path;
}

/** Where the text begins that V8 quotes: a method's with its name. */
function startOf(found: WrittenFunction): number {
  const parent = found.around.at(-1);
  const isMethod =
    (parent?.type === "Property" && parent.method && parent.value === found.node) ||
    parent?.type === "MethodDefinition";
  return isMethod ? parent.start : found.node.start;
}
