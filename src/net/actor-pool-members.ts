/**
 * Where a pool's members come from: whoever knows pushes the whole set after each change. A list in the program and a
 * watch at the controller look the same to a pool. The one invariant: `subscribe` tells of later sets only, so read
 * `current` after subscribing.
 */
import type { Endpoint } from "./wire/iris.ts";

export interface MemberSource {
  /** The members as known now; one `endpointId` occurs once. */
  current(): readonly Endpoint[];
  /** Calls `fn` with each later set, until the returned function is called. */
  subscribe(fn: (endpoints: readonly Endpoint[]) => void): () => void;
  /** Nobody listens any more. Safe to call twice. */
  close(): void;
}

/** Members that whoever holds this sets by hand. */
export class MemberList implements MemberSource {
  readonly #listeners = new Set<(endpoints: readonly Endpoint[]) => void>();
  #endpoints: readonly Endpoint[];

  constructor(endpoints: readonly Endpoint[] = []) {
    this.#endpoints = endpoints;
  }

  current(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Replaces the whole set. */
  set(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    for (const listener of [...this.#listeners]) listener(endpoints);
  }

  subscribe(fn: (endpoints: readonly Endpoint[]) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  close(): void {
    this.#listeners.clear();
  }
}
