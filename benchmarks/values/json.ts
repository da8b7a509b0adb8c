/** JSON as it is usually sent: as UTF-8. */
import { casesOf } from "./codec.ts";

export const cases = casesOf({
  encode: (value) => Buffer.from(JSON.stringify(value), "utf8"),
  decode: (bytes) => JSON.parse((bytes as Buffer).toString("utf8")),
});
