/** Iris's codec between two ends that know each other's keys, long bytes uncopied at both. */
import { value } from "./build.ts";
import { casesOf, everyValue } from "./codec.ts";

const here = new value.ValueSession();
const there = new value.ValueSession();
for (let i = 0; i < 10; i++) {
  for (const one of everyValue()) {
    there.decode(here.encode(one));
    here.decode(there.encode(one));
  }
}

export const cases = casesOf({
  encode: (one) => here.encodePieces(one),
  decode: (bytes) => there.decode(bytes, "value"),
});
