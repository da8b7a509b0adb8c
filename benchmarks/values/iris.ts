/** Iris's codec as calls use it: each message by itself, in one, sharing nothing. */
import { value } from "./build.ts";
import { casesOf } from "./codec.ts";

export const cases = casesOf({ encode: value.encodeValue, decode: (bytes) => value.decodeValue(bytes) });
