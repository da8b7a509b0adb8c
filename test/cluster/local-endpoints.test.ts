import test from "ava";
import { Entrypoint } from "../../src/cluster/client/entrypoint.ts";
import { IrisClient } from "../../src/cluster/iris-client.ts";
import { ActorServer } from "../../src/net/server.ts";
import { Calculator, callChild } from "./jobs/calculator.ts";

test.beforeEach((t) => t.timeout(60_000));

const small = { cpu: 0.1, memory: "64MiB" };

test.serial("a job calls by name the actors that its child serves, and nobody outside sees them", async (t) => {
  await using client = await IrisClient.local({ cpu: 2 });
  const other = await client.submit({
    name: "other",
    entrypoint: Entrypoint.fromModule("./test/cluster/jobs/calculator.ts", "serve"),
    resources: small,
  });
  for await (const { data } of other.logs({ follow: true })) if (data === "serving") break;
  const job = await client.submit({ name: "root", entrypoint: Entrypoint.fromCallable(callChild), resources: small });
  t.deepEqual(await job.result(), {
    sum: 5,
    members: 2,
    named: ["calculator", "calculator", "calculator-spare"],
  });
  t.deepEqual(await client.endpoints(), [], "the user's own namespace");
  const inside = await client.endpoints("", { namespace: other.id });
  t.deepEqual(
    inside.map(({ name, taskId }) => [name, taskId]),
    [["calculator", `${other.id}/0`]],
  );
  t.deepEqual(await client.endpoints("", { namespace: job.id }), [], "gone with the job");
});

test.serial("a program outside any job serves and finds actors in its own namespace", async (t) => {
  await using client = await IrisClient.local();
  await using server = new ActorServer({ token: null });
  await server.register("calculator", new Calculator());
  await server.listen();
  const endpoint = await client.endpointRegistry.register("calculator", server.address, { by: "hand" });
  t.is(endpoint.namespace, "default");
  await using pool = client.resolver().lookup<Calculator>("calculator");
  t.is(await pool.call({ timeoutMs: 10_000 }).add(20, 22), 42);
  await client.endpointRegistry.unregister(endpoint.endpointId);
  t.deepEqual(await client.resolver().resolve("calculator"), []);
});
