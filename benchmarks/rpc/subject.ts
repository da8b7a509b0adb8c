/** What everybody who is measured gives: a server, and clients of it. Floors move bytes and know no more. */
import { createRequire } from "node:module";
import type { SmallRecord } from "../../src/cli/bench-payload.ts";

/** Something that calls as its users write it: with promises. */
export interface RpcClient {
  small(record: SmallRecord): Promise<SmallRecord>;
  bytes(bytes: Uint8Array): Promise<Uint8Array>;
  /** `count` small records; only who has streams. */
  stream?(count: number): AsyncIterable<SmallRecord>;
}

/** A floor: sends `payload` as the one message of `slot` that is under way, and hands back what comes. */
export interface FloorClient {
  echo(slot: number, payload: Uint8Array, done: (reply: Uint8Array) => void): void;
}

export interface RpcSubject {
  /** Serves an echo at a free port of 127.0.0.1 and resolves with where, in its own words. */
  serve(): Promise<string>;
  /** One connection of its own. */
  connect(address: string): Promise<RpcClient | FloorClient>;
}

export function isFloor(client: RpcClient | FloorClient): client is FloorClient {
  return "echo" in client;
}

const require = createRequire(new URL("../peers/package.json", import.meta.url));

/** A library of `benchmarks/peers`, which has its own package.json; its types are what the caller says. */
export function peer<T>(name: string): T {
  return require(name) as T;
}

/** For protocols without a form for bytes. */
export const toText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
export const fromText = (text: string): Uint8Array => Buffer.from(text, "base64");
