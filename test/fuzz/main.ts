/** `npm run fuzz -- --inputs 10000000 --seed 1`: feeds the decoders of frames and values, and says what came of it. */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: { inputs: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" } },
});
const startedAt = performance.now();
const report = await fuzz({
  inputs: Number(values.inputs),
  seed: Number(values.seed),
  inputMs: 5_000,
  rssBytes: 1024 ** 3,
  onProgress: (fed) => console.error(`${fed} inputs, ${Math.round((performance.now() - startedAt) / 1_000)} s`),
});
console.log(
  JSON.stringify({ seed: Number(values.seed), ...report, tookMs: Math.round(performance.now() - startedAt) }),
);
