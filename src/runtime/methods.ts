/**
 * Which names of an object may be called from outside. The rule is about the class, not about the caller: public methods
 * on the prototype chain, and nothing that the language or the runtime put there.
 */

const HOOKS: ReadonlySet<string> = new Set(["constructor", "onStart", "onStop", "onRestart"]);
/** Names that the language itself looks for on any object; answering them would make a reference look like a promise. */
const LANGUAGE: ReadonlySet<string> = new Set(["then", "toJSON"]);

/** `stream`: an async generator, so a call to it gives many values. */
export type MethodKind = "single" | "stream";

/** By name, the public methods of a class. */
export type Methods = ReadonlyMap<string, MethodKind>;

/** A method as messages name it. There is one per class and name, so what is learned of it is known to all its actors. */
export class Method {
  readonly name: string;
  /** `undefined`: the class has no such public method. */
  readonly kind: MethodKind | "hook" | undefined;
  /** Whose it is. */
  readonly owner: Methods | undefined;
  /** What calling it was seen to give. One that has given a promise once counts as one that waits for ever after. */
  returns: "not known" | "values" | "promises" = "not known";

  constructor(name: string, kind: MethodKind | "hook" | undefined, owner: Methods | undefined) {
    this.name = name;
    this.kind = kind;
    this.owner = owner;
  }

  static of(methods: Methods, name: string): Method {
    let named = namedBy.get(methods);
    if (named === undefined) {
      named = new Map(Array.from(methods, ([own, kind]) => [own, new Method(own, kind, methods)]));
      namedBy.set(methods, named);
    }
    return named.get(name) ?? new Method(name, undefined, methods);
  }
}

const namedBy = new WeakMap<Methods, ReadonlyMap<string, Method>>();

const AsyncGeneratorFunction = Object.getPrototypeOf(async function* () {}).constructor as new () => object;

/** Per prototype, since classes are few and calls are many. Prototypes changed after the first use are not looked at again. */
const known = new WeakMap<object, Methods>();

/**
 * True for a public method of `target`'s class, or of a plain object literal. False for the constructor, lifecycle hooks,
 * what starts with `_`, what lives on `Object.prototype`, accessors, and functions stored in fields of an instance.
 */
export function isPublicMethod(target: object, name: string): boolean {
  return methodsOf(target).has(name);
}

/** The public methods of an instance, or of an object literal. */
export function methodsOf(target: object): Methods {
  const prototype: unknown = Object.getPrototypeOf(target);
  if (prototype === null || prototype === Object.prototype) return methodsOfPrototype(target);
  return methodsOfPrototype(prototype as object);
}

/** The public methods that a class's `prototype` gives to its instances. */
export function methodsOfPrototype(prototype: object): Methods {
  let methods = known.get(prototype);
  if (methods === undefined) {
    methods = collect(prototype);
    known.set(prototype, methods);
  }
  return methods;
}

function collect(prototype: object): Methods {
  const methods = new Map<string, MethodKind>();
  const seen = new Set<string>();
  let at: object | null = prototype;
  while (at !== null && at !== Object.prototype) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      // The most derived one counts: a getter that hides an inherited method is no method.
      if (seen.has(name)) continue;
      seen.add(name);
      if (HOOKS.has(name) || LANGUAGE.has(name) || name.startsWith("_") || name in Object.prototype) continue;
      if (typeof property.value !== "function") continue;
      methods.set(name, property.value instanceof AsyncGeneratorFunction ? "stream" : "single");
    }
    at = Object.getPrototypeOf(at) as object | null;
  }
  return methods;
}
