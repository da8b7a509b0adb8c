/** Random names. Made with nanoid from the `Random` port, so that a seeded run mints the same ones. */
import { customRandom, urlAlphabet } from "nanoid";
import type { Random } from "./ports/random.ts";

const LOWERCASE_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** `length` characters of `0-9a-z`: 5.17 bits each. For what people read and type: job ids, worker ids. */
export function readableId(random: Random, length: number): string {
  return customRandom(LOWERCASE_ALPHABET, length, (size) => random.bytes(size))();
}

/** `length` characters of `A-Za-z0-9_-`: 6 bits each. For what machines compare: uids (16) and secrets (32). */
export function opaqueId(random: Random, length: number): string {
  return customRandom(urlAlphabet, length, (size) => random.bytes(size))();
}
