/**
 * Says what cannot be sent and where it hangs: `a WeakMap cannot be sent: its content is invisible` and, on the next
 * line, `at value.a[0].get("k")`. Steps are kept as they come and put into words only when something went wrong.
 */
import { IrisError } from "../../runtime/errors.ts";

/** A step from a container to something in it. A string is a property, a number an index. */
export type PathStep = string | number | EntryStep;

/** A step into a `Map` or `Set`. */
export interface EntryStep {
  readonly into: "mapKey" | "mapValue" | "setMember";
  /** The key or member. */
  readonly key: unknown;
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const SHOWN_CHARACTERS_MAX = 40;

/** The error for something that does not travel: `what` names it, `why` gives the reason and, where there is one, a way out. */
export function unshippable(what: string, why: string, steps: readonly PathStep[], cause?: unknown): IrisError {
  return new IrisError("NOT_SHIPPABLE", `${what} cannot be sent: ${why}\n  at ${describePath(steps)}`, { cause });
}

/** `value.a[0].b.get("k")` */
export function describePath(steps: readonly PathStep[]): string {
  let path = "value";
  for (const step of steps) {
    if (typeof step === "number") path += `[${step}]`;
    else if (typeof step === "string") path += IDENTIFIER.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    else if (step.into === "mapValue") path += `.get(${describeKey(step.key)})`;
    else if (step.into === "mapKey") path += `.keys(${describeKey(step.key)})`;
    else path += `.values(${describeKey(step.key)})`;
  }
  return path;
}

function describeKey(key: unknown): string {
  switch (typeof key) {
    case "string":
      return JSON.stringify(key.length > SHOWN_CHARACTERS_MAX ? `${key.slice(0, SHOWN_CHARACTERS_MAX)}…` : key);
    case "bigint":
      return `${key}n`;
    case "object":
      return key === null ? "null" : "{…}";
    case "function":
      return key.name === "" ? "function" : `function ${key.name}`;
    default:
      return String(key);
  }
}
