/** Actors that tests serve from jobs, and jobs that call them. */
import { irisCtx } from "../../../src/cluster/client/context.ts";
import { Entrypoint } from "../../../src/cluster/client/entrypoint.ts";
import { ActorServer } from "../../../src/net/server.ts";

export class Calculator {
  add(a: number, b: number): number {
    return a + b;
  }
}

/** Serves until it is stopped. */
export async function serve(): Promise<void> {
  await using server = new ActorServer();
  await server.register("calculator", new Calculator());
  console.log("serving");
  await server.serve();
}

/** Submits a child that serves, and calls it by name. */
export async function callChild(): Promise<{ sum: number; members: number; named: string[] }> {
  const { client, resolver, controller } = irisCtx();
  await client.submit({
    name: "server",
    entrypoint: Entrypoint.fromModule("./test/cluster/jobs/calculator.ts", "serve"),
    resources: { cpu: 0.1, memory: "64MiB" },
    replicas: 2,
  });
  await using pool = resolver.lookup<Calculator>("calculator");
  await pool.waitForSize(2, { timeoutMs: 30_000 });
  const sum = await pool.call({ timeoutMs: 10_000 }).add(2, 3);
  const extra = await controller.endpointRegistry.register("calculator-spare", "ws://127.0.0.1:9", { kind: "spare" });
  const named = (await client.endpoints("calc")).map(({ name }) => name).sort();
  await controller.endpointRegistry.unregister(extra.endpointId);
  return { sum, members: pool.size, named };
}
