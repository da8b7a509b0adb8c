/** msgpackr with records: what objects are made of is known to both ends. It reads with constructors made by `new Function`. */
import { casesOf } from "./codec.ts";
import { Packr } from "./msgpackr-library.ts";

const packr = new Packr({ useRecords: true, moreTypes: true, structures: [] });
export const cases = casesOf({ encode: (value) => packr.pack(value), decode: (bytes) => packr.unpack(bytes) });
