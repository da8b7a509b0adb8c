/**
 * A script as it was written, and a function's place in it: which node it is, under which name the module exports it, and
 * what the scopes around it declare.
 */
import { type AnyNode, type Options, type Program, parse } from "acorn";
import type { FunctionPlace, ScriptText } from "./inspector.ts";
import { childrenOf, type Declaration, declaredBy, type FunctionNode, isAssigned, isFunction } from "./scope.ts";

const LINE_END = /\r\n|[\n\r\u2028\u2029]/g;

/** The node of a function or class, and the nodes around it from the program inwards. */
export interface WrittenFunction {
  readonly node: AnyNode;
  readonly around: readonly AnyNode[];
}

export class WrittenScript {
  readonly url: string;
  readonly text: string;
  readonly #program: Program;
  readonly #lineStarts: number[];

  private constructor(script: ScriptText, program: Program) {
    this.url = script.url;
    this.text = script.text;
    this.#program = program;
    this.#lineStarts = [0];
    for (const end of script.text.matchAll(LINE_END)) this.#lineStarts.push(end.index + end[0].length);
  }

  static readonly #known = new WeakMap<ScriptText, WrittenScript | null>();

  /** Undefined for a text that does not parse: acorn may be behind the engine. Parsed once. */
  static of(script: ScriptText): WrittenScript | undefined {
    let written = WrittenScript.#known.get(script);
    if (written === undefined) {
      const program = parsed(script);
      written = program === undefined ? null : new WrittenScript(script, program);
      WrittenScript.#known.set(script, written);
    }
    return written ?? undefined;
  }

  /** The function or class at a place, as V8 counts places: the parameters' bracket, or an arrow's or a class's beginning. */
  functionAt(place: FunctionPlace, text: string): WrittenFunction | undefined {
    const offset = (this.#lineStarts[place.line] ?? Number.NaN) + place.column;
    const around: AnyNode[] = [];
    const find = (node: AnyNode): AnyNode | undefined => {
      if (offset < node.start || offset >= node.end) return undefined;
      if (beginsAt(node, offset, text, this.text)) return node;
      around.push(node);
      for (const child of childrenOf(node)) {
        const found = find(child);
        if (found !== undefined) return found;
      }
      around.pop();
      return undefined;
    };
    const node = find(this.#program);
    return node && { node, around };
  }

  /** Line and column of an offset, both from 0. */
  lineAndColumn(offset: number): { line: number; column: number } {
    let line = this.#lineStarts.length - 1;
    while (line > 0 && (this.#lineStarts[line] as number) > offset) line -= 1;
    return { line, column: offset - (this.#lineStarts[line] as number) };
  }

  /** The name under which the module exports exactly this function for good, or undefined. */
  exportNameOf(node: AnyNode): string | undefined {
    const { body } = this.#program;
    for (const statement of body) {
      if (statement.type === "ExportDefaultDeclaration" && statement.declaration === node) {
        const name = isFunction(node) || node.type === "ClassDeclaration" ? node.id?.name : undefined;
        return name !== undefined && isAssigned(this.#program, name) ? undefined : "default";
      }
    }
    const local = this.#topLevelNameOf(node);
    if (local === undefined || isAssigned(this.#program, local)) return undefined;
    for (const statement of body) {
      if (statement.type === "ExportDefaultDeclaration") {
        const { declaration } = statement;
        if (declaration.type === "Identifier" && declaration.name === local) return "default";
      }
      if (statement.type !== "ExportNamedDeclaration" || statement.source != null) continue;
      if (statement.declaration != null) {
        if (declares(statement.declaration, node)) return local;
        continue;
      }
      for (const { local: from, exported } of statement.specifiers) {
        if (from.type !== "Identifier" || from.name !== local) continue;
        return exported.type === "Identifier" ? exported.name : String(exported.value);
      }
    }
    return undefined;
  }

  #topLevelNameOf(node: AnyNode): string | undefined {
    for (const statement of this.#program.body) {
      const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      const name = declaration == null ? undefined : declares(declaration, node);
      if (name !== undefined) return name;
    }
    return undefined;
  }
}

/** The declaration that a name refers to in the scopes around a function, from the inside out. */
export function declarationAround(written: WrittenFunction, name: string): Declaration | undefined {
  for (let i = written.around.length - 1; i >= 0; i--) {
    const declaration = declaredBy(written.around[i] as AnyNode)?.get(name);
    if (declaration !== undefined) return declaration;
  }
  return undefined;
}

/** The name by which a declaration declares this very function, if it does. */
function declares(declaration: AnyNode, node: AnyNode): string | undefined {
  if (declaration === node) return isFunction(node) ? (node.id?.name ?? undefined) : undefined;
  if (declaration.type !== "VariableDeclaration") return undefined;
  for (const { id, init } of declaration.declarations) if (init === node && id.type === "Identifier") return id.name;
  return undefined;
}

function beginsAt(node: AnyNode, offset: number, text: string, script: string): boolean {
  if (node.type === "ArrowFunctionExpression") return node.start === offset;
  if (node.type === "ClassDeclaration" || node.type === "ClassExpression") return node.start === offset;
  if (node.type !== "FunctionDeclaration" && node.type !== "FunctionExpression") return false;
  if (offset > headEnd(node)) return false;
  // A method's value begins with its bracket; of another function the text must be the same, as V8 quotes it.
  return node.start === offset || script.slice(node.start, node.end) === text;
}

function headEnd(node: FunctionNode): number {
  return node.params[0]?.start ?? node.body.start;
}

function parsed(script: ScriptText): Program | undefined {
  const options: Options = { ecmaVersion: "latest", allowHashBang: true };
  for (const sourceType of script.isModule ? (["module"] as const) : (["commonjs", "script"] as const)) {
    try {
      return parse(script.text, { ...options, sourceType });
    } catch {
      // not of this kind
    }
  }
  return undefined;
}
