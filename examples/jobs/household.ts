// A job that serves a calculator to its own hierarchy, and has a child look for it.
import { ActorServer } from "iris-runtime";
import { Calculator } from "./calculator.ts";
import { visitFromChild } from "./visitor.ts";

export async function household(): Promise<string> {
  await using server = new ActorServer();
  await server.register("calculator", new Calculator());
  await server.listen();
  return await visitFromChild();
}
