/**
 * Names in a syntax tree: which ones a node declares, and which ones a function uses without declaring them. Code is read
 * as strict code, which everything in a module is. Pure.
 */
import type { AnyNode, Identifier, Pattern, Program, VariableDeclaration } from "acorn";

export type DeclarationKind = "import" | "variable" | "function" | "class" | "parameter";

export interface Declaration {
  readonly kind: DeclarationKind;
  /** Only for `const`: what it is set to, once and for all. */
  readonly constant?: AnyNode | undefined;
  /** Only for an import: the module's specifier. */
  readonly from?: string;
}

export type Declarations = Map<string, Declaration>;

const CHILD_KEYS_SKIPPED = new Set(["type", "start", "end", "loc", "range", "raw", "value", "regex", "bigint"]);

export type FunctionNode = Extract<
  AnyNode,
  { type: "FunctionDeclaration" | "FunctionExpression" | "ArrowFunctionExpression" }
>;

export function isFunction(node: AnyNode): node is FunctionNode {
  return (
    node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression"
  );
}

/** The nodes within a node whose identifiers are uses of names; names of properties, labels and imports are left out. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  const isLiteral = node.type === "Literal";
  for (const [key, value] of Object.entries(node)) {
    if (isLiteral || isNameOnly(node, key)) continue;
    if (CHILD_KEYS_SKIPPED.has(key) && !(key === "value" && isNode(value))) continue;
    if (isNode(value)) children.push(value);
    else if (Array.isArray(value)) for (const item of value) if (isNode(item)) children.push(item);
  }
  return children;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

function isNameOnly(node: AnyNode, key: string): boolean {
  switch (node.type) {
    case "MemberExpression":
      return key === "property" && !node.computed;
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
      return key === "key" && !node.computed;
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return key === "label";
    case "MetaProperty":
    case "ImportDeclaration":
    case "ExportAllDeclaration":
      return true;
    case "ExportNamedDeclaration":
      return key === "specifiers" && node.source != null;
    case "ExportSpecifier":
      return key === "exported";
    default:
      return false;
  }
}

/** The names that a node declares for what is within it; undefined for a node that is no scope. */
export function declaredBy(node: AnyNode): Declarations | undefined {
  const names: Declarations = new Map();
  switch (node.type) {
    case "Program":
      declareVars(node, names);
      declareLexical(node.body, names);
      return names;
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      if (node.type === "FunctionExpression" && node.id != null) names.set(node.id.name, { kind: "function" });
      for (const parameter of node.params) declarePattern(parameter, { kind: "parameter" }, names);
      if (node.body.type === "BlockStatement") declareVars(node.body, names);
      return names;
    case "BlockStatement":
      declareLexical(node.body, names);
      return names;
    case "StaticBlock":
      declareLexical(node.body, names);
      for (const statement of node.body) declareVars(statement, names);
      return names;
    case "SwitchStatement":
      for (const { consequent } of node.cases) declareLexical(consequent, names);
      return names;
    case "ForStatement":
      if (node.init?.type === "VariableDeclaration") declareVariables(node.init, names);
      return names;
    case "ForInStatement":
    case "ForOfStatement":
      if (node.left.type === "VariableDeclaration") declareVariables(node.left, names);
      return names;
    case "CatchClause":
      if (node.param != null) declarePattern(node.param, { kind: "variable" }, names);
      return names;
    case "ClassDeclaration":
    case "ClassExpression":
      if (node.id != null) names.set(node.id.name, { kind: "class" });
      return names;
    default:
      return undefined;
  }
}

/** What statements of a block declare for that block. */
function declareLexical(statements: readonly AnyNode[], names: Declarations): void {
  for (const statement of statements) {
    const declared =
      (statement.type === "ExportNamedDeclaration" || statement.type === "ExportDefaultDeclaration") &&
      statement.declaration != null
        ? statement.declaration
        : statement;
    if (declared.type === "VariableDeclaration") declareVariables(declared, names);
    else if (declared.type === "FunctionDeclaration" && declared.id != null) {
      names.set(declared.id.name, { kind: "function" });
    } else if (declared.type === "ClassDeclaration" && declared.id != null) {
      names.set(declared.id.name, { kind: "class" });
    } else if (declared.type === "ImportDeclaration") {
      for (const { local } of declared.specifiers) {
        names.set(local.name, { kind: "import", from: String(declared.source.value) });
      }
    }
  }
}

/** `var`s anywhere below, up to the next function. */
function declareVars(node: AnyNode, names: Declarations): void {
  for (const child of childrenOf(node)) {
    if (isFunction(child) || child.type === "StaticBlock") continue;
    if (child.type === "VariableDeclaration" && child.kind === "var") declareVariables(child, names);
    declareVars(child, names);
  }
}

function declareVariables(declaration: VariableDeclaration, names: Declarations): void {
  for (const { id, init } of declaration.declarations) {
    const constant = declaration.kind === "const" && id.type === "Identifier" ? (init ?? undefined) : undefined;
    declarePattern(id, { kind: "variable", constant }, names);
  }
}

function declarePattern(pattern: Pattern, as: Declaration, names: Declarations): void {
  switch (pattern.type) {
    case "Identifier":
      names.set(pattern.name, as);
      break;
    case "ObjectPattern":
      for (const property of pattern.properties) {
        declarePattern(property.type === "RestElement" ? property : property.value, as, names);
      }
      break;
    case "ArrayPattern":
      for (const element of pattern.elements) if (element !== null) declarePattern(element, as, names);
      break;
    case "RestElement":
      declarePattern(pattern.argument, as, names);
      break;
    case "AssignmentPattern":
      declarePattern(pattern.left, as, names);
      break;
    case "MemberExpression":
      break;
  }
}

/** What a function takes from around it. */
export interface Uses {
  /** Names that it does not declare, in the order in which they come up. */
  readonly names: readonly string[];
  /** Things beside names that belong to its surroundings: `this` of an arrow, `super`, `import.meta`, direct `eval`. */
  readonly surroundings: readonly string[];
}

/** What the code within `root`, a function, takes from around it. */
export function usesOf(root: AnyNode): Uses {
  const names = new Set<string>();
  const surroundings = new Set<string>();
  const scopes: Declarations[] = [];

  const isDeclared = (name: string): boolean => scopes.some((scope) => scope.has(name));
  /** `own`: whether `this` and `arguments` are of a function within; `home`: whether `super` is. */
  const visit = (node: AnyNode, own: boolean, home: boolean): void => {
    if (node.type === "Identifier") use(node, own);
    if (node.type === "ThisExpression" && !own) surroundings.add("this");
    if (node.type === "Super" && !home) surroundings.add("super");
    if (node.type === "MetaProperty" && node.meta.name === "import") surroundings.add("import.meta");
    if (node.type === "CallExpression" && isNamed(node.callee, "eval") && !isDeclared("eval")) {
      surroundings.add("eval");
    }
    const declared = declaredBy(node);
    if (declared !== undefined) scopes.push(declared);
    for (const child of childrenOf(node)) {
      const method = isMethodValue(node, child);
      const field = (node.type === "PropertyDefinition" && child === node.value) || child.type === "StaticBlock";
      const ownBelow = own || field || (isFunction(node) && node.type !== "ArrowFunctionExpression");
      visit(child, ownBelow, home || method || field);
    }
    if (declared !== undefined) scopes.pop();
  };
  const use = (node: Identifier, own: boolean): void => {
    if (node.name === "arguments" && !isDeclared("arguments")) {
      if (!own) surroundings.add("arguments");
    } else if (!isDeclared(node.name)) names.add(node.name);
  };
  visit(root, false, false);
  return { names: [...names], surroundings: [...surroundings] };
}

function isNamed(node: AnyNode, name: string): boolean {
  return node.type === "Identifier" && node.name === name;
}

function isMethodValue(node: AnyNode, child: AnyNode): boolean {
  if (node.type === "MethodDefinition") return child === node.value;
  return node.type === "Property" && (node.method || node.kind !== "init") && child === node.value;
}

/** Whether anything in the program assigns to a variable of this name: errs on the side of yes. */
export function isAssigned(program: Program, name: string): boolean {
  const assigns = (node: AnyNode): boolean => {
    if (node.type === "AssignmentExpression" && targets(node.left, name)) return true;
    if (node.type === "UpdateExpression" && isNamed(node.argument, name)) return true;
    if (
      (node.type === "ForInStatement" || node.type === "ForOfStatement") &&
      node.left.type !== "VariableDeclaration"
    ) {
      if (targets(node.left, name)) return true;
    }
    return childrenOf(node).some(assigns);
  };
  return assigns(program);
}

function targets(pattern: Pattern, name: string): boolean {
  const names: Declarations = new Map();
  declarePattern(pattern, { kind: "variable" }, names);
  return names.has(name);
}
