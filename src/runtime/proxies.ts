/**
 * What `ref.call()` and `ref.tell()` give: objects with the actor's methods. They are made once per class, as prototypes,
 * so that a call costs no trap; only a name that is no method falls through to a `Proxy`, which answers like the actor
 * would: `NO_SUCH_METHOD`. They decide nothing else.
 */
import type { Door, SendOptions } from "./door.ts";
import { Method, type Methods } from "./methods.ts";
import type { CallOptions, TellOptions } from "./ref.ts";

type Sends = (this: Caller | Teller, ...args: unknown[]) => unknown;
/** Looked up by the language on any object: answering them would make the proxy a promise, or break printing it. */
const NOT_METHODS: ReadonlySet<string> = new Set(["then", "toJSON"]);

/** Calls through it give answers. */
class Caller {
  readonly #cell: Door;
  readonly #options: CallOptions | undefined;

  constructor(cell: Door, options: CallOptions | undefined) {
    this.#cell = cell;
    this.#options = options;
  }

  get #send(): SendOptions | undefined {
    const options = this.#options;
    if (options === undefined) return undefined;
    return { deadlineAt: deadlineIn(this.#cell, options.timeoutMs), signal: options.signal };
  }

  static ask(caller: Caller, method: Method, args: unknown[]): Promise<unknown> {
    return caller.#cell.ask(method, args, caller.#send);
  }

  static stream(caller: Caller, method: Method, args: unknown[]): AsyncIterable<unknown> {
    return caller.#cell.stream(method, args, caller.#send);
  }

  [Symbol.toPrimitive](): string {
    return `[calls to ${this.#cell.path}]`;
  }
}

/** Calls through it give whether the message was accepted. */
class Teller {
  readonly #cell: Door;
  readonly #options: TellOptions | undefined;

  constructor(cell: Door, options: TellOptions | undefined) {
    this.#cell = cell;
    this.#options = options;
  }

  static tell(teller: Teller, method: Method, args: unknown[]): boolean {
    const cell = teller.#cell;
    const timeoutMs = teller.#options?.timeoutMs;
    const send = timeoutMs === undefined ? undefined : { deadlineAt: deadlineIn(cell, timeoutMs) };
    return cell.tell(method, args, send) === undefined;
  }

  [Symbol.toPrimitive](): string {
    return `[messages to ${this.#cell.path}]`;
  }
}

type Made<P, O> = new (cell: Door, options: O) => P;

/** By the map of methods, of which there is one per class. */
const callers = new WeakMap<Methods, Made<Caller, CallOptions | undefined>>();
const tellers = new WeakMap<Methods, Made<Teller, TellOptions | undefined>>();

/** The methods of `cell`'s class as calls. */
export function callerFor(cell: Door, options: CallOptions | undefined): object {
  const { methods } = cell;
  let made = callers.get(methods);
  if (made === undefined) {
    made = class extends Caller {};
    define(made.prototype, methods, (method) =>
      method.kind === "stream"
        ? function (this: unknown, ...args: unknown[]) {
            return Caller.stream(this as Caller, method, args);
          }
        : function (this: unknown, ...args: unknown[]) {
            return Caller.ask(this as Caller, method, args);
          },
    );
    callers.set(methods, made);
  }
  return new made(cell, options);
}

/** The methods of `cell`'s class as messages. */
export function tellerFor(cell: Door, options: TellOptions | undefined): object {
  const { methods } = cell;
  let made = tellers.get(methods);
  if (made === undefined) {
    made = class extends Teller {};
    define(
      made.prototype,
      methods,
      (method) =>
        function (this: unknown, ...args: unknown[]) {
          return Teller.tell(this as Teller, method, args);
        },
    );
    tellers.set(methods, made);
  }
  return new made(cell, options);
}

function deadlineIn(cell: Door, timeoutMs: number | undefined): number | undefined {
  return timeoutMs === undefined ? undefined : cell.clock.now() + timeoutMs;
}

function define(prototype: object, methods: Methods, make: (method: Method) => Sends): void {
  Reflect.deleteProperty(prototype, "constructor");
  for (const name of methods.keys()) Object.defineProperty(prototype, name, { value: make(Method.of(methods, name)) });
}

/** Below the base classes: every name that nothing above has. */
function catchAll(
  base: { prototype: object },
  send: (receiver: never, method: Method, args: unknown[]) => unknown,
): void {
  Reflect.deleteProperty(base.prototype, "constructor");
  const missing = new Proxy(Object.create(null) as object, {
    get: (_target, name, receiver) =>
      typeof name === "symbol" || NOT_METHODS.has(name)
        ? undefined
        : (...args: unknown[]) => send(receiver as never, new Method(name, undefined, undefined), args),
    has: () => false,
  });
  Object.setPrototypeOf(base.prototype, missing);
}

catchAll(Caller, Caller.ask);
catchAll(Teller, Teller.tell);
