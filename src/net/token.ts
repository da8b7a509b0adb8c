/**
 * The cluster's token: one secret per user, in a file that only they can read, so that programs of one user on one
 * machine find and trust each other without any set-up (Erlang's cookie). Not the tokens of tasks: a controller mints
 * those. The one invariant: a secret is never written where others can read it, nor compared in a time that tells of it.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { IrisError } from "../runtime/errors.ts";
import { opaqueId } from "../runtime/ids.ts";
import { type Environment, processEnvironment } from "../runtime/ports/environment.ts";
import { type Random, systemRandom } from "../runtime/ports/random.ts";

/** 32 characters of 6 bits: nobody guesses 192 bits. */
const TOKEN_CHARS = 32;
/** Permission bits of group and others. */
const OTHERS = 0o077;

/** Whether two secrets are the same, in a time that depends on neither. */
export function constantTimeEqual(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

/**
 * The user's token: `IRIS_TOKEN`, or the content of `$IRIS_HOME/token` (default `~/.iris/token`), which is made, mode
 * 0600, when it is missing. Throws `PERMISSION_DENIED` when others can read the file, `FAILED_PRECONDITION` when it is
 * empty or cannot be made.
 */
export function userToken(env: Environment = processEnvironment, random: Random = systemRandom): string {
  const given = env.IRIS_TOKEN?.trim();
  if (given !== undefined && given !== "") return given;
  const home = env.IRIS_HOME || join(env.HOME || homedir(), ".iris");
  const file = join(home, "token");
  try {
    return readToken(file) ?? makeToken(home, file, random);
  } catch (cause) {
    if (IrisError.is(cause)) throw cause;
    const message = `the token file ${file} cannot be used: ${(cause as Error).message}; set IRIS_TOKEN or IRIS_HOME`;
    throw new IrisError("FAILED_PRECONDITION", message, { cause });
  }
}

function readToken(file: string): string | undefined {
  let token: string;
  try {
    token = readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (process.platform !== "win32" && (statSync(file).mode & OTHERS) !== 0) {
    throw new IrisError("PERMISSION_DENIED", `others can read the token file ${file}; run: chmod 600 ${file}`);
  }
  if (token === "") throw new IrisError("FAILED_PRECONDITION", `the token file ${file} is empty; delete it`);
  return token;
}

/** Written beside and then linked: of two programs that begin at once, both end up with the same whole token. */
function makeToken(home: string, file: string, random: Random): string {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const mine = `${file}.${opaqueId(random, 8)}`;
  writeFileSync(mine, `${opaqueId(random, TOKEN_CHARS)}\n`, { mode: 0o600, flag: "wx" });
  try {
    chmodSync(mine, 0o600);
    linkSync(mine, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(mine, { force: true });
  }
  const token = readToken(file);
  if (token === undefined) throw new IrisError("FAILED_PRECONDITION", `the token file ${file} vanished; try again`);
  return token;
}

function digest(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
