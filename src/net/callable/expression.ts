/**
 * A function's text as an expression that makes the same function anywhere: possible when it uses nothing but its
 * arguments, what it declares itself, and names that every Node process has.
 */
import { type AnyNode, type Expression, parseExpressionAt } from "acorn";
import { isGlobal } from "./globals.ts";
import { refused, type SourcePlace } from "./refused.ts";
import { type Declaration, usesOf } from "./scope.ts";
import { declarationAround, type WrittenFunction } from "./written.ts";

export interface FunctionText {
  /** As `toString` gives it. */
  readonly text: string;
  /** What to call it in messages. */
  readonly called: string;
  readonly place: SourcePlace;
  /** Its node in its script, where that is known. */
  readonly found: WrittenFunction | undefined;
}

/** Why something that belongs to a function's surroundings keeps it from travelling. */
const SURROUNDINGS: Readonly<Record<string, string>> = {
  this: "it is an arrow function that uses `this` of the function around it; take it as a parameter instead",
  arguments: "it is an arrow function that uses `arguments` of the function around it; use a rest parameter",
  super: "it uses `super`, which belongs to the object or class that it was written in",
  "import.meta": "it uses `import.meta`, which belongs to its module; export it from a module of the workspace instead",
  eval: "it calls `eval` directly, so that what it uses cannot be known",
};

/** What came out for a place in a script: functions that are made there again and again are all alike. */
const known = new WeakMap<AnyNode, string>();

/** Throws `NOT_SHIPPABLE` when the function needs more than itself. */
export function expressionOf(fn: FunctionText): string {
  const node = fn.found?.node;
  const before = node && known.get(node);
  if (before !== undefined) return before;
  const expression = analysed(fn);
  if (node !== undefined) known.set(node, expression);
  return expression;
}

function analysed(fn: FunctionText): string {
  const { text, called, place } = fn;
  if (/^class\b/.test(text)) {
    throw refused(called, "it is a class; send a function that makes what it needs", place);
  }
  const expression = asExpression(text);
  const method = expression === undefined ? asMethod(text) : undefined;
  const node = expression ?? method?.value;
  if (node === undefined || !isFunctionExpression(node)) throw refused(called, unreadable(text), place);
  const { names, surroundings } = usesOf(node);
  for (const thing of surroundings) throw refused(called, SURROUNDINGS[thing] as string, place);

  const captured = names.filter((name) => declarationOf(fn, name) !== "global");
  const itself = captured.find((name) => isItself(fn, name));
  const others = captured.filter((name) => name !== itself);
  if (others.length > 0) throw refused(called, capturesMessage(fn, others), place);
  if (itself !== undefined) return `(() => { const ${itself} = ${text}; return ${itself}; })()`;
  return method === undefined ? text : `(({ ${text} }))[${JSON.stringify(method.name)}]`;
}

function asExpression(text: string): Expression | undefined {
  const source = `(${text})`;
  try {
    const node = parseExpressionAt(source, 0, { ecmaVersion: "latest", sourceType: "module" });
    return node.end === source.length - 1 || node.end === source.length ? node : undefined;
  } catch {
    return undefined;
  }
}

/** The text as a method of an object, if it is one with a plain name: `foo() {}`, `async *[0]() {}` is none. */
function asMethod(text: string): { name: string; value: AnyNode } | undefined {
  const object = asExpression(`{ ${text} }`);
  if (object?.type !== "ObjectExpression" || object.properties.length !== 1) return undefined;
  const [property] = object.properties;
  if (property?.type !== "Property" || !property.method || property.computed) return undefined;
  const { key } = property;
  const name = key.type === "Identifier" ? key.name : key.type === "Literal" ? String(key.value) : undefined;
  return name === undefined ? undefined : { name, value: property.value };
}

function isFunctionExpression(node: AnyNode): boolean {
  return node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression";
}

function unreadable(text: string): string {
  if (/^(get|set|static|async\s*\*?|\*)?\s*\[/.test(text)) return "its name is computed; send an arrow function";
  if (/^[gs]et\s/.test(text)) return "it is an accessor; send an arrow function";
  if (text.includes("new.target")) return "it is an arrow function that uses `new.target` of the function around it";
  if (text.includes("#")) return "it uses a private name of the class that it was written in";
  return "its text cannot be read as strict code by itself";
}

/** Where a name that the function does not declare comes from. */
function declarationOf(fn: FunctionText, name: string): Declaration | "global" | undefined {
  const declaration = fn.found && declarationAround(fn.found, name);
  return declaration ?? (isGlobal(name) ? "global" : undefined);
}

/** Whether a name is a constant that holds the function itself, as in `const f = (n) => … f(n - 1)`. */
function isItself(fn: FunctionText, name: string): boolean {
  const declaration = declarationOf(fn, name);
  return declaration !== "global" && declaration?.constant !== undefined && declaration.constant === fn.found?.node;
}

function capturesMessage(fn: FunctionText, names: readonly string[]): string {
  const described = names.map((name) => {
    const declaration = declarationOf(fn, name);
    if (declaration === undefined || declaration === "global") return `\`${name}\` (not declared in its file)`;
    if (declaration.kind === "import") return `\`${name}\` (imported from ${JSON.stringify(declaration.from)})`;
    return `\`${name}\` (a ${declaration.kind} outside of it)`;
  });
  return (
    `it uses ${described.join(", ")}, which would not be there; pass it as an argument, import it inside with ` +
    "await import(…), or export the function from a module of the workspace that is not the program's entry"
  );
}
