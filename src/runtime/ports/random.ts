/**
 * Chance, handed in from outside: jitter, ids and tokens come from a `Random`, so that a seeded one repeats a run byte
 * for byte.
 */
import { randomFillSync } from "node:crypto";

export interface Random {
  /** A number in [0, 1), for jitter and choices; not for secrets. */
  next(): number;
  /** `length` fresh bytes. The system's are fit for secrets; a seeded one's are not. */
  bytes(length: number): Uint8Array;
}

/** The machine's own randomness. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (length) => randomFillSync(new Uint8Array(length)),
};
