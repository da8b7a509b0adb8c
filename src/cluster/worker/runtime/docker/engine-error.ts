/** What an engine refuses or fails at, as an `IrisError` with a way out. */
import { type ErrorCode, IrisError } from "../../../../runtime/errors.ts";

/** Not there, not for us, or gone in the middle. */
const UNREACHABLE = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "EACCES",
  "EPERM",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
]);

/** The HTTP status that the engine answered with; `undefined` if it did not answer. */
export function statusOf(thrown: unknown): number | undefined {
  const { statusCode } = (thrown ?? {}) as { statusCode?: unknown };
  return typeof statusCode === "number" ? statusCode : undefined;
}

/** `doing` is such as `start container root/web`; `image` is the one that it was to be made of. */
export function engineError(thrown: unknown, doing: string, address: string, image?: string): IrisError {
  if (IrisError.is(thrown)) return thrown;
  const status = statusOf(thrown);
  const { code = "", message } = (
    thrown instanceof Error ? thrown : new Error(String(thrown))
  ) as NodeJS.ErrnoException;
  if (status === undefined) return unreachable(thrown, doing, address, code, message);
  const { json } = thrown as { json?: { message?: string } };
  const said = (json?.message ?? message).trim();
  const [as, wayOut] = refusal(status, said, image);
  return new IrisError(as, `cannot ${doing}: ${said}${wayOut}`, { cause: thrown, retryable: false });
}

function unreachable(cause: unknown, doing: string, address: string, code: string, message: string): IrisError {
  const wayOut =
    code === "EACCES" || code === "EPERM"
      ? "this user may not use it: add it to the group docker, or run as one that may"
      : "start Docker, or point DOCKER_HOST at an engine that runs";
  const what = UNREACHABLE.has(code) ? code : message;
  return new IrisError(
    "UNAVAILABLE",
    `cannot ${doing}: no container engine answers at ${address} (${what}): ${wayOut}`,
    {
      cause,
    },
  );
}

function refusal(status: number, said: string, image: string | undefined): [ErrorCode, string] {
  if (status === 404 && image !== undefined && /no such image/i.test(said)) {
    return ["NOT_FOUND", `: pull it (docker pull ${image}) or build it first`];
  }
  if (status === 404) return ["NOT_FOUND", ""];
  if (/port is already allocated|address already in use/i.test(said)) {
    return ["ALREADY_EXISTS", ": publish another port, or end what holds it"];
  }
  // A command that cannot be run is told as the engine's own failure.
  if (status === 400 || status === 409 || /OCI runtime create failed|bind source path/i.test(said)) {
    return ["INVALID_ARGUMENT", ""];
  }
  return ["INTERNAL", ""];
}
