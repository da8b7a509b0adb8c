/** An error as what is sent of it: the built-in class that it is nearest to, and what it has beyond that. Pure. */
import { IrisError } from "../../runtime/errors.ts";
import { ERROR_KINDS, type ErrorKind } from "./format.ts";

export interface ErrorParts {
  readonly kind: ErrorKind;
  readonly message: string;
  /** Where it is not the class's own, and no property of its own says it. */
  readonly name: string | undefined;
  readonly stack: string | undefined;
  readonly hasCause: boolean;
  readonly hasErrors: boolean;
  /** Its own enumerable properties. */
  readonly own: readonly string[];
}

export function errorParts(error: Error): ErrorParts {
  const kind = kindOf(error);
  const own = Object.keys(error);
  return {
    kind,
    message: String(error.message),
    name: own.includes("name") || error.name === kind ? undefined : String(error.name),
    stack: typeof error.stack === "string" ? error.stack : undefined,
    hasCause: Object.hasOwn(error, "cause") && !own.includes("cause"),
    hasErrors: kind === "AggregateError" && !own.includes("errors"),
    own,
  };
}

function kindOf(error: Error): ErrorKind {
  if (error instanceof IrisError) return "IrisError";
  for (let prototype: object | null = error; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    const kind = BUILT_IN.get(prototype);
    if (kind !== undefined) return kind;
  }
  return "Error";
}

const BUILT_IN: ReadonlyMap<object, ErrorKind> = new Map(
  ERROR_KINDS.flatMap((kind) => (kind === "IrisError" ? [] : [[globalThis[kind].prototype as object, kind] as const])),
);
