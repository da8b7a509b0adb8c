/** Numbers of a pool's configuration, checked where they come in. */
import { IrisError } from "../runtime/errors.ts";

/** Throws `INVALID_ARGUMENT` for what is not a whole number from `min` to `max`. */
export function checkCount(name: string, value: unknown, max = Number.MAX_SAFE_INTEGER, min = 1): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new IrisError("INVALID_ARGUMENT", `${name} is ${String(value)}, not a whole number ${range}`);
}

/** Throws `INVALID_ARGUMENT` for what is not a time from 1 to `max` ms. */
export function checkMs(name: string, value: unknown, max: number): number {
  if (typeof value === "number" && value >= 1 && value <= max) return value;
  throw new IrisError("INVALID_ARGUMENT", `${name} is ${String(value)}, not a time from 1 to ${max} ms`);
}
