/** What `structuredClone` does, as bytes. */
import { deserialize, serialize } from "node:v8";
import { casesOf } from "./codec.ts";

export const cases = casesOf({ encode: serialize, decode: deserialize });
