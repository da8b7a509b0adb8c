/** The part of msgpackr that is measured. */
import { createRequire } from "node:module";

interface Packr {
  pack(value: unknown): Uint8Array;
  unpack(bytes: Uint8Array): unknown;
}

export const { Packr } = createRequire(new URL("../peers/package.json", import.meta.url))("msgpackr") as {
  Packr: new (options: { useRecords: boolean; moreTypes: boolean; structures?: unknown[] }) => Packr;
};
