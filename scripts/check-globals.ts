/**
 * Fails when code reads the wall, the dice or the environment by itself. Time, chance and configuration come in through
 * the ports of `src/runtime/ports`; only the ports, the command line and process entry points touch the real ones.
 * Likewise `createActor` belongs to the runtime. Comments and strings do not count.
 */
import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { parse } from "acorn";

const SOURCE = new URL("../src/", import.meta.url);
const MAY_TOUCH = /^(runtime\/ports\/|cli\/)|-main\.ts$/;
const GLOBAL_CALLS = new Set(["setTimeout", "setInterval"]);
const MEMBERS = new Set(["Date.now", "Math.random", "performance.now", "process.env", "process.hrtime"]);

interface Node {
  type: string;
  [key: string]: unknown;
}

const found: string[] = [];
for (const file of readdirSync(SOURCE, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".ts") || file.startsWith("net/wire/")) continue;
  const text = stripTypeScriptTypes(readFileSync(new URL(file, SOURCE), "utf8"));
  const tree = parse(text, { ecmaVersion: "latest", sourceType: "module", locations: true }) as unknown as Node;
  walk(tree, (node) => {
    const use = forbiddenUse(node, file);
    if (use !== undefined) {
      const { line } = (node["loc"] as { start: { line: number } }).start;
      found.push(`src/${file}:${line}: ${use}`);
    }
  });
}
if (found.length > 0) {
  process.stderr.write(`${found.join("\n")}\n${found.length} uses of the real world outside the ports\n`);
  process.exit(1);
}

function forbiddenUse(node: Node, file: string): string | undefined {
  if (node.type === "ImportSpecifier" && nameOf(node["imported"]) === "createActor" && !file.startsWith("runtime/")) {
    return "createActor: running interpreters belong to the runtime";
  }
  if (MAY_TOUCH.test(file)) return undefined;
  if (node.type === "CallExpression" && GLOBAL_CALLS.has(nameOf(node["callee"]) ?? "")) {
    return `${nameOf(node["callee"])}(): take a Clock`;
  }
  if (node.type === "MemberExpression") {
    const member = `${nameOf(node["object"])}.${nameOf(node["property"])}`;
    if (MEMBERS.has(member)) return `${member}: take it through a port`;
  }
  if (
    node.type === "NewExpression" &&
    nameOf(node["callee"]) === "Date" &&
    (node["arguments"] as unknown[]).length === 0
  ) {
    return "new Date(): take a Clock";
  }
  return undefined;
}

function nameOf(node: unknown): string | undefined {
  const { type, name } = node as { type?: string; name?: string };
  return type === "Identifier" ? name : undefined;
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === "object" && typeof (child as Node).type === "string")
        walk(child as Node, visit);
    }
  }
}
