/**
 * The one error type that crosses Iris's borders. Match on `code`, never on the message. A paragraph for each code is in
 * docs/errors.md: what happened, what became of the work, what to do.
 */

export const ERROR_CODES = [
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "FAILED_PRECONDITION",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "RESOURCE_EXHAUSTED",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "UNAVAILABLE",
  "LOST",
  "MAILBOX_FULL",
  "UNDELIVERABLE",
  "NO_SUCH_ACTOR",
  "NO_SUCH_METHOD",
  "PAYLOAD_TOO_LARGE",
  "PROTOCOL_ERROR",
  "VERSION_MISMATCH",
  "NOT_SHIPPABLE",
  "JOB_FAILED",
  "INTERNAL",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Codes whose work certainly did not run and may succeed when tried again as it is. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set(["UNAVAILABLE", "MAILBOX_FULL", "RESOURCE_EXHAUSTED"]);

export interface IrisErrorOptions {
  cause?: unknown;
  /** Overrides what the code says about trying again. */
  retryable?: boolean | undefined;
  /** Whether the work may have run although no answer came; absent where it is known that it did not, or did. */
  maybeExecuted?: boolean | undefined;
  /** The part or place that raised it: an actor's path, a job's id, an address. */
  where?: string | undefined;
}

export class IrisError extends Error {
  override readonly name: string = "IrisError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  declare readonly maybeExecuted?: boolean;
  declare readonly where?: string;

  constructor(code: ErrorCode, message: string, options: IrisErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    if (options.maybeExecuted !== undefined) this.maybeExecuted = options.maybeExecuted;
    if (options.where !== undefined) this.where = options.where;
  }

  /** True for an `IrisError`, also one of another copy of this package in the same process. */
  static is(error: unknown, code?: ErrorCode): error is IrisError {
    return (
      error instanceof Error &&
      (ERROR_CODES as readonly unknown[]).includes((error as { code?: unknown }).code) &&
      typeof (error as { retryable?: unknown }).retryable === "boolean" &&
      (code === undefined || (error as IrisError).code === code)
    );
  }
}

/** Anything thrown, as an `Error`: a thrown string or object keeps its text, and stays reachable as the cause. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === "string" ? thrown : `thrown: ${describe(thrown)}`, { cause: thrown });
}

/** Anything thrown, as an `IrisError`: one passes unchanged, the rest is wrapped with `code`, keeping its message. */
export function toIrisError(thrown: unknown, code: ErrorCode = "INTERNAL", where?: string): IrisError {
  if (IrisError.is(thrown)) return thrown;
  const error = toError(thrown);
  // Its own stack would say where it was wrapped, at the price of ten restarts; the cause's says where it arose.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new IrisError(code, error.message, { cause: error, where });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
