/**
 * Errors ⇄ what crosses the wire. An `IrisError` arrives as one, with its code; an error of the user's code arrives as
 * an `Error` with its name, message and `code`. The one invariant: whatever is thrown, what is sent is bounded in depth
 * and size, and making it cannot throw.
 */
import { ERROR_CODES, type ErrorCode, IrisError, toError } from "../runtime/errors.ts";
import type { ErrorInfo } from "./wire/iris.ts";

/** Bounds of an error on the wire: what people read is short, what is longer is an accident. */
const FAULT_LIMITS = Object.freeze({
  /** Causes behind causes. */
  depth: 8,
  /** Unit: characters. */
  messageChars: 16_384,
  stackChars: 16_384,
  nameChars: 256,
});

export interface FaultOptions {
  /** Whether stacks are sent. They show paths and code; a server decides whom it trusts with them. */
  readonly stacks: boolean;
  /**
   * The error came out of the user's code, whatever its class. An `IrisError` of that kind says nothing about this call
   * having run or not: the code ran that raised it, so it is not retried. Default: what `isUsersError` says.
   */
  readonly fromUser?: boolean | undefined;
}

/** An error that crossed the wire also tells where it came from. */
export interface RemoteError extends Error {
  /** Stack at its origin; only when that end sent it. */
  readonly remoteStack?: string;
}

const CODES: ReadonlySet<string> = new Set(ERROR_CODES);
/** `IrisError`s that the user's code raised: here, or at the other end of a link. */
const usersErrors = new WeakSet<object>();

/** Notes that the user's code raised `error`, whatever its class, and gives it back. */
export function asUsersError<E extends Error>(error: E): E {
  usersErrors.add(error);
  return error;
}

/**
 * Whether the user's code raised it, here or at the other end: it has run, whatever the code of the error says about the
 * call that it failed in. Errors that are no `IrisError` always are the user's.
 */
export function isUsersError(error: unknown): boolean {
  return !IrisError.is(error) || usersErrors.has(error);
}

/** Describes anything thrown. Never throws. */
export function errorToInfo(thrown: unknown, options: FaultOptions): ErrorInfo {
  try {
    return describe(thrown, options, 0);
  } catch (error) {
    // A proxy or an exotic object whose every look throws.
    return describe(
      new Error(`something was thrown that cannot be read: ${text(read(Object(error), "message"))}`),
      options,
      0,
    );
  }
}

/** The error that the other end described. Never throws. */
export function infoToError(info: ErrorInfo | undefined): RemoteError {
  if (info === undefined) return new IrisError("INTERNAL", "the other end failed and did not say why");
  return restore(info, 0);
}

function describe(thrown: unknown, options: FaultOptions, depth: number): ErrorInfo {
  const error = toError(thrown);
  const iris = IrisError.is(error) ? error : undefined;
  const fromUser = options.fromUser ?? isUsersError(error);
  const userCode = iris === undefined ? read(error, "code") : undefined;
  const cause = depth + 1 < FAULT_LIMITS.depth ? read(error, "cause") : undefined;
  return {
    code: iris?.code ?? "INTERNAL",
    message: cut(text(read(error, "message")), FAULT_LIMITS.messageChars),
    name: cut(text(read(error, "name")), FAULT_LIMITS.nameChars),
    retryable: iris !== undefined && !fromUser && iris.retryable,
    maybeExecuted: iris !== undefined && fromUser ? true : iris?.maybeExecuted,
    where: cut(text(iris?.where), FAULT_LIMITS.nameChars),
    stack: options.stacks ? cut(text(read(error, "stack")), FAULT_LIMITS.stackChars) : "",
    cause: cause === undefined || cause === null ? undefined : describe(cause, { stacks: options.stacks }, depth + 1),
    fromUser,
    userCode:
      typeof userCode === "string" || typeof userCode === "number" ? cut(`${userCode}`, FAULT_LIMITS.nameChars) : "",
  };
}

function restore(info: ErrorInfo, depth: number): RemoteError {
  const cause =
    info.cause === undefined || depth + 1 >= FAULT_LIMITS.depth ? undefined : restore(info.cause, depth + 1);
  const known = CODES.has(info.code) ? (info.code as ErrorCode) : "INTERNAL";
  let error: Error;
  if (info.fromUser && known === "INTERNAL" && info.name !== "IrisError") {
    error = cause === undefined ? new Error(info.message) : new Error(info.message, { cause });
    define(error, "name", info.name || "Error");
    if (info.userCode !== "") define(error, "code", info.userCode);
  } else {
    error = new IrisError(known, info.message, {
      cause,
      retryable: info.retryable,
      maybeExecuted: info.maybeExecuted,
      where: info.where === "" ? undefined : info.where,
    });
    if (info.fromUser) asUsersError(error);
  }
  if (info.stack !== "") define(error, "remoteStack", info.stack);
  return error;
}

function define(error: Error, name: string, value: string): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: name === "code" });
}

/** A user's error may have getters, and they may throw. */
function read(error: object, name: string): unknown {
  try {
    return (error as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function cut(value: string, charsMax: number): string {
  return value.length <= charsMax ? value : `${value.slice(0, charsMax)}… (cut, ${value.length} characters)`;
}
