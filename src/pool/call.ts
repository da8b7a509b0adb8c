/**
 * A call on its way: the function's code, known by its hash so that each worker is sent it once, and its arguments; and
 * its outcome on the way back. Both sides of a pool use this, so that threads and machines behave the same.
 */
import { createHash } from "node:crypto";
import { loadCallable, packCallable } from "../net/callable/index.ts";
import { decodeValue, encodeValue } from "../net/value/index.ts";
import { type Callable, CallableCodec } from "../net/wire/iris.ts";
import { IrisError, toError } from "../runtime/errors.ts";
import type { Clock } from "../runtime/ports/clock.ts";
import type { RunningCall } from "./context.ts";
import { SharedList } from "./shared.ts";

export type AnyFunction = (...args: never[]) => unknown;
export type LoadedFunction = (...args: unknown[]) => unknown;

/** A function as it travels. */
export interface Code {
  /** Of its bytes: the same function of the same program has the same. */
  readonly hash: string;
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Call {
  readonly code: Code;
  /** An array in the value format. */
  readonly args: Uint8Array;
  /** What its pool shares: each worker has all of it that there was when the call was made. */
  readonly shared: SharedList;
  readonly sharedSize: number;
}

/** How a function ended: with a value or an error, in the value format. */
export interface Answer {
  readonly ok: boolean;
  readonly bytes: Uint8Array;
  /** Time from begin to end. Unit: ms. */
  readonly tookMs: number;
}

const HASH_CHARACTERS = 32;
const NOTHING_SHARED = new SharedList();
const codes = new WeakMap<Callable, Code>();

/** Throws `NOT_SHIPPABLE` when the function or an argument cannot travel. */
export function packCall(
  fn: AnyFunction,
  args: readonly unknown[],
  workspace: string | null,
  shared: SharedList = NOTHING_SHARED,
): Call {
  const callable = packCallable(fn, { workspace });
  let code = codes.get(callable);
  if (code === undefined) {
    const bytes = CallableCodec.encode(callable);
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, HASH_CHARACTERS);
    code = { hash, name: fn.name === "" ? "(anonymous)" : fn.name, bytes };
    codes.set(callable, code);
  }
  return { code, args: encodeValue(args), shared, sharedSize: shared.size };
}

/** The function of some code. Rejects as `loadCallable` does, and with `PROTOCOL_ERROR` for bytes that are none. */
export async function loadCode(bytes: Uint8Array, workspace: string | null): Promise<LoadedFunction> {
  return loadCallable(CallableCodec.decode(bytes), { workspace });
}

/**
 * Runs a function and packs how it ended. Never rejects: what the function throws is an answer, and so is a function that
 * cannot be loaded or a result that cannot be sent.
 */
export async function answerOf(
  load: Promise<LoadedFunction>,
  args: Uint8Array,
  clock: Pick<Clock, "now">,
  running: RunningCall,
): Promise<Answer> {
  let startedAt = clock.now();
  let ok = true;
  let bytes: Uint8Array;
  try {
    const fn = await load;
    startedAt = clock.now();
    const read = decodeValue(args) as unknown[];
    bytes = encodeValue(await running.run(() => fn(...read)));
  } catch (error) {
    ok = false;
    bytes = encodeThrown(error);
  }
  return { ok, bytes, tookMs: clock.now() - startedAt };
}

/** What was thrown, as it is if it can travel; else an error that says the same. */
function encodeThrown(thrown: unknown): Uint8Array {
  try {
    return encodeValue(thrown);
  } catch {
    const { name, message, stack } = toError(thrown);
    const plain = new Error(message);
    Object.assign(plain, { name, stack });
    return encodeValue(plain);
  }
}

/** What an answer says. Throws the function's own error, or `PROTOCOL_ERROR` for bytes that say nothing. */
export function readAnswer(answer: Pick<Answer, "ok" | "bytes">): unknown {
  const value = decodeValue(answer.bytes);
  if (!answer.ok) throw value;
  return value;
}

/** An answer that crossed the wire inside other data; throws `PROTOCOL_ERROR` for what is none. */
export function asAnswer(value: unknown): Answer {
  const { ok, bytes, tookMs } = (typeof value === "object" && value !== null ? value : {}) as Partial<Answer>;
  if (typeof ok === "boolean" && bytes instanceof Uint8Array && typeof tookMs === "number")
    return { ok, bytes, tookMs };
  throw new IrisError("PROTOCOL_ERROR", "a worker of a pool answered with something else than an answer");
}
