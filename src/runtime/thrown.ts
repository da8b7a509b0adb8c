/**
 * Which errors came out of a method, as opposed to those that a call met with before it ran. An error does not tell: a
 * method may throw on what another call was refused with, even one to its own actor. Weak: it keeps no error alive.
 */
const thrownByMethods = new WeakSet<object>();

/** Notes what a method has thrown. */
export function noteThrown(thrown: unknown): void {
  if (typeof thrown === "object" && thrown !== null) thrownByMethods.add(thrown);
}

/** Whether a method of this process has thrown this very error: what it fails has run. */
export function wasThrown(error: object): boolean {
  return thrownByMethods.has(error);
}
