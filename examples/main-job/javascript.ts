// What is measured: a JavaScript file is parsed, and what is in it is counted. Plain functions, no Iris in here.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { type Node, parse } from "acorn";

export interface Survey {
  files: number;
  bytes: number;
  functions: number;
  classes: number;
  /** Ways through the code: one, and one more for each branch. */
  branches: number;
  /** Files that are no JavaScript, whatever their name says. */
  unreadable: number;
}

/** Counts per package. */
export type Surveys = Record<string, Survey>;

const PARSED = /\.(?:js|cjs|mjs)$/;
const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const CLASSES = new Set(["ClassDeclaration", "ClassExpression"]);
const BRANCHES = new Set([
  "IfStatement",
  "ConditionalExpression",
  "LogicalExpression",
  "SwitchCase",
  "ForStatement",
  "WhileStatement",
]);

/** Every JavaScript file below a folder, in a fixed order. */
export function javascriptFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && PARSED.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Parses files and counts what is in them, by the package that they belong to. */
export function surveyFiles(folder: string, files: readonly string[]): Surveys {
  const surveys: Surveys = {};
  for (const file of files) {
    const survey = surveyOf(surveys, packageOf(folder, file));
    const text = readFileSync(file, "utf8");
    survey.files++;
    survey.bytes += Buffer.byteLength(text);
    const tree = parseEither(text);
    if (tree === undefined) survey.unreadable++;
    else count(tree, survey);
  }
  return surveys;
}

/** Adds `more` into `total`. */
export function addSurveys(total: Surveys, more: Surveys): void {
  for (const [name, survey] of Object.entries(more)) {
    const sum = surveyOf(total, name);
    for (const key of Object.keys(survey) as (keyof Survey)[]) sum[key] += survey[key];
  }
}

function surveyOf(surveys: Surveys, name: string): Survey {
  surveys[name] ??= { files: 0, bytes: 0, functions: 0, classes: 0, branches: 0, unreadable: 0 };
  return surveys[name];
}

function packageOf(folder: string, file: string): string {
  const [first = "", second = ""] = relative(folder, file).split(sep);
  return first.startsWith("@") ? `${first}/${second}` : first;
}

function parseEither(text: string): Node | undefined {
  for (const sourceType of ["module", "script"] as const) {
    try {
      return parse(text, { ecmaVersion: "latest", sourceType, allowHashBang: true, allowReturnOutsideFunction: true });
    } catch {
      // Not of this kind; the other one may do.
    }
  }
  return undefined;
}

function count(root: Node, survey: Survey): void {
  const waiting: Node[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (FUNCTIONS.has(node.type)) survey.functions++;
    if (CLASSES.has(node.type)) survey.classes++;
    if (BRANCHES.has(node.type)) survey.branches++;
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (child !== null && typeof child === "object" && typeof child.type === "string") waiting.push(child);
      }
    }
  }
}
