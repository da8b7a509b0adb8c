/**
 * Numbers for the names that a session keeps repeating: target and method are sent once, with a number, and afterwards
 * by the number alone. Each direction has its own. The one invariant: a number is used alone only once a frame that gave
 * it its names has left, and never changes its meaning.
 */
import { IrisError } from "../runtime/errors.ts";

/** What an end that understands the numbers says in its hello. */
export const ROUTES_FEATURE = "routes";

/** Numbers of one direction of one session, by the protocol: half a megabyte of names at the worst. */
const ROUTES_MAX = 1_024;
/** Longest name that is worth a number, by the protocol. Unit: bytes. */
const NAME_BYTES_MAX = 255;

/** A target and a method of it. */
export interface Route {
  /** 0: it has no number, and is sent by its names. */
  readonly id: number;
  readonly target: string;
  readonly method: string;
  /** For messages. */
  readonly what: string;
  readonly targetBytes: Uint8Array;
  readonly methodBytes: Uint8Array;
}

class KnownRoute implements Route {
  readonly id: number;
  readonly target: string;
  readonly method: string;
  readonly what: string;
  readonly targetBytes: Uint8Array;
  readonly methodBytes: Uint8Array;
  /** Ticket of the last frame with the names, -1 before there is one, 0 once it is certain that one has left. */
  namedBy = -1;

  constructor(id: number, target: string, method: string) {
    this.id = id;
    this.target = target;
    this.method = method;
    this.what = `${target}.${method}`;
    this.targetBytes = Buffer.from(target);
    this.methodBytes = Buffer.from(method);
  }
}

/** The numbers that this end gives. */
export class OutboundRoutes {
  readonly #byTarget = new Map<string, Map<string, KnownRoute>>();
  /** The one used last: whoever is in a hurry calls the same again and again. */
  #last = new KnownRoute(0, "", "");
  #count = 0;
  #numbered = false;

  /** The other end understands numbers. Said before the first call. */
  number(): void {
    this.#numbered = true;
  }

  of(target: string, method: string): Route {
    const last = this.#last;
    if (last.target === target && last.method === method) return last;
    let methods = this.#byTarget.get(target);
    const known = methods?.get(method);
    if (known !== undefined) {
      this.#last = known;
      return known;
    }
    if (this.#count >= ROUTES_MAX) return new KnownRoute(0, target, method);
    const id = this.#numbered && isNameable(target) && isNameable(method) ? this.#count + 1 : 0;
    const route = new KnownRoute(id, target, method);
    if (id === 0 && this.#numbered) return route;
    this.#count++;
    if (methods === undefined) {
      methods = new Map();
      this.#byTarget.set(target, methods);
    }
    methods.set(method, route);
    this.#last = route;
    return route;
  }

  /** Whether a frame must bear the names, as none that did is certain to have left; `hasLeft` knows of a ticket. */
  mustName(route: Route, hasLeft: (ticket: number) => boolean): boolean {
    const known = route as KnownRoute;
    if (known.namedBy === 0) return false;
    if (known.id === 0 || known.namedBy === -1 || !hasLeft(known.namedBy)) return true;
    known.namedBy = 0;
    return false;
  }

  /** A frame with the names was put. It may yet be taken back; then the next one names them again. */
  named(route: Route, ticket: number): void {
    (route as KnownRoute).namedBy = ticket;
  }
}

/** What a number of the other end stands for. */
export interface Named {
  readonly target: string;
  readonly method: string;
  readonly what: string;
}

/** The numbers that the other end has given. */
export class InboundRoutes {
  readonly #names: (Named | undefined)[] = [];

  /** What is called, by number or by names. Throws `PROTOCOL_ERROR` for a number that is unknown or means another. */
  of(id: number, target: string, method: string): Named {
    if (id === 0) return { target, method, what: `${target}.${method}` };
    const known = this.#names[id];
    if (target === "" && method === "") {
      if (known === undefined) throw new IrisError("PROTOCOL_ERROR", `route ${id} was never given a name`);
      return known;
    }
    if (known !== undefined) {
      if (known.target === target && known.method === method) return known;
      throw new IrisError("PROTOCOL_ERROR", `route ${id} is ${known.what} already`);
    }
    if (id > ROUTES_MAX || !isNameable(target) || !isNameable(method)) {
      throw new IrisError("PROTOCOL_ERROR", `route ${id} is above ${ROUTES_MAX}, or its names are too long`);
    }
    const named = { target, method, what: `${target}.${method}` };
    this.#names[id] = named;
    return named;
  }
}

function isNameable(name: string): boolean {
  return name !== "" && name.length <= NAME_BYTES_MAX && Buffer.byteLength(name) <= NAME_BYTES_MAX;
}
