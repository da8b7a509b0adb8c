/** Four generations of jobs: each submits the next and stays; the oldest ends when a file says so. */
import { existsSync, writeFileSync } from "node:fs";
import { Entrypoint, irisCtx } from "iris-runtime";

const SMALL = { cpu: 0.1, memory: "64MiB" };

export async function parent(file: string): Promise<void> {
  await irisCtx().client.submit({ name: "child", entrypoint: Entrypoint.fromCallable(child, file), resources: SMALL });
  while (!existsSync(`${file}-end`)) await new Promise((resolve) => setTimeout(resolve, 20));
}

export async function child(file: string): Promise<void> {
  await irisCtx().client.submit({
    name: "grandchild",
    entrypoint: Entrypoint.fromCallable(grandchild, file),
    resources: SMALL,
  });
  await forever();
}

export async function grandchild(file: string): Promise<void> {
  await irisCtx().client.submit({
    name: "great-grandchild",
    entrypoint: Entrypoint.fromCallable(greatGrandchild, file),
    resources: SMALL,
  });
  await forever();
}

export async function greatGrandchild(file: string): Promise<void> {
  writeFileSync(file, irisCtx().jobId);
  await forever();
}

function forever(): Promise<never> {
  return new Promise(() => setInterval(() => {}, 60_000));
}
