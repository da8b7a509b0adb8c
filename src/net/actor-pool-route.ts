/**
 * Which member of a pool takes a call. Pure: it looks at a list and picks; who is dead or was tried already is not in
 * the list. The one invariant: with `hash`, members that come or go move only the keys that were or will be theirs.
 */

export type Route = "roundRobin" | "leastOutstanding" | { readonly hash: string };

export interface Candidate {
  readonly endpoint: { readonly endpointId: string };
  /** Calls that it has not answered yet. */
  readonly outstanding: number;
}

/**
 * Picks one of `candidates`. `turn` counts the calls of the pool: it is whose turn it is, and breaks ties of
 * `leastOutstanding`. Undefined only when there is none to pick.
 */
export function pickMember<C extends Candidate>(candidates: readonly C[], route: Route, turn: number): C | undefined {
  if (candidates.length <= 1) return candidates[0];
  const next = turn % candidates.length;
  if (route === "roundRobin") return candidates[next];
  if (route === "leastOutstanding") {
    let least = candidates[next];
    for (let step = 1; step < candidates.length; step++) {
      const candidate = candidates[(next + step) % candidates.length];
      if (candidate !== undefined && (least === undefined || candidate.outstanding < least.outstanding))
        least = candidate;
    }
    return least;
  }
  // Rendezvous hashing: each member has a score for the key, the highest takes it. Nothing is kept, nothing is moved.
  let best: C | undefined;
  let bestScore = -1;
  for (const candidate of candidates) {
    const score = hash32(`${route.hash}\u0000${candidate.endpoint.endpointId}`);
    if (score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

/** FNV-1a with MurmurHash3's last step, so that keys that differ in one character spread as well as any. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
