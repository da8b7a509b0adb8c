/** What senders are told of messages that an actor does not take, or cannot answer. Words only; `Cell` decides. */
import { IrisError } from "./errors.ts";

/** `verb`: `has ended`, `is down`, `is ending`. */
export function gone(path: string, verb: string, why: string, method: string): IrisError {
  return new IrisError("UNDELIVERABLE", `${path} ${verb} (${why}); ${method} was not delivered`, { where: path });
}

export function bounced(path: string, why: string, method: string): IrisError {
  return new IrisError("UNDELIVERABLE", `${path} ended (${why}) before it came to ${method}`, { where: path });
}

export function mailboxFull(path: string, { depth, capacity }: { depth: number; capacity: number }, method: string) {
  const message = `mailbox of ${path} is full: ${depth} of ${capacity}; ${method} returned to its sender`;
  return new IrisError("MAILBOX_FULL", message, { where: path });
}

export function noSuchMethod(path: string, method: string): IrisError {
  const message = `${path} has no public method ${JSON.stringify(method)}; lifecycle hooks, names with a leading _, accessors and fields are none`;
  return new IrisError("NO_SUCH_METHOD", message, { where: path });
}

export function mustBePulled(path: string, method: string): IrisError {
  const message = `${path}.${method}() streams: iterate over a call, do not tell it`;
  return new IrisError("INVALID_ARGUMENT", message, { where: path });
}

export function mustBeGenerator(path: string, method: string): IrisError {
  const message = `${path}.${method}() returned an async iterable; only a method declared with async * can stream`;
  return new IrisError("FAILED_PRECONDITION", message, { where: path });
}

/** `way`: the paths from the first caller to the actor that would wait for itself. */
export function waitsForItself(way: readonly string[], path: string): IrisError {
  const message = `a call that waits for itself: ${way.join(" → ")}; use tell, or give ${path} more concurrency`;
  return new IrisError("FAILED_PRECONDITION", message, { where: path });
}
