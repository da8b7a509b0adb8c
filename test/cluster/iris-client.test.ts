import { resolve } from "node:path";
import test from "ava";
import { IrisClient } from "../../src/cluster/iris-client.ts";

/** Nobody listens at the discard port of a test machine. */
const NOBODY = "http://127.0.0.1:9";

test("a remote client's workspace is this process's directory, one from there, or none", async (t) => {
  await using here = IrisClient.remote(NOBODY, { token: "t" });
  await using there = IrisClient.remote(NOBODY, { token: "t", workspace: "examples" });
  await using nowhere = IrisClient.remote(NOBODY, { token: "t", workspace: null });
  t.is(here.workspace, process.cwd());
  t.is(there.workspace, resolve("examples"));
  t.is(nowhere.workspace, null);
  t.is(here.url, NOBODY);
});

test("a remote client of nobody says so, with the URL, over real sockets", async (t) => {
  await using client = IrisClient.remote(NOBODY, { token: "t" });
  await t.throwsAsync(client.workers({ timeoutMs: 200 }), {
    code: "UNAVAILABLE",
    message: /no controller answers at http:\/\/127\.0\.0\.1:9 .*ECONNREFUSED.*iris up/,
  });
});

test("a bad URL is refused when the client is made", (t) => {
  t.throws(() => IrisClient.remote("127.0.0.1:8080", { token: "t" }), { code: "INVALID_ARGUMENT" });
});
