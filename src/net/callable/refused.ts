/** The error for a function that does not travel: what it is, why not, where it was written, and a way out. */
import { IrisError } from "../../runtime/errors.ts";

export interface SourcePlace {
  readonly file: string;
  /** From 0. */
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

export function refused(what: string, why: string, place?: SourcePlace, cause?: unknown): IrisError {
  const at = place === undefined ? "" : `\n  at fn → ${what} (${describePlace(place)})`;
  return new IrisError("NOT_SHIPPABLE", `${what} cannot be sent: ${why}${at}`, { cause });
}

/** `src/cases.ts:134:27`: lines and columns from 1, as everywhere that people read them. */
function describePlace(place: SourcePlace): string {
  return `${place.file === "" ? "unknown file" : place.file}:${place.line + 1}:${place.column + 1}`;
}
