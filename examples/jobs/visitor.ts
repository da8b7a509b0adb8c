// Looks for an actor by name in its own hierarchy, for a moment.
import { Entrypoint, irisCtx } from "iris-runtime";

export async function visit(): Promise<string> {
  const found = await irisCtx().resolver.resolve("calculator");
  return found.length === 0 ? "found nobody" : `found ${found.length}`;
}

export async function visitFromChild(): Promise<string> {
  const child = await irisCtx().client.submit({
    name: "visitor",
    entrypoint: Entrypoint.fromCallable(visit),
    resources: { cpu: 0.1, memory: "64MiB" },
  });
  return await child.result();
}
