import test from "ava";
import { fuzz } from "../fuzz/fuzz.ts";

test("100 000 inputs, bent and well-formed, end nothing but their own session", async (t) => {
  const report = await fuzz({ inputs: 100_000, seed: 7, inputMs: 5_000, rssBytes: 1024 ** 3 });
  t.deepEqual(report.fed, { value: 25_000, hello: 25_000, session: 50_000 });
  // Inputs that are all refused, or all taken, would try nothing.
  t.true(report.valuesAccepted > 2_500 && report.valuesAccepted < 22_500, `${report.valuesAccepted} values`);
  t.true(report.sessionsClosed > 1_000 && report.sessionsClosed < 75_000, `${report.sessionsClosed} sessions`);
});
