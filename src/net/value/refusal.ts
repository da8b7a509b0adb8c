/**
 * What does not travel as a value, and why. A guess errs on the side of refusing: something that would arrive empty,
 * because what it holds is out of sight, is worse than an error at the sender.
 */
import { EventEmitter } from "node:events";
import { types } from "node:util";

/** What `value` is and why it cannot be sent, or undefined for what may travel by its own enumerable properties. */
export function refusal(value: unknown): readonly [what: string, why: string] | undefined {
  if (typeof value === "symbol") {
    return [String(value), "only symbols of the registry are the same at the other end; use Symbol.for()"];
  }
  if (typeof value === "function") {
    const name = value.name === "" ? "a function" : `function ${value.name}`;
    return [name, "values are data; a function travels as the one that is called, not as an argument or result"];
  }
  if (typeof value !== "object" || value === null) return undefined;
  return refusedObject(value);
}

function refusedObject(value: object): readonly [string, string] | undefined {
  if (types.isProxy(value)) return ["a proxy", "what it stands for is out of sight; send the thing itself"];
  if (types.isPromise(value)) return ["a Promise", "await it first and send its result"];
  if (types.isWeakMap(value) || types.isWeakSet(value)) {
    return [types.isWeakMap(value) ? "a WeakMap" : "a WeakSet", "its content is invisible"];
  }
  if (value instanceof WeakRef) return ["a WeakRef", "it holds on to nothing; send what it refers to"];
  if (types.isSharedArrayBuffer(value)) return ["a SharedArrayBuffer", "memory is not shared between processes"];
  if (types.isArrayBuffer(value)) return ["an ArrayBuffer", "it is detached: its bytes are elsewhere now"];
  if (types.isGeneratorObject(value)) return ["a running generator", "it cannot be moved; collect its values first"];
  if (types.isBoxedPrimitive(value)) return [`a ${value.constructor.name} object`, "send the primitive value"];
  const name = className(value);
  if (value instanceof EventEmitter || value instanceof EventTarget || isHandle(value)) {
    return [name, "it is bound to this process; send what is needed to make another"];
  }
  // Host objects (Headers, Blob, KeyObject, iterators, Intl…) keep their state inside and show nothing of it.
  if (Symbol.toStringTag in value && Object.keys(value).length === 0) {
    return [name, "its state is out of sight; send plain data"];
  }
  return undefined;
}

/** Timers, sockets and the like: what can be asked to keep the process alive. */
function isHandle(value: object): boolean {
  return typeof (value as { unref?: unknown }).unref === "function";
}

function className(value: object): string {
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
  if (typeof name !== "string" || name === "") return "an object";
  return `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;
}
