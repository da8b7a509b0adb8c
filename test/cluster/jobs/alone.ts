/** Functions that tests run as jobs of their own. */
import { irisCtx } from "../../../src/cluster/client/context.ts";

export function add(a: number, b: bigint): { sum: bigint } {
  return { sum: BigInt(a) + b };
}

export function fail(message: string): never {
  console.log("about to fail");
  throw new RangeError(message);
}

export function whoAmI(): { index: number; numTasks: number; port: number; level: string | undefined } {
  const { taskIndex: index, numTasks, port } = irisCtx();
  return { index, numTasks, port: port("http"), level: process.env.LEVEL };
}
