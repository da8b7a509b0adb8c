/** msgpackr, each message by itself. */
import { casesOf } from "./codec.ts";
import { Packr } from "./msgpackr-library.ts";

const packr = new Packr({ useRecords: false, moreTypes: true });
export const cases = casesOf({ encode: (value) => packr.pack(value), decode: (bytes) => packr.unpack(bytes) });
