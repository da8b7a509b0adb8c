/** A subject's code by its place: `iris`, or `net:batched` for one of two in a file. */
import type { RpcSubject } from "./subject.ts";

export async function loadSubject(place: string): Promise<RpcSubject> {
  const [file, variant] = place.split(":");
  const { subject } = (await import(`./subjects/${file}.ts`)) as { subject: RpcSubject | ((v: string) => RpcSubject) };
  return typeof subject === "function" ? subject(variant ?? "") : subject;
}
