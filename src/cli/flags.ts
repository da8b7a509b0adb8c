/** Readers of flags' values (pure): each turns text into a value or says what would have been right. */
import { InvalidArgumentError } from "commander";

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^[0-9]+$/.test(text) || number < min || number > max) {
      throw new InvalidArgumentError(`give a whole number from ${min} to ${max}.`);
    }
    return number;
  };
}

/** A number above or equal to zero, such as `0.5` cores. */
export function cores(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !(number >= 0)) throw new InvalidArgumentError("give a number of cores, such as 0.5 or 2.");
  return number;
}

/** Collects `KEY=VALUE`, given as often as wanted. */
export function keyValue(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("give KEY=VALUE.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Collects texts, given as often as wanted. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** A length of time such as `500ms`, `30s`, `5m`, `2h`, in ms. */
export function duration(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = SECONDS[match?.[2] ?? ""];
  if (match === null || unit === undefined) throw new InvalidArgumentError("give a time such as 500ms, 30s, 5m or 2h.");
  return Math.round(Number(match[1]) * unit * 1000);
}
